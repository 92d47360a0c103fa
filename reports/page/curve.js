"use strict";
// Metric over measured sparsity, a line for each method and pattern.

let curves = [];
const dark = window.matchMedia("(prefers-color-scheme: dark)");
/** Methods by model: eight colours are enough for those of one model more often than of all. */
const methods = {};
for (const t of data.tables)
  methods[t.model] =
      [...new Set([...(methods[t.model] || []), ...t.lines.slice(1).map((l) => l.method)])].sort();
const kLight =
    ["#2457a6", "#c4631b", "#2f7d4f", "#8b3f97", "#b0303a", "#4a6670", "#8a6d1d", "#1b8a94"];
const kDark =
    ["#8ab4f0", "#f0a868", "#7fcf9b", "#d3a0e0", "#f28b8b", "#a5bcc6", "#d9bd66", "#6fd0d8"];
const kPoints = ["circle", "rectRot", "triangle", "rect", "crossRot", "star"];

/** A method has the same colour in every curve of a model. */
function colourOf(method, model) {
  const colours = dark.matches ? kDark : kLight;
  return colours[methods[model].indexOf(method) % colours.length];
}

function dropCurves() {
  for (const chart of curves) chart.destroy();
  curves = [];
}

/** What was measured where it is known, else what was asked for. */
function pointOf(column, cell) {
  if (cell.r !== undefined || typeof cell.v !== "number") return null;
  const measured = typeof cell.m === "number";
  return {
    x: Number((100 * (measured ? cell.m : column.sparsity)).toFixed(4)),
    y: cell.v,
    label: column.label,
    cell,
    measured
  };
}

function datasetsOf(table) {
  const patterns = [...new Set(table.columns.map((c) => c.pattern))];
  const sets = [];
  for (const line of table.lines.slice(1)) {
    for (const pattern of patterns) {
      const points =
          table.columns
              .map(
                  (column, i) =>
                      (column.pattern === pattern ? pointOf(column, line.cells[i]) : null))
              .filter((p) => p !== null)
              .sort((a, b) => a.x - b.x);
      if (!points.length) continue;
      const colour = colourOf(line.method, table.model);
      const style = kPoints[patterns.indexOf(pattern) % kPoints.length];
      sets.push({
        label: patterns.length > 1 ? `${line.method} · ${pattern}` : line.method,
        pattern,
        data: points,
        borderColor: colour,
        backgroundColor: colour,
        pointStyle: style,
        borderWidth: 1.75,
        pointRadius: points.length > 1 ? 3 : 5,
        pointHoverRadius: 6,
        tension: 0,
        showLine: points.length > 1,
        method: line.method,
      });
    }
  }
  return sets;
}

/** Where it lies, at least ten points wide: 50 % and 50.0004 % of an n:m mask are one place. */
function rangeOf(sets) {
  const xs = sets.flatMap((s) => s.data.map((p) => p.x));
  const low = Math.floor(Math.min(...xs)), high = Math.ceil(Math.max(...xs));
  if (high - low >= 10) return [low, high];
  const from = Math.max(0, Math.round((low + high) / 2) - 5);
  return [from, from + 10];
}

/** Values that hardly differ are drawn flat, not by their last digits. */
function heightOf(sets) {
  const ys = sets.flatMap((s) => s.data.map((p) => p.y));
  const low = Math.min(...ys), high = Math.max(...ys);
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low > 1e-3 * size) return {};
  const margin = 0.05 * (size || 1);
  return {suggestedMin: low - margin, suggestedMax: high + margin};
}

/** The dense model as a dashed line across the curve. */
function denseSet(table, sets) {
  const dense = table.lines[0].cells[0];
  if (dense.r !== undefined || typeof dense.v !== "number") return [];
  if (!sets.length) return [];
  const ends = rangeOf(sets);
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--soft").trim();
  const point = (x) => ({x, y: dense.v, label: "dense", cell: dense, measured: true});
  return [{
    label: "dense",
    data: ends.map(point),
    borderColor: colour,
    backgroundColor: colour,
    borderDash: [5, 4],
    borderWidth: 1.5,
    pointRadius: 0,
    pointHoverRadius: 0,
    showLine: true,
  }];
}

function wantsLogarithm(sets) {
  const ys = sets.flatMap((s) => s.data.map((p) => p.y));
  return Math.min(...ys) > 0 && Math.max(...ys) / Math.min(...ys) > 12;
}

function shortened(text) {
  return text.length > 30 ? text.slice(0, 29) + "…" : text;
}

