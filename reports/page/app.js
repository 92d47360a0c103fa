"use strict";
// Tables and filters. Names come from a database anybody may have filled: text only, no markup.

/** An element with properties and children; strings become text nodes. */
function make(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key in node)
      node[key] = value;
    else
      node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

const data = JSON.parse(document.getElementById("data").textContent);
const shown = {
  model: data.models[0] || "",
  task: ""
};
const kMostTables = 40;  // more at once would only be slow; the filters reach the others

/** The digits of bench report. */
function digits(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size >= 1000) return 0;
  return size >= 1000 ? 1 : size >= 100 ? 2 : size >= 1 ? 3 : 4;
}
function numberText(value) {
  if (value === null || value === undefined) return "NaN";
  if (typeof value === "string") return value;  // inf, -inf
  if (Math.abs(value) >= 1e6 && !Number.isInteger(value)) return value.toExponential(3);
  return value.toFixed(digits(value));
}
function deltaText(delta, value) {
  if (typeof delta === "string") return delta[0] === "-" ? delta : "+" + delta;
  const text = Math.abs(delta) >= 1e6 ? delta.toExponential(2) : delta.toFixed(digits(value));
  return (delta >= 0 ? "+" : "").concat(text).replace("-", "\u2212");
}

/** An error with the digits of its value, so that both line up. */
function errorText(error, value) {
  if (typeof error !== "number" || typeof value !== "number") return numberText(error);
  const text = error.toFixed(digits(value));
  return Number(text) ? text : numberText(error);
}

function openCell(button, cell) {
  for (const other of document.querySelectorAll("td .open")) other.classList.remove("open");
  button.classList.add("open");
  showPanel(cell.t, 0);
}

function cellNode(cell, isDense) {
  if (cell.r !== undefined) {
    const node =
        make("button", {className: "missing", type: "button"}, "–", make("small", {}, cell.r));
    if (cell.t.length) {
      node.style.cursor = "pointer";
      node.onclick = () => openCell(node, cell);
    } else {
      node.disabled = true;
    }
    return make("td", {}, node);
  }
  const small = [];
  if (cell.e !== null) small.push("± " + errorText(cell.e, cell.v));
  if (cell.d !== null && !isDense) small.push("Δ " + deltaText(cell.d, cell.v));
  if (cell.s) small.push(cell.s);
  const title = cell.w ? cell.w.join("\n") : "where this number comes from";
  const node = make(
      "button", {type: "button", title},
      cell.i ? make("b", {}, cell.i) : null, numberText(cell.v),
      ...small.map((text) => make("small", {}, text)));
  if (cell.b) node.classList.add("best");
  if (cell.i) node.classList.add("invalid");
  node.onclick = () => openCell(node, cell);
  return make("td", {}, node);
}

function sortValue(cell) {
  if (cell.r !== undefined || cell.v === null) return null;
  return typeof cell.v === "string" ? Number(cell.v.replace("inf", "Infinity")) : cell.v;
}

/** Dense stays on top, missing numbers at the end, whichever way the rest is sorted. */
function sortedLines(table, column, ascending) {
  const [dense, ...lines] = table.lines;
  const direction = ascending ? 1 : -1;
  lines.sort((a, b) => {
    if (column < 0) return direction * a.method.localeCompare(b.method);
    const x = sortValue(a.cells[column]), y = sortValue(b.cells[column]);
    if (x === null || y === null) return (x === null) - (y === null);
    return direction * (x - y);
  });
  return [dense, ...lines];
}

