"use strict";
// Where a number comes from. Details are a line of JSON for each trial, read when asked for.

const detailBlocks = new Map();

async function detailOf(number) {
  const place = Math.floor(number / data.together);
  if (!detailBlocks.has(place)) {
    const packed = document.getElementById("details").textContent.trim().split("\n")[place];
    detailBlocks.set(place, (await unpacked(packed)).split("\n"));
  }
  const detail = JSON.parse(detailBlocks.get(place)[number % data.together]);
  return {...detail, environment: data.environments[detail.environment] || {}};
}

function timeText(seconds) {
  if (!seconds) return "–";
  return new Date(1000 * seconds).toISOString().slice(0, 19).replace("T", " ") + " UTC";
}

function plainText(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** [name, text, class]... as a list of terms. */
function terms(pairs) {
  return make(
      "dl", {},
      ...pairs.flatMap(
          ([
            name, text, className
          ]) => [make("dt", {}, name), make("dd", {className: className || ""}, plainText(text))]));
}

function part(title, node) {
  return [make("h3", {}, title), node];
}

function treeText(node, depth) {
  if (node === null || typeof node !== "object") return plainText(node);
  return Object.entries(node)
      .map(([key, value]) => {
        const lead = "  ".repeat(depth) + (Array.isArray(node) ? "-" : key + ":");
        const nested = value !== null && typeof value === "object" && !Array.isArray(value) &&
            Object.keys(value).length;
        return nested ? lead + "\n" + treeText(value, depth + 1) : lead + " " + plainText(value);
      })
      .join("\n");
}

function share(part, total) {
  return total ? (100 * part / total).toFixed(3) + "%" : "–";
}

function mebibytes(bytes) {
  return (bytes / 1048576).toFixed(1) + " MiB";
}

function phaseText(p) {
  const gpu = p.peak_reserved ?
      `, GPU ${mebibytes(p.peak_allocated)} of ${mebibytes(p.peak_reserved)}` :
      "";
  const seconds = p.seconds === null ? "–" : p.seconds.toFixed(3) + " s";
  return `${seconds}, peak RSS ${mebibytes(p.peak_rss)}${gpu} (${p.method})`;
}

function metricText(m) {
  const error = m.stderr === null ? "" : " ± " + errorText(m.stderr, m.value);
  return `${m.name} ${numberText(m.value)}${error}, n = ${m.n}, ${m.protocol}`;
}

function sectionsOf(d) {
  const nodes = [];
  const add = (title, pairs) => {
    if (pairs.length) nodes.push(...part(title, terms(pairs)));
  };
  add("Verdicts",
      d.verdicts.map(
          (v) =>
              [v.rule, (v.ok ? "holds" : v.mark) + (v.detail ? ": " + v.detail : ""),
               v.ok ? "" : "bad"]));
  add("Metrics", d.metrics.map((m) => [m.task, metricText(m)]));
  if (d.scatter) nodes.push(...part(`Points of ${d.scatter.task}`, scatterNode(d.scatter)));
  add("Sparsity", [
    ["asked for", d.sparsity === null ? "–" : (100 * d.sparsity).toFixed(2) + "%"],
    ...d.sparsity_measured.map(
        (s) =>
            [`${s.stage}, of ${s.name}`,
             `${share(s.zeros, s.total)} zero, ${share(s.masked, s.total)} masked, of ${s.total}`])
  ]);
  add("Phases", d.phases.map((p) => [p.phase, phaseText(p)]));
  add("Hashes (SHA-256)", Object.entries(d.hashes).map(([k, v]) => [k, v, "code"]));
  add("Environment", Object.entries(d.environment));
  add("Record", [
    ["state", d.state], ["attempts", d.attempts], ["worker", d.worker || "–"],
    ["submitted", timeText(d.submitted)], ["started", timeText(d.started)],
    ["finished", timeText(d.finished)]
  ]);
  nodes.push(...part("Configuration", make("pre", {}, treeText(d.config, 0))));
  return nodes;
}

let opener = null;

/** Focus goes back to what opened it. */
function hidePanel() {
  const panel = document.getElementById("panel");
  const inside = panel.contains(document.activeElement);
  panel.hidden = true;
  for (const other of document.querySelectorAll("td .open")) other.classList.remove("open");
  if (inside && opener && opener.isConnected) opener.focus();
  if (!shown.trial) return;
  shown.trial = "";
  remember(true);
}

function trialChoice(trials, place) {
  const select = make("select", {ariaLabel: "trial"});
  trials.forEach((t, i) => select.append(
      make("option", {value: String(i)}, `${i + 1} of ${trials.length}: ${data.trials[t]}`)));
  select.value = String(place);
  select.onchange = () => showPanel(trials, Number(select.value), opener);
  return make("p", {className: "choice"}, select);
}

/** The trials behind a number, one at a time. */
async function showPanel(trials, place, from) {
  const panel = document.getElementById("panel");
  const d = await detailOf(trials[place]);
  opener = from;
  for (const other of document.querySelectorAll("td .open")) other.classList.remove("open");
  if (from && from.tagName === "BUTTON") from.classList.add("open");
  const close = make(
      "button", {type: "button", className: "close", title: "close (Esc)", ariaLabel: "close", onclick: hidePanel},
      "×");
  const sparsity = d.sparsity === null ? "" : ` ${Number((100 * d.sparsity).toPrecision(4))}%`;
  const top = make(
      "div", {className: "top"},
      make(
          "div", {}, make("h2", {id: "panel-title", tabIndex: -1}, d.id),
          make("p", {className: "sub"}, `${d.model} · ${d.method} · ${d.pattern}${sparsity}`)),
      close);
  const actions = make(
      "p", {className: "choice"},
      copyButton("Copy link", "link", () => location.href.split("#")[0] + address()),
      copyButton("Copy command", "command", () => command("show", d.id)),
      copyButton("Copy configuration's command", "command", () => command("show", d.id, "--config")));
  const nodes = [top, actions];
  if (trials.length > 1) nodes.push(trialChoice(trials, place));
  if (d.error) nodes.push(make("p", {className: "error"}, d.error));
  panel.replaceChildren(...nodes, ...sectionsOf(d));
  panel.hidden = false;
  panel.scrollTop = 0;
  panel.querySelector("#panel-title").focus();
  shown.trial = d.id;
  remember(true);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.getElementById("panel").hidden) hidePanel();
});