/** Colours stand for methods, shapes for patterns: an entry for each, not for each line. */
function legendOf(chart) {
  const soft = chart.options.plugins.legend.labels.color;
  const entries = new Map();
  chart.data.datasets.forEach((set, i) => {
    const colour = set.borderColor, name = set.method;
    if (name === undefined) {
      const dash = {pointStyle: "line", lineDash: [3, 3], lineWidth: 1.5};
      entries.set("dense", {text: "dense", fontColor: soft, strokeStyle: colour, ...dash});
    } else if (!entries.has("m" + name)) {
      entries.set("m" + name, {
        text: shortened(name),
        fontColor: soft,
        fillStyle: colour,
        strokeStyle: colour,
        pointStyle: "rectRounded",
        method: name,
        hidden: !chart.isDatasetVisible(i)
      });
    }
  });
  const shapes =
      new Map(chart.data.datasets.filter((s) => s.pattern).map((s) => [s.pattern, s.pointStyle]));
  if (shapes.size > 1) {
    for (const [pattern, pointStyle] of shapes) {
      entries.set("p" + pattern, {
        text: shortened(pattern),
        fontColor: soft,
        fillStyle: "transparent",
        strokeStyle: soft,
        lineWidth: 1.5,
        pointStyle
      });
    }
  }
  return [...entries.values()];
}

/** A click on a method hides or shows all of its lines. */
function toggle(event, item, legend) {
  if (item.method === undefined) return;
  legend.chart.data.datasets.forEach((set, i) => {
    if (set.method === item.method) legend.chart.setDatasetVisibility(i, item.hidden);
  });
  legend.chart.update();
}

function tooltipText(item) {
  const p = item.raw;
  const error = p.cell.e === null ? "" : " ± " + errorText(p.cell.e, p.y);
  const where = item.dataset.label === "dense" ? "" : ` at ${p.x.toFixed(2)}%`;
  return `${item.dataset.label}: ${numberText(p.y)}${error}${where}`;
}

function optionsOf(table, sets) {
  const style = getComputedStyle(document.documentElement);
  const soft = style.getPropertyValue("--soft").trim(),
        line = style.getPropertyValue("--line").trim();
  const font = {family: getComputedStyle(document.body).fontFamily, size: 11.5};
  const measured = sets.every((s) => s.data.every((p) => p.measured));
  const axis = (text, more) => ({
    title: {display: true, text, color: soft, font},
    ticks: {color: soft, font},
    grid: {color: line, borderColor: line, drawTicks: false},
    grace: "4%",
    ...more,
  });
  const logarithm = wantsLogarithm(sets);
  const [min, max] = rangeOf(sets);
  const callback = (v) => String(Number(v.toPrecision(4)));
  const xTicks = {color: soft, font, callback};
  const yTicks = {color: soft, font, maxTicksLimit: 7, padding: 6, callback};
  return {
    animation: false,
    maintainAspectRatio: false,
    responsive: true,
    interaction: {mode: "nearest", intersect: false},
    onClick: (event, hits, chart) => {
      if (hits.length)
        showPanel(chart.data.datasets[hits[0].datasetIndex].data[hits[0].index].cell.t, 0);
    },
    scales: {
      x: axis(
          measured ? "measured sparsity, %" : "sparsity, % (asked for where not measured)",
          {type: "linear", grace: 0, min, max, ticks: xTicks}),
      y: axis(
          table.metric + (logarithm ? " (logarithmic)" : ""),
          {
            type: logarithm ? "logarithmic" : "linear",
            ticks: yTicks,
            ...(logarithm ? {} : heightOf(sets)),
          }),
    },
    plugins: {
      legend: {
        position: "bottom",
        onClick: toggle,
        labels: {
          color: soft,
          font,
          usePointStyle: true,
          boxWidth: 8,
          boxHeight: 8,
          padding: 10,
          generateLabels: legendOf,
        },
      },
      tooltip: {callbacks: {title: () => "", label: tooltipText}, bodyFont: font},
    },
  };
}

function curveNode(table) {
  if (typeof Chart === "undefined") {
    const text =
        "Curves need Chart.js (Debian package libjs-chart.js), " +
        "which was missing when bench was built.";
    return make("p", {className: "plain"}, text);
  }
  const sets = datasetsOf(table);
  if (!sets.length) return make("p", {className: "plain"}, "There is nothing to draw yet.");
  const canvas = make("canvas", {role: "img", ariaLabel: `${table.metric} over sparsity`});
  const box = make("div", {className: "curve"}, canvas);
  // The canvas needs its place on the page before Chart.js can measure it.
  requestAnimationFrame(() => {
    if (!canvas.isConnected) return;
    const config = {type: "line", data: {datasets: [...denseSet(table, sets), ...sets]}};
    curves.push(new Chart(canvas, {...config, options: optionsOf(table, sets)}));
  });
  return box;
}

dark.addEventListener("change", draw);
