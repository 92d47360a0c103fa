"use strict";
// What a pattern and share did to each layer, and how much the methods' masks agree.

function overlapOf(atlas) {
  const bytes = atlas.bytes || (atlas.bytes = bytesOf(atlas.o));
  const n = atlas.rows.length, layers = atlas.layers.length;
  const pair = (a, b) => (a * (2 * n - a - 1) / 2 + (b - a - 1)) * layers;
  return (a, b, layer) => {
    if (a === b) return atlas.rows[a].z[layer] ? 1 : null;
    const byte = bytes[pair(Math.min(a, b), Math.max(a, b)) + layer];
    return byte === undefined || byte === 255 ? null : byte / 200;
  };
}

function meanOf(values) {
  const there = values.filter((v) => v !== null);
  return there.length ? there.reduce((x, y) => x + y, 0) / there.length : null;
}

/** What every name begins and ends with says nothing. */
function shortNames(names) {
  if (names.length < 2) return names;
  let front = 0, back = 0;
  while (names.every((n) => n[front] !== undefined && n[front] === names[0][front])) ++front;
  while (names.every((n) => n.at(-1 - back) !== undefined && n.at(-1 - back) === names[0].at(-1 - back)))
    ++back;
  while (front > 0 && names[0][front - 1] !== ".") --front;
  return names.map((n) => n.length > front + back ? n.slice(front, n.length - back) : n);
}

function heatNode(caption, rows, columns, value, full, open) {
  const head = make("tr", {}, make("td", {}), ...columns.map((c) => make(
      "th", {scope: "col", title: c}, make("span", {}, c))));
  const body = rows.map((row, r) => make(
      "tr", {}, make("th", {scope: "row", title: row}, row), ...columns.map((c, i) => {
        const v = value(r, i);
        const td = make("td", {title: `${row}, ${c}: ${v === null ? "not recorded" : (100 * v).toFixed(1) + "%"}`},
                        v === null ? "–" : (100 * v).toFixed(0));
        if (v !== null) td.style.setProperty("--heat", Math.max(0, Math.min(1, v / full)).toFixed(3));
        if (open) td.onclick = () => open(r, i);
        return td;
      })));
  return make("div", {className: "grid"}, make("table", {className: "heat"}, make("caption", {}, caption),
              make("thead", {}, head), make("tbody", {}, ...body)));
}

function masksNodes() {
  const model = modelShown();
  const all = (model ? model.atlas : []).filter((a) => fits(a.structured));
  if (!all.length) return [];
  const atlas = all.find((a) => a.column === shown.column) || all[0];
  const choice = make("select", {ariaLabel: "pattern and share"});
  for (const a of all) choice.append(make("option", {value: a.column}, a.column));
  choice.value = atlas.column;
  choice.onchange = () => show({column: choice.value});
  const rows = atlas.rows.map((r, i) => ({...r, i})).filter((r) => found(r.m));
  const names = rows.map((r) => r.m), layers = shortNames(atlas.layers);
  const most = Math.max(0.01, ...rows.flatMap((r) => r.z.filter((z) => z !== null)));
  const overlap = overlapOf(atlas);
  const nodes = [make(
      "section", {className: "card"},
      make("div", {className: "title"}, make("h2", {}, "Zero weights by layer"), choice,
           make("span", {className: "actions"}, copyButton("Command", "command",
                () => command("plot", "layers", "--model", model.name)))),
      heatNode("per cent of each layer's weights that are zero", names, layers, (r, c) => rows[r].z[c],
               most, (r) => showPanel(rows[r].t, 0, null)))];
  const recorded = rows.filter((r) => rows.some((o) => o.i !== r.i && meanOf(
      atlas.layers.map((_, l) => overlap(r.i, o.i, l))) !== null));
  if (recorded.length < 2) {
    nodes.push(make("p", {className: "empty"}, "How masks overlap is not recorded of these trials; run them again (bench run … --again)."));
    return nodes;
  }
  const mean = (a, b) => meanOf(atlas.layers.map((_, l) => overlap(a, b, l)));
  const recordedNames = recorded.map((r) => r.m);
  const withNode = make("select", {ariaLabel: "with"});
  for (const m of recordedNames) withNode.append(make("option", {value: m}, m));
  withNode.value = recordedNames.includes(shown.with) ? shown.with : recordedNames[0];
  withNode.onchange = () => show({with: withNode.value});
  const one = recorded[recordedNames.indexOf(withNode.value)];
  nodes.push(
      make("section", {className: "card"},
           make("div", {className: "title"}, make("h2", {}, "Mask atlas"),
                make("p", {}, "removed by both, in per cent of what either removes; mean over layers, from 1,024 sampled weights each"),
                make("span", {className: "actions"}, copyButton("Command", "command",
                     () => command("plot", "atlas", "--model", model.name)))),
           heatNode("every method with every other", recordedNames, recordedNames,
                    (r, c) => mean(recorded[r].i, recorded[c].i), 1,
                    (r, c) => show({view: "compare", a: recordedNames[r], b: recordedNames[c]}))),
      make("section", {className: "card"},
           make("div", {className: "title"}, make("h2", {}, "Layer by layer, with"), withNode),
           heatNode("overlap with " + one.m, recordedNames, layers,
                    (r, c) => overlap(recorded[r].i, one.i, c), 1, null)));
  return nodes;
}

function masksView() {
  return masksNodes().map((node) => () => node);
}
