(function () {
  "use strict";
  var tiles = Array.from(document.querySelectorAll(".tile"));
  var deliveries = Array.from(document.querySelectorAll("details.delivery"));
  var search = document.getElementById("search");
  if (!search) { return; }
  deliveries.forEach(function (each) {
    each.words = (each.dataset.text + " " + each.textContent).toLowerCase();
  });
  function apply() {
    var wanted = tiles.filter(function (each) { return each.getAttribute("aria-pressed") === "true"; })
      .map(function (each) { return each.dataset.verdict; });
    var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    var rows = {}, shown = 0;
    deliveries.forEach(function (each) {
      var fits = (!wanted.length || wanted.indexOf(each.dataset.verdict) >= 0) &&
        words.every(function (word) { return each.words.indexOf(word) >= 0; });
      each.hidden = !fits;
      if (fits) { shown += 1; rows[each.closest("[data-row]").dataset.row] = true; }
    });
    document.querySelectorAll("[data-row]").forEach(function (row) {
      row.hidden = !rows[row.dataset.row];
      if (wanted.length + words.length && row.tagName === "DETAILS") { row.open = true; }
    });
    document.querySelectorAll("a.cell").forEach(function (cell) {
      var verdicts = cell.dataset.verdicts.split(",");
      cell.classList.toggle("faded", wanted.length > 0 &&
        !verdicts.some(function (each) { return wanted.indexOf(each) >= 0; }));
    });
    document.getElementById("nothing").hidden = shown > 0;
    document.getElementById("shown").textContent = shown === deliveries.length ? "" :
      shown + " of " + deliveries.length + " shown";
  }
  function openTarget() {
    var target = location.hash && document.getElementById(location.hash.slice(1));
    for (var each = target; each; each = each.parentElement) {
      if (each.tagName === "DETAILS") { each.open = true; }
    }
    if (target) { target.scrollIntoView({block: "center"}); }
  }
  tiles.forEach(function (each) {
    each.addEventListener("click", function () {
      each.setAttribute("aria-pressed", each.getAttribute("aria-pressed") === "true" ? "false" : "true");
      apply();
    });
  });
  search.addEventListener("input", apply);
  function all(open) {
    document.querySelectorAll("details").forEach(function (each) { if (!each.hidden) { each.open = open; } });
  }
  document.getElementById("open").addEventListener("click", function () { all(true); });
  document.getElementById("close").addEventListener("click", function () { all(false); });
  window.addEventListener("hashchange", openTarget);
  window.addEventListener("beforeprint", function () { all(true); });
  openTarget();
  apply();
})();
