(function () {
  "use strict";
  var search = document.getElementById("search");
  if (!search) { return; }
  var tiles = Array.from(document.querySelectorAll(".tile"));
  var changes = Array.from(document.querySelectorAll("details.change"));
  var groups = Array.from(document.querySelectorAll("[data-group]"));
  changes.forEach(function (each) { each.words = each.textContent.toLowerCase(); });
  function apply() {
    var wanted = tiles.filter(function (each) { return each.getAttribute("aria-pressed") === "true"; })
      .map(function (each) { return each.dataset.action; });
    var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    changes.forEach(function (each) {
      var fits = (!wanted.length || wanted.indexOf(each.dataset.action) >= 0) &&
        words.every(function (word) { return each.words.indexOf(word) >= 0; });
      each.hidden = !fits;
      if (fits) { shown += 1; }
    });
    groups.forEach(function (group) {
      group.hidden = !group.querySelector("details.change:not([hidden])");
    });
    document.getElementById("nothing").hidden = shown > 0;
    document.getElementById("shown").textContent = shown === changes.length ? "" :
      shown + " of " + changes.length + " shown";
  }
  function all(open) {
    changes.forEach(function (each) { if (!each.hidden) { each.open = open; } });
  }
  tiles.forEach(function (each) {
    each.addEventListener("click", function () {
      each.setAttribute("aria-pressed", each.getAttribute("aria-pressed") === "true" ? "false" : "true");
      apply();
    });
  });
  search.addEventListener("input", apply);
  document.getElementById("open").addEventListener("click", function () { all(true); });
  document.getElementById("close").addEventListener("click", function () { all(false); });
  window.addEventListener("beforeprint", function () { all(true); });
  apply();
})();
