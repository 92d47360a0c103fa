"use strict";
// What a model's trials say at a glance.

function factsNode(model) {
  const tables = data.tables.filter((t) => t.model === model.name);
  const methods = Object.keys(model.series).length;
  const columns = new Set(tables.flatMap((t) => t.columns.map((c) => c.label)));
  const tasks = new Set(tables.map((t) => t.task));
  const fact = (count, one, many) =>
      make("div", {}, make("b", {}, String(count)), " ", count === 1 ? one : many);
  return make(
      "div", {className: "facts"}, fact(methods, "method", "methods"),
      fact(columns.size, "pattern and share", "patterns and shares"),
      fact(tasks.size, "task", "tasks"),
      fact(data.trials.length, "trial in all", "trials in all"),
      make("div", {}, make("b", {}, durationText(data.seconds)), " of work"));
}

function ranksNode(model) {
  const ranks = model.ranks.filter((r) => fits(r.structured));
  if (!ranks.length) return null;
  const parts = ranks.map((r) => make("div", {}, figureNode(r.svg, model)));
  return make(
      "section", {className: "card"},
      make("div", {className: "title"}, make("h2", {}, "Mean rank"),
           make("p", {}, "over the columns of each task's first metric; 1 is best; bars: 95 % over columns"),
           make("span", {className: "actions"},
                copyButton("Command", "command", () => command("plot", "rank", "--model", model.name)))),
      make("div", {className: "parts"}, ...parts));
}

function frontsNode(model) {
  const fronts = model.fronts.filter((f) => !shown.task || f.task === shown.task);
  if (!fronts.length) return null;
  const tasks = [...new Set(fronts.map((f) => `${f.task} ${f.metric}`))];
  const place = make("div", {className: "parts"});
  const choice = make("select", {ariaLabel: "task"});
  for (const t of tasks) choice.append(make("option", {value: t}, t));
  const fill = () => place.replaceChildren(
      ...fronts.filter((f) => `${f.task} ${f.metric}` === choice.value)
          .map((f) => make("div", {}, figureNode(f.svg, model))));
  choice.onchange = fill;
  fill();
  return make(
      "section", {className: "card"},
      make("div", {className: "title"}, make("h2", {}, "Quality against cost"),
           make("p", {}, "large points: nothing measured beats them in both"), choice,
           make("span", {className: "actions"},
                copyButton("Command", "command", () => command("plot", "pareto", "--model", model.name)))),
      place);
}

function isoNode(model) {
  const all = model.iso.filter((i) => !shown.task || i.task === shown.task);
  if (!all.length) return null;
  const tables = all.map((iso) => {
    const rows = iso.rows.filter((k) => fits(isStructured(k.p)) && found(k.m)).slice(0, 12);
    if (!rows.length) return null;
    const keeps = iso.metric === "ppl" || iso.loss === 0.1 ?
        `${iso.metric} ≤ ${numberText(iso.limit)} (dense + ${100 * iso.loss} %)` :
        `${iso.metric} ≥ ${numberText(iso.limit)} (dense − ${100 * iso.loss} points)`;
    return make(
        "div", {className: "iso"}, make("h3", {}, iso.task), make("p", {}, keeps),
        make("table", {}, make("tbody", {}, ...rows.map(
            (k) => make("tr", {}, make("th", {scope: "row", title: k.m}, k.m), make("td", {}, k.p),
                        make("td", {}, (k.least ? "≥ " : "") + (100 * k.s).toFixed(1) + "%"))))));
  });
  if (!tables.some((t) => t)) return null;
  return make("section", {className: "card"},
              make("div", {className: "title"}, make("h2", {}, "Sparsity that keeps quality"),
                   make("p", {}, "share of zero weights, linear between measured points")),
              make("div", {className: "parts"}, ...tables));
}

/** A row a pattern and share, a column a task. */
function leadersNode(model) {
  const tables = tablesShown().filter((t) => t.curve || t.curve_structured);
  const columns = model.columns.filter((c) => fits(isStructured(c.pattern)));
  if (!tables.length || !columns.length) return null;
  const cell = (table, label) => {
    const i = table.columns.findIndex((c) => c.label === label);
    const best = table.lines.filter((l) => !l.dense && l.cells[i] && l.cells[i].b);
    if (!best.length) return make("td", {}, "–");
    best.sort((a, b) => (table.higher ? -1 : 1) * (a.cells[i].v - b.cells[i].v));
    const names = best.slice(0, 3).map((l) => l.method);
    if (best.length > 3) names.push(`${best.length - 3} more`);
    const first = best[0].cells[i];
    const open = make("button", {type: "button", title: "where this number comes from"},
                      make("b", {}, numberText(first.v)), " " + names.join(" = "));
    open.onclick = () => openCell(open, first);
    return make("td", {}, open);
  };
  const heads = tables.map((t) => make("th", {scope: "col"}, t.task, make("span", {}, t.metric)));
  return make(
      "section", {className: "card"},
      make("div", {className: "title"}, make("h2", {}, "Best, with what cannot be told from it"),
           make("p", {}, "95 %, Holm over the column")),
      make("div", {className: "grid"}, make(
          "table", {className: "words"},
          make("thead", {}, make("tr", {}, make("th", {scope: "col"}, "pattern and share"), ...heads)),
          make("tbody", {}, ...columns.map(
              (c) => make("tr", {}, make("th", {scope: "row"}, c.label),
                          ...tables.map((t) => cell(t, c.label))))))));
}

function overviewView() {
  const model = modelShown();
  if (!model) return [];
  return [factsNode, ranksNode, leadersNode, frontsNode, isoNode].map((part) => () => part(model));
}
