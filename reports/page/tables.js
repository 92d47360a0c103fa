"use strict";
// Methods against patterns and shares, a card for each task and kind of pattern.

const kMostTables = 40;  // more at once would only be slow; the filters reach the others
const kMostLines = 60;   // of a table at first

function openCell(button, cell) {
  showPanel(cell.t, 0, button);
}

function cellNode(cell, isDense) {
  if (cell.r !== undefined) {
    const node =
        make("button", {className: "missing", type: "button"}, "–", make("small", {}, cell.r));
    if (cell.t.length)
      node.onclick = () => openCell(node, cell);
    else
      node.disabled = true;
    return make("td", {}, node);
  }
  const small = [];
  if (cell.e !== null) small.push("± " + errorText(cell.e, cell.v));
  if (cell.d !== null && !isDense) small.push("Δ " + deltaText(cell.d, cell.v));
  if (cell.s) small.push(cell.s);
  const title = cell.w ? cell.w.join("\n") : "where this number comes from";
  const node = make(
      "button", {type: "button", title}, cell.i ? make("b", {}, cell.i) : null,
      numberText(cell.v), ...small.map((text) => make("small", {}, text)));
  if (cell.b) {
    node.classList.add("best");
    node.prepend(make("span", {className: "tick", ariaHidden: "true"}, "✓"));
  }
  if (cell.i) node.classList.add("invalid");
  node.onclick = () => openCell(node, cell);
  return make("td", {}, node);
}

function sortValue(cell) {
  if (cell.r !== undefined || cell.v === null) return null;
  return typeof cell.v === "string" ? Number(cell.v.replace("inf", "Infinity")) : cell.v;
}

/** Dense stays on top, missing numbers at the end, whichever way the rest is sorted. */
function sortedLines(table) {
  const [label, way] = shown.sort.split(/:(?=up$|down$)/);
  const column = table.columns.findIndex((c) => c.label === label);
  if (!shown.sort || (column < 0 && label !== "method")) return table.lines;
  const direction = way === "up" ? 1 : -1;
  const dense = table.lines.filter((l) => l.dense), lines = table.lines.filter((l) => !l.dense);
  lines.sort((a, b) => {
    if (column < 0) return direction * a.method.localeCompare(b.method);
    const x = sortValue(a.cells[column]), y = sortValue(b.cells[column]);
    if (x === null || y === null) return (x === null) - (y === null);
    return direction * (x - y);
  });
  return [...dense, ...lines];
}

function headNode(table, label, first, second) {
  const [sorted, way] = shown.sort.split(/:(?=up$|down$)/);
  const button = make("button", {type: "button", title: "sort by " + label}, first,
                      second === undefined ? null : make("span", {}, second));
  button.onclick = () => {
    // The first click on a column brings the best to the top.
    const best = label === "method" || !table.higher ? "up" : "down";
    const other = way === "up" ? "down" : "up";
    show({sort: `${label}:${sorted === label ? other : best}`});
  };
  const th = make("th", {scope: "col"}, button);
  if (sorted === label) th.setAttribute("aria-sort", way === "up" ? "ascending" : "descending");
  return th;
}

function tableNode(table) {
  const head = make("tr", {}, headNode(table, "method", "method"));
  for (const c of table.columns) {
    // "unstructured 50%" in two lines keeps columns narrow.
    const percent = c.label.slice(c.pattern.length).trim();
    head.append(headNode(table, c.label, c.pattern, percent || "\u00a0"));
  }
  const lines = sortedLines(table);
  const row = (line) => make(
      "tr", {className: line.dense ? "dense" : ""},
      make("th", {scope: "row", title: line.method}, line.method),
      ...line.cells.map((cell) => cellNode(cell, line.dense)));
  const body = make("tbody", {}, ...lines.slice(0, kMostLines).map(row));
  const grid = make("div", {className: "grid"},
                    make("table", {}, make("caption", {className: "offscreen"}, titleOf(table)),
                         make("thead", {}, head), body));
  if (lines.length > kMostLines) {
    const more = make("button", {type: "button", className: "small"}, `all ${lines.length} rows`);
    more.onclick = () => {
      body.append(...lines.slice(kMostLines).map(row));
      more.remove();
    };
    grid.append(more);
  }
  return grid;
}

