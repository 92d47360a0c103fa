"use strict";
// Elements, numbers, unpacking. Names come from a database anybody may have filled: they become
// text nodes and attributes, never markup.

/** An element with properties and children; strings become text nodes. */
function make(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === undefined) continue;
    if (key in node)
      node[key] = value;
    else
      node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** The text that reports/packed.cpp packed. */
async function unpacked(base64) {
  const stream = new Blob([bytesOf(base64.trim())]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
}

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

function percentText(share) {
  return Number((100 * share).toFixed(2)) + "%";
}

function durationText(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min` :
                    `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
}

/** Says to eyes and to screen readers that something was done. */
function tell(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => (status.textContent = ""), 4000);
}

/** Where the browser keeps its clipboard from files, the older way. */
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", {value: text, className: "offscreen"});
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  tell(what + " copied");
}

function copyButton(label, what, text) {
  return make("button", {type: "button", className: "small", onclick: () => copy(text(), what)},
              label);
}

/** A word of a shell's command line. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'";
}

function command(...words) {
  const db = data.db === "out/bench.db" ? [] : ["--db", data.db];
  return ["bench", ...words, ...db].map(quoted).join(" ");
}
