(function () {
  "use strict";
  var search = document.getElementById("search");
  if (!search) { return; }
  var tiles = Array.from(document.querySelectorAll(".tile"));
  var records = Array.from(document.querySelectorAll("details.record"));
  var resources = Array.from(document.querySelectorAll("details.resource"));
  records.concat(resources).forEach(function (each) { each.words = each.textContent.toLowerCase(); });
  function apply() {
    var wanted = tiles.filter(function (each) { return each.getAttribute("aria-pressed") === "true"; })
      .map(function (each) { return each.dataset.how; });
    var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    function says(each) {
      return words.every(function (word) { return each.words.indexOf(word) >= 0; });
    }
    var shown = 0;
    records.forEach(function (each) {
      var fits = (!wanted.length || wanted.indexOf(each.dataset.how) >= 0) && says(each);
      each.hidden = !fits;
      if (fits) { shown += 1; }
    });
    resources.forEach(function (each) { each.hidden = !says(each); });
    document.getElementById("nothing").hidden = shown > 0;
    document.getElementById("shown").textContent = shown === records.length ? "" :
      shown + " of " + records.length + " shown";
  }
  function all(open) {
    records.concat(resources).forEach(function (each) { if (!each.hidden) { each.open = open; } });
  }
  function openTarget() {
    var target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target || target.tagName !== "DETAILS") { return; }
    if (target.hidden) {
      search.value = "";
      tiles.forEach(function (each) { each.setAttribute("aria-pressed", "false"); });
      apply();
    }
    target.open = true;
    target.scrollIntoView({block: "center"});
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
  window.addEventListener("hashchange", openTarget);
  window.addEventListener("beforeprint", function () { all(true); });
  openTarget();
  apply();
})();
