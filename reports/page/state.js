"use strict";
// What is shown. All of it stands in the address: a copied link shows the same.

let data = null;
const kViews = {
  overview: "Overview",
  tables: "Tables",
  curves: "Curves",
  masks: "Layers and masks",
  compare: "Compare two",
};
const shown = {
  view: "overview",
  model: "",
  task: "",
  kind: "",     // "structured", "unstructured", or both
  find: "",     // a part of a method's name
  sort: "",     // column and direction of the tables: "unstructured 50%:up"
  hidden: "",   // series that are hidden in figures, by method
  column: "",   // of layers and masks
  with: "",     // of layers and masks: the method that others are laid over
  a: "", b: "", // the two that are compared
  trial: "",
};
const kAlways = ["view", "model"];

function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(shown)) shown[key] = wanted.get(key) || "";
  if (!(shown.view in kViews)) shown.view = "overview";
  if (!data.models.some((m) => m.name === shown.model))
    shown.model = data.models.length ? data.models[0].name : "";
}

function address() {
  const entries = Object.entries(shown).filter(([k, v]) => v || kAlways.includes(k));
  return "#" + new URLSearchParams(entries).toString();
}

/** A step that "back" undoes, unless it is one keystroke of many. */
function remember(replaces) {
  if (location.hash === address()) return;
  history[replaces ? "replaceState" : "pushState"](null, "", address());
}

function show(change, replaces) {
  Object.assign(shown, change);
  remember(replaces);
  draw();
}

function modelShown() {
  return data.models.find((m) => m.name === shown.model);
}

function isStructured(pattern) {
  return pattern !== "unstructured" && pattern !== "dense" && !pattern.includes(":");
}

function fits(structured) {
  return !shown.kind || (shown.kind === "structured") === structured;
}

function found(method) {
  return method.toLowerCase().includes(shown.find.toLowerCase());
}

/** Tables of the model and task that are chosen. */
function tablesShown() {
  return data.tables.filter(
      (t) => t.model === shown.model && (!shown.task || t.task === shown.task));
}

/** Structured and unstructured never share a table. */
function halves(table) {
  const out = [];
  for (const structured of [false, true]) {
    if (!fits(structured)) continue;
    const places = table.columns.map((c, i) => [c, i])
                       .filter(([c]) => isStructured(c.pattern) === structured)
                       .map(([, i]) => i);
    if (!places.length) continue;
    const lines = table.lines.map((l) => ({...l, cells: places.map((i) => l.cells[i])}));
    out.push({
      ...table,
      structured,
      columns: places.map((i) => table.columns[i]),
      lines: lines.filter(
          (l) => l.dense ||
              (found(l.method) && l.cells.some((c) => c.r === undefined || c.t.length))),
    });
  }
  return out;
}
