"use strict";
// Figures were drawn by bench, the same as bench plot draws them; here they become part of the page.

const kParser = new DOMParser();

/** Hides the series of methods that are switched off, and those that are not searched for. */
function dim(svg, model) {
  const off = new Set(shown.hidden.split("\n").filter(Boolean));
  const names = Object.entries(model.series);
  for (const [method, place] of names) {
    const hidden = off.has(method), faint = !found(method);
    for (const node of svg.querySelectorAll(`[data-s="${place}"]`)) {
      node.classList.toggle("off", hidden || faint);
      if (node.dataset.t !== undefined) node.tabIndex = hidden || faint ? -1 : 0;
    }
  }
}

function toggleSeries(method) {
  const off = new Set(shown.hidden.split("\n").filter(Boolean));
  if (!off.delete(method)) off.add(method);
  show({hidden: [...off].join("\n")});
}

/** A drawing of bench as an element. It is our own markup, parsed as XML: names in it are text. */
function figureNode(text, model) {
  const svg = document.importNode(kParser.parseFromString(text, "image/svg+xml").documentElement, true);
  const [, , width] = svg.getAttribute("viewBox").split(" ").map(Number);
  svg.style.minWidth = Math.min(width, 620) + "px";
  svg.style.maxWidth = 1.35 * width + "px";
  const byPlace = Object.fromEntries(Object.entries(model.series).map(([m, s]) => [s, m]));
  const act = (event) => {
    const node = event.target.closest("[data-s], [data-t]");
    if (!node) return;
    if (node.dataset.t !== undefined)
      showPanel(node.dataset.t.split(" ").map(Number), 0, node);
    else if (node.tagName === "text" && byPlace[node.dataset.s] !== undefined)
      toggleSeries(byPlace[node.dataset.s]);
  };
  for (const name of svg.querySelectorAll("text[data-s]")) {
    name.setAttribute("role", "button");
    name.setAttribute("tabindex", "0");
    name.setAttribute("aria-label", "hide or show " + byPlace[name.dataset.s]);
  }
  svg.addEventListener("click", act);
  svg.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act(event);
  });
  // A series under the pointer stands out of many.
  svg.addEventListener("pointerover", (event) => {
    const node = event.target.closest("[data-s]");
    for (const other of svg.querySelectorAll("[data-s]"))
      other.classList.toggle("back", Boolean(node) && other.dataset.s !== node.dataset.s);
  });
  svg.addEventListener("pointerleave", () => {
    for (const other of svg.querySelectorAll(".back")) other.classList.remove("back");
  });
  dim(svg, model);
  return make("div", {className: "figure", tabIndex: 0, role: "group", ariaLabel: svg.getAttribute("aria-label")}, svg);
}

function svgFile(text) {
  const alone = figureNode(text, modelShown()).querySelector("svg");
  const used = getComputedStyle(document.documentElement);
  const rules = [...document.styleSheets[0].cssRules].map((r) => r.cssText)
                    .filter((t) => t.startsWith("svg ")).join("");
  const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
  style.textContent = rules.replace(/var\((--[\w-]+)\)/g, (_, name) => used.getPropertyValue(name));
  alone.prepend(style);
  return new XMLSerializer().serializeToString(alone);
}

function figureCard(title, text, words, model) {
  return make(
      "section", {className: "card"},
      make("div", {className: "title"}, make("h2", {}, title),
           make("span", {className: "actions"}, copyButton("SVG", "figure", () => svgFile(text)),
                copyButton("Command", "command", () => command(...words)))),
      figureNode(text, model));
}

function curvesView() {
  const model = modelShown();
  const parts = [];
  for (const t of tablesShown()) {
    for (const [structured, text] of [[false, t.curve], [true, t.curve_structured]]) {
      if (text && fits(structured))
        parts.push(() => figureCard(
            `${t.task} ${t.metric}` + (structured ? " · structured" : ""), text,
            ["plot", "curve", "--model", t.model, "--task", t.task], model));
    }
  }
  return parts.slice(0, kMostTables);
}