function titleOf(table) {
  return `${table.model} · ${table.task} · ${table.metric}` +
      (table.structured ? " · structured" : "");
}

function csvOf(table) {
  const field = (text) => /[",\r\n]/.test(text) ? '"' + String(text).replaceAll('"', '""') + '"' : text;
  const rows = [["method", ...table.columns.flatMap((c) => [c.label, c.label + " stderr"])]];
  for (const line of sortedLines(table))
    rows.push([line.method, ...line.cells.flatMap((c) => c.r !== undefined ? ["", ""] :
                                                      [c.v ?? "NaN", c.e ?? ""])]);
  return rows.map((r) => r.map(field).join(",")).join("\r\n") + "\r\n";
}

function latexOf(table) {
  const kSpecial = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"};
  const escaped = (text) =>
      String(text).replace(/[\\~^]|[&%$#_{}]/g, (c) => kSpecial[c] || "\\" + c);
  const row = (cells) => cells.join(" & ") + " \\\\";
  const value = (c) => {
    if (c.r !== undefined) return "--";
    const text = numberText(c.v) + (c.e === null ? "" : ` $\\pm$ ${errorText(c.e, c.v)}`);
    return (c.i ? escaped(c.i) + " " : "") + (c.b ? `\\textbf{${text}}` : text);
  };
  return [
    `% ${titleOf(table)}`, `\\begin{tabular}{l${"r".repeat(table.columns.length)}}`, "\\toprule",
    row(["method", ...table.columns.map((c) => escaped(c.label))]), "\\midrule",
    ...sortedLines(table).map((l) => row([escaped(l.method), ...l.cells.map(value)])),
    "\\bottomrule", "\\end{tabular}", "",
  ].join("\n");
}

function cardNode(table) {
  const better = table.higher ? "higher is better" : "lower is better";
  const unit = table.unit && table.unit !== "share" ? " in " + table.unit : "";
  const actions = make(
      "span", {className: "actions"}, copyButton("CSV", "CSV", () => csvOf(table)),
      copyButton("LaTeX", "LaTeX", () => latexOf(table)),
      copyButton("Command", "command",
                 () => command("report", "--full", "--model", table.model, "--task", table.task)));
  const card = make(
      "section", {className: "card"},
      make("div", {className: "title"},
           make("h2", {}, table.task + (table.structured ? " · structured" : "")),
           make("p", {}, `${table.metric}${unit}, ${better} · protocol ${table.protocol}`), actions),
      tableNode(table));
  if (table.notes.length)
    card.append(make("ul", {className: "notes"}, ...table.notes.map((n) => make("li", {}, n))));
  return card;
}

function tablesView() {
  const all = tablesShown().flatMap(halves);
  const parts = all.slice(0, kMostTables).map((table) => () => cardNode(table));
  if (all.length > kMostTables)
    parts.push(() => make("p", {className: "empty"}, `${kMostTables} of ${
                              all.length} tables are shown; choose a task to see the others.`));
  return parts;
}

/** Arrow keys walk through the cells of a table, as in a spreadsheet. */
document.addEventListener("keydown", (event) => {
  const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]}[event.key];
  const cell = event.target instanceof Element && event.target.closest("#main td, #main tbody th");
  if (!step || !cell || event.target.closest("select, input")) return;
  const row = cell.parentElement, body = row.parentElement;
  const rows = [...body.children], cells = [...row.children];
  for (let r = rows.indexOf(row), c = cells.indexOf(cell);;) {
    r += step[0], c += step[1];
    const next = rows[r] && rows[r].children[c];
    if (!next) return;
    const button = next.querySelector("button:not(:disabled)");
    if (!button) continue;
    button.focus();
    event.preventDefault();
    return;
  }
});
