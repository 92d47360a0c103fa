"use strict";
// Views, filters, and drawing what is chosen.

function filterNode(label, names, current, choose) {
  const select = make("select", {});
  for (const [value, text] of names) select.append(make("option", {value}, text));
  select.value = current;
  select.onchange = () => choose(select.value);
  return make("label", {className: "filter"}, make("span", {}, label), select);
}

function drawFilters() {
  const choose = (key) => (value) => show({[key]: value});
  const tasks = [...new Set(data.tables.filter((t) => t.model === shown.model).map((t) => t.task))];
  const find = make("input", {type: "search", value: shown.find, placeholder: "part of a name", id: "find"});
  find.oninput = () => show({find: find.value}, true);
  const nodes = [
    filterNode("Model", data.models.map((m) => [m.name, m.name]), shown.model, choose("model")),
    filterNode("Task", [["", "all"], ...tasks.map((t) => [t, t])], shown.task, choose("task")),
    filterNode("Patterns", [["", "all"], ["unstructured", "unstructured, n:m"], ["structured", "structured"]],
               shown.kind, choose("kind")),
    make("label", {className: "filter"}, make("span", {}, "Methods"), find),
    copyButton("Copy link", "link", () => location.href.split("#")[0] + address()),
  ];
  const place = document.getElementById("filters");
  const typing = document.activeElement && document.activeElement.id === "find";
  const caret = typing ? document.activeElement.selectionStart : 0;
  place.replaceChildren(...nodes);
  if (!typing) return;
  find.focus();
  find.setSelectionRange(caret, caret);
}

function drawViews() {
  document.getElementById("views").replaceChildren(...Object.entries(kViews).map(([view, name]) => {
    const tab = make("a", {className: "tab", href: "#" + new URLSearchParams({view, model: shown.model})}, name);
    if (view === shown.view) tab.setAttribute("aria-current", "page");
    tab.onclick = (event) => {
      event.preventDefault();
      show({view});
      window.scrollTo(0, 0);
    };
    return tab;
  }));
}

const kTogether = 40;  // milliseconds of drawing before the browser may paint
let drawing = 0;

/** Parts one after another, with room for the browser between; a newer drawing ends an older one. */
function append(parts, place, turn) {
  const begin = performance.now();
  while (parts.length && performance.now() - begin < kTogether) {
    const node = parts.shift()();
    if (node) place.append(node);
  }
  if (!parts.length) {
    if (place.childElementCount < 2)
      place.append(make("p", {className: "empty"}, "There is nothing here yet."));
    document.body.dataset.drawn = String(turn);
    return;
  }
  setTimeout(() => {
    if (turn === drawing) append(parts, place, turn);
  });
}

function draw() {
  const tasks = data.tables.filter((t) => t.model === shown.model).map((t) => t.task);
  if (!tasks.includes(shown.task)) shown.task = "";
  document.title = `PruneBench · ${shown.model || "no results"} · ${kViews[shown.view]}`;
  drawViews();
  drawFilters();
  const view = {overview: overviewView, tables: tablesView, curves: curvesView, masks: masksView,
                compare: compareView}[shown.view];
  const place = document.getElementById("main");
  place.replaceChildren(make("h1", {className: "printed"}, `${shown.model} · ${kViews[shown.view]}`));
  delete document.body.dataset.drawn;
  append(view(), place, ++drawing);
}

/** The first number that has a provenance, for who comes by keyboard. */
function skip(event) {
  event.preventDefault();
  if (shown.view !== "tables") show({view: "tables"});
  const first = document.querySelector("#main td button:not(:disabled)");
  (first || document.getElementById("main")).focus();
}

async function start() {
  const marks = performance.now();
  data = JSON.parse(await unpacked(document.getElementById("data").textContent));
  const legend = "± standard error, Δ to dense, ✓ the best of a column and what cannot be told from it";
  document.getElementById("summary").textContent = [...data.notes, data.written, legend].join(" · ");
  readAddress();
  draw();
  const number = data.trials.indexOf(shown.trial);
  if (number >= 0) showPanel([number], 0, null);
  document.getElementById("skip").onclick = skip;
  document.body.dataset.ready = (performance.now() - marks).toFixed(0);
}

window.addEventListener("popstate", () => {
  if (!data) return;
  readAddress();
  draw();
  const number = data.trials.indexOf(shown.trial);
  if (number >= 0)
    showPanel([number], 0, null);
  else
    hidePanel();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, select, textarea");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  document.getElementById("find")?.focus();
});
document.addEventListener("DOMContentLoaded", start);
