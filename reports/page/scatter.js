"use strict";
// Points of a study: the retrained loss change of every channel against what was told beforehand.

function drawn(tag, properties, ...children) {
  const space = document.getElementById("drawing").namespaceURI;
  const node = document.createElementNS(space, tag);
  for (const [key, value] of Object.entries(properties)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Where values lie between 40 and 290, and the ends of the axis. */
function axisOf(values) {
  const low = Math.min(...values), high = Math.max(...values);
  const span = high - low || 1;
  return {low, high, at: (v) => 40 + 250 * (v - low) / span};
}

/** In little room: 4.51, 0.0950, -5.5e-6. */
function short(v) {
  return v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(1) : v.toPrecision(3);
}

function pointsOf(scatter, x) {
  const across = axisOf(x.items), up = axisOf(scatter.y);
  const label = (text, px, py, anchor) =>
      drawn("text", {x: px, y: py, "text-anchor": anchor, "font-size": 10}, text);
  return drawn(
      "svg", {viewBox: "0 0 320 330", role: "img", "aria-label": `dL_true against ${x.name}`},
      drawn("path", {d: "M40 20V270H300", fill: "none", stroke: "currentColor"}),
      ...x.items.map(
          (v, i) => drawn(
              "circle",
              {cx: across.at(v), cy: 310 - up.at(scatter.y[i]), r: 2.5, "fill-opacity": 0.6},
              drawn("title", {}, `channel ${i}: ${x.name} ${v}, dL_true ${scatter.y[i]}`))),
      label(short(across.low), 40, 284, "middle"),
      label(short(across.high), 290, 284, "middle"),
      label(short(up.low), 36, 272, "end"), label(short(up.high), 36, 24, "end"),
      label(x.name, 165, 300, "middle"), label(`dL_true (${scatter.unit})`, 44, 14, "start"));
}

/** The plot, with a choice of what stands across. */
function scatterNode(scatter) {
  const place = make("div", {});
  const select = make("select", {ariaLabel: "across"});
  scatter.x.forEach((x, i) => select.append(make("option", {value: String(i)}, x.name)));
  const show = () => place.replaceChildren(pointsOf(scatter, scatter.x[Number(select.value)]));
  select.onchange = show;
  select.value = "0";
  show();
  return make("div", {className: "scatter"}, select, place);
}
