"use strict";
// Two methods side by side: over the same items where both have their scores.

function itemsOf(table, cell) {
  const text = cell.t.length ? table.items[String(cell.t[0])] : undefined;
  return text === undefined ? null : new Float32Array(bytesOf(text).buffer);
}

/** The mean difference of items with its 95 % interval, and where they differ. */
function paired(table, a, b) {
  const x = itemsOf(table, a), y = itemsOf(table, b);
  if (!x || !y || x.length !== y.length || x.length < 2) return null;
  let sum = 0, squares = 0, over = 0, under = 0;
  const largest = [];
  for (let i = 0; i < x.length; ++i) {
    const d = x[i] - y[i];
    sum += d, squares += d * d;
    if (d > 0) ++over;
    if (d < 0) ++under;
    if (d) largest.push([Math.abs(d), i, d]);
  }
  const n = x.length, mean = sum / n;
  const error = Math.sqrt(Math.max(0, squares - n * mean * mean) / (n - 1) / n);
  largest.sort((p, q) => q[0] - p[0] || p[1] - q[1]);
  return {n, mean, error, over, under, largest: largest.slice(0, 5)};
}

function verdictOf(table, a, b, pair) {
  const difference = pair ? pair.mean : a.v - b.v;
  const error = pair ? pair.error : Math.hypot(a.e || 0, b.e || 0);
  // Items of a perplexity are losses: more of them is worse, whatever the table's direction.
  const higher = pair && !table.higher ? false : table.higher;
  if (!error) return difference ? (difference > 0 === higher ? "A" : "B") : "equal";
  if (Math.abs(difference) < 1.96 * error) return "not to be told apart";
  return difference > 0 === higher ? "A" : "B";
}

function compareRow(table, column, a, b) {
  const pair = paired(table, a, b);
  const text = pair ?
      `${deltaText(pair.mean, pair.mean)} ± ${errorText(1.96 * pair.error, pair.mean)} an item, over ${pair.n}` :
      `${deltaText(a.v - b.v, a.v)}, not paired`;
  const where = pair ? `A above B on ${pair.over}, below on ${pair.under}` +
      (pair.largest.length ? `; most on ${pair.largest.map((l) => "#" + l[1]).join(", ")}` : "") : "";
  const open = (cell) => {
    const node = make("button", {type: "button"}, numberText(cell.v));
    node.onclick = () => showPanel(cell.t, 0, node);
    return node;
  };
  return make("tr", {}, make("th", {scope: "row"}, `${table.task} ${table.metric}`),
              make("td", {}, column.label), make("td", {}, open(a)), make("td", {}, open(b)),
              make("td", {}, text), make("td", {}, verdictOf(table, a, b, pair)), make("td", {}, where));
}

function compareNodes() {
  const model = modelShown();
  if (!model) return [];
  const dense = tablesShown().flatMap((t) => t.lines.filter((l) => l.dense).map((l) => l.method));
  const names = [...new Set([...dense, ...Object.keys(model.series).sort()])];
  if (names.length < 2) return [make("p", {className: "empty"}, "There is one method only.")];
  const a = names.includes(shown.a) ? shown.a : names.at(-1);
  const b = names.includes(shown.b) && shown.b !== a ? shown.b : names.find((n) => n !== a);
  const pick = (label, value, key) => {
    const select = make("select", {ariaLabel: label});
    for (const n of names) select.append(make("option", {value: n}, n));
    select.value = value;
    select.onchange = () => show({[key]: select.value});
    return make("label", {}, label + " ", select);
  };
  const rows = [];
  for (const t of tablesShown()) {
    if (!t.items) continue;
    const one = t.lines.find((l) => l.method === a), two = t.lines.find((l) => l.method === b);
    if (!one || !two) continue;
    t.columns.forEach((c, i) => {
      const x = one.cells[i], y = two.cells[i];
      if (fits(isStructured(c.pattern)) && x.r === undefined && y.r === undefined &&
          typeof x.v === "number" && typeof y.v === "number")
        rows.push(compareRow(t, c, x, y));
    });
  }
  const heads = ["task", "pattern", "A", "B", "A − B", "better (95 %)", "where they differ"];
  return [make(
      "section", {className: "card"},
      make("div", {className: "title"}, make("h2", {}, "Two methods"), pick("A", a, "a"), pick("B", b, "b"),
           make("span", {className: "actions"}, copyButton("Command", "command",
                () => command("paired", a, b, "--model", model.name)))),
      rows.length ?
          make("div", {className: "grid"}, make("table", {className: "words"},
               make("thead", {}, make("tr", {}, ...heads.map((h) => make("th", {scope: "col"}, h)))),
               make("tbody", {}, ...rows))) :
          make("p", {className: "empty"}, "They share no pattern and share."),
      make("ul", {className: "notes"}, make("li", {}, "item by item where both left scores of the same items (first seed); bench paired corrects for many comparisons")))];
}

function compareView() {
  return compareNodes().map((node) => () => node);
}