function tableNode(table) {
  const body = make("tbody");
  const head = make("tr");
  const state = {column: -1, ascending: true};
  const fill = () => {
    const rows = sortedLines(table, state.column, state.ascending)
                     .map(
                         (line, i) => make(
                             "tr", {className: i ? "" : "dense"},
                             make("th", {scope: "row", title: line.method}, line.method),
                             ...line.cells.map((cell) => cellNode(cell, !i))));
    body.replaceChildren(...rows);
    [...head.children].forEach((th, i) => {
      if (i - 1 !== state.column)
        th.removeAttribute("aria-sort");
      else
        th.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    });
  };
  ["method", ...table.columns].forEach((column, i) => {
    // "unstructured 50%" in two lines keeps columns narrow.
    const percent = i ? column.label.slice(column.pattern.length).trim() : "";
    const button = make(
        "button", {type: "button"}, i ? column.pattern : column,
        i ? make("span", {}, percent || "\u00a0") : null);
    button.onclick = () => {
      const same = state.column === i - 1;
      // The first click on a column brings the best to the top.
      state.ascending = same ? !state.ascending : i === 0 || !table.higher;
      state.column = i - 1;
      fill();
    };
    head.append(make("th", {scope: "col"}, button));
  });
  fill();
  return make("div", {className: "grid"}, make("table", {}, make("thead", {}, head), body));
}

function cardNode(table) {
  const better = (table.higher ? "higher" : "lower") + " is better";
  const unit = table.unit ? " in " + table.unit : "";
  const parts = make("div", {className: "parts"}, tableNode(table));
  const card = make(
      "section", {className: "card"},
      make(
          "div", {className: "title"}, make("h2", {}, table.task),
          make("p", {}, `${table.metric}${unit}, ${better} · protocol ${table.protocol}`)),
      parts);
  if (table.columns.length > 6) card.classList.add("wide");
  parts.append(curveNode(table));
  if (table.notes.length) {
    card.append(make("ul", {className: "notes"}, ...table.notes.map((n) => make("li", {}, n))));
  }
  return card;
}

function filterNode(label, names, current, choose) {
  const node = make("div", {className: "filter"}, make("span", {}, label));
  if (names.length > 9) {
    const select = make("select", {ariaLabel: label});
    for (const [value, text] of names) select.append(make("option", {value}, text));
    select.value = current;
    select.onchange = () => choose(select.value);
    node.append(select);
    return node;
  }
  for (const [value, text] of names) {
    const tab = make("button", {type: "button", className: "tab", title: text}, text);
    tab.setAttribute("aria-pressed", String(value === current));
    tab.onclick = () => choose(value);
    node.append(tab);
  }
  return node;
}

function remember() {
  const hash = new URLSearchParams(Object.entries(shown).filter(([, v]) => v)).toString();
  history.replaceState(null, "", "#" + hash);
}

function draw() {
  const ofModel = data.tables.filter((t) => t.model === shown.model);
  const tasks = [...new Set(ofModel.map((t) => t.task))];
  if (!tasks.includes(shown.task)) shown.task = "";
  const choose = (key) => (value) => {
    shown[key] = value;
    remember();
    draw();
    window.scrollTo(0, 0);
  };
  document.getElementById("filters").replaceChildren(
      filterNode("Model", data.models.map((m) => [m, m]), shown.model, choose("model")),
      filterNode("Task", [["", "All"], ...tasks.map((t) => [t, t])], shown.task, choose("task")));
  const chosen = ofModel.filter((t) => !shown.task || t.task === shown.task);
  dropCurves();
  hidePanel();
  const main = document.getElementById("tables");
  main.replaceChildren(...chosen.slice(0, kMostTables).map(cardNode));
  if (chosen.length > kMostTables) {
    const text =
        `${kMostTables} of ${chosen.length} tables are shown; choose a task to see the others.`;
    main.append(make("p", {className: "empty"}, text));
  }
  if (!chosen.length)
    main.append(make("p", {className: "empty"}, "There are no results here yet."));
}

function start() {
  const legend = "± standard error, Δ to dense, green the best of a column and what cannot be told from it";
  document.getElementById("summary").textContent =
      [...data.notes, data.written, legend].join(" · ");
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (data.models.includes(wanted.get("model"))) shown.model = wanted.get("model");
  shown.task = wanted.get("task") || "";
  draw();
  const number = data.trials.indexOf(wanted.get("trial"));
  if (number >= 0) showPanel([number], 0);
}
