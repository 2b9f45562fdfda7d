"use strict";
// Shows runs: what the collector's JSON interface tells, or what stands in the page itself (a report).

const POLL_MS = 500, SLOW_POLL_MS = 2000, MOST_POINTS = 2000, PAGE = 5000;
const HEIGHT = 190, LEFT = 52, RIGHT = 8, TOP = 8, BOTTOM = 22;
// Pixels of a chart, so that text is never stretched; measured when there is one.
let WIDTH = 420;

// One chart each: its curves by field of a step, and how their values read.
const CHARTS = [
  { id: "loss", title: "Loss", unit: "nats", curves: ["loss"], points: "held_out_loss" },
  { id: "learning_rate", title: "Learning rate", unit: "", curves: ["learning_rate"], zero: true },
  { id: "gradient_norm", title: "Gradient norm", unit: "before clipping", curves: ["gradient_norm"], values: ["clip_share"], zero: true },
  { id: "speed", title: "Speed", unit: "tokens/s", curves: ["tokens_per_second", "target_tokens_per_second", "computed_tokens_per_second"], zero: true },
  { id: "time", title: "Time of a step", unit: "s", curves: ["compute_seconds", "reduce_seconds", "update_seconds"], stacked: true, zero: true },
  { id: "balance", title: "Balance of ranks", unit: "s of computing", curves: ["rank_compute_seconds_max", "rank_compute_seconds_mean", "rank_compute_seconds_min"], zero: true, note: straggler },
  { id: "memory", title: "Peak memory of a rank", unit: "GiB", curves: ["rank_peak_memory_bytes_max", "rank_peak_memory_bytes_min"], scale: 2 ** -30, zero: true },
];
const NAMES = {
  loss: "loss", held_out_loss: "held-out", learning_rate: "rate", gradient_norm: "norm", clip_share: "steps clipped",
  tokens_per_second: "tokens", target_tokens_per_second: "targets", computed_tokens_per_second: "computed",
  compute_seconds: "compute", reduce_seconds: "reduce", update_seconds: "update",
  rank_compute_seconds_max: "slowest", rank_compute_seconds_mean: "mean", rank_compute_seconds_min: "fastest",
  rank_peak_memory_bytes_max: "largest", rank_peak_memory_bytes_min: "smallest", seconds_left: "time left",
};

const runs = new Map();
let chosen = new Set(), cursor = null, heard = 0, failures = 0, isDirty = true;
const element = (id) => document.getElementById(id);

// ---------------------------------------------------------------- small pieces

/** An element with attributes and children; texts become text nodes, never markup. */
function make(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "circle", "rect", "g"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== false) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** A number with as many digits as a person reads. */
function shown(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return size >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(4).replace(/\.?0+$/, "");
}

/** "3 min 20 s". */
function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${String(total % 60).padStart(2, "0")} s`;
  return `${Math.floor(total / 3600)} h ${String(Math.floor(total / 60) % 60).padStart(2, "0")} min`;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });

// ---------------------------------------------------------------- what is known of a run

/** Adds what can be derived from the lists by rank. */
function derive(step) {
  for (const name of ["rank_compute_seconds", "rank_peak_memory_bytes"]) {
    const list = step[name];
    if (!list || !list.length) continue;
    step[name + "_max"] = Math.max(...list);
    step[name + "_min"] = Math.min(...list);
    step[name + "_mean"] = list.reduce((sum, value) => sum + value, 0) / list.length;
  }
}

/** Takes a record into its run; of a step that came twice the later job's stays. */
function take(run, record) {
  if (record.kind === "step") {
    const before = run.steps.get(record.step);
    if (before && before.job_epoch > record.job_epoch) return;
    derive(record);
    run.steps.set(record.step, record);
    run.sorted = null;
  } else if (record.kind === "evaluation") {
    run.evaluations.set(record.step, record);
    run.events.push(record);
  } else {
    if (record.kind === "run_started") run.configuration = record.configuration;
    run.events.push(record);
  }
}

function steps(run) {
  run.sorted ??= [...run.steps.values()].sort((a, b) => a.step - b.step);
  return run.sorted;
}

/** Who the others wait for, in words. */
function straggler(run) {
  const list = steps(run).at(-1)?.rank_compute_seconds;
  if (!list || list.length < 2) return "";
  const most = Math.max(...list), mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  return `rank ${list.indexOf(most)} slowest, ${Math.round((most / mean - 1) * 100)} % above the mean`;
}

/** A new summary from the collector; keeps the records. */
function update(summary) {
  const run = runs.get(summary.run_id) ?? { steps: new Map(), evaluations: new Map(), events: [], after: 0, every: 0, sorted: null };
  run.summary = summary;
  runs.set(summary.run_id, run);
}

// ---------------------------------------------------------------- talking to the collector

async function fetchJSON(path) {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
}

async function fetchRecords(run) {
  const total = run.summary.total_steps ?? 0;
  run.every ||= Math.max(1, Math.ceil(total / MOST_POINTS));
  for (let more = true; more;) {
    const id = encodeURIComponent(run.summary.run_id);
    const answer = await fetchJSON(`api/runs/${id}/records?after=${run.after}&every=${run.every}&limit=${PAGE}`);
    for (const record of answer.records) take(run, record);
    if (answer.records.length) isDirty = true;
    run.after = answer.last;
    more = answer.more;
  }
}

/** Asks again and again while the page is looked at. */
async function poll() {
  try {
    if (!document.hidden) {
      const { runs: list } = await fetchJSON("api/runs");
      for (const summary of list) update(summary);
      if (!chosen.size && list.length) chosen.add(list[0].run_id);
      for (const id of chosen) if (runs.has(id)) await fetchRecords(runs.get(id));
      heard = Date.now();
      failures = 0;
      isDirty = true;
    }
  } catch (error) {
    failures += 1;
  }
  const banner = element("banner");
  banner.hidden = failures < 2;
  banner.textContent = heard ? `The collector does not answer; last heard ${clock(heard / 1000)}` : "The collector does not answer";
  if (isDirty) draw();
  setTimeout(poll, failures ? SLOW_POLL_MS : POLL_MS);
}

// ---------------------------------------------------------------- the list of runs

function draw() {
  isDirty = false;
  WIDTH = document.querySelector("svg[data-chart]")?.clientWidth || WIDTH;
  drawList();
  const picked = [...chosen].map((id) => runs.get(id)).filter(Boolean);
  element("charts").replaceChildren(...CHARTS.map((chart) => drawChart(chart, picked)));
  drawEvents(picked);
  drawConfiguration(picked);
}

const ordered = () => [...runs.values()].sort((a, b) => b.summary.updated - a.summary.updated);

function drawList() {
  const focus = document.activeElement?.dataset?.pick;
  const head = make("tr", {}, ...["Run", "State", "Step", "Loss", "Held-out", "Tokens/s", "Left"].map((text, index) =>
    make("th", { class: (index > 1 ? "number" : "") + ([4, 5].includes(index) ? " wide" : "") }, text)));
  const rows = ordered().map(drawRun);
  if (!rows.length) rows.push(make("tr", {}, make("td", { colspan: 7 }, "No run has reported yet: give lora-worker --collector HOST:PORT")));
  element("runs").replaceChildren(make("table", {}, head, ...rows));
  if (focus) document.querySelector(`[data-pick="${CSS.escape(focus)}"]`)?.focus();
  const newest = ordered()[0]?.summary;
  if (newest) document.title = `${newest.name || "run"} · ${newest.state} · step ${newest.step ?? 0}`;
}

function drawRun({ summary }) {
  const id = summary.run_id;
  const box = make("input", { type: "checkbox", "data-pick": id, ...(chosen.has(id) ? { checked: "" } : {}) });
  box.addEventListener("change", () => choose(id, box.checked));
  const number = (text, extra = "") => make("td", { class: "number " + extra }, text);
  return make("tr", { class: "run", "data-run": id },
    make("td", {}, make("label", {}, box, summary.name || id.slice(0, 8))),
    make("td", { class: "state-" + summary.state }, summary.state),
    make("td", { class: "number" }, make("progress", { max: summary.total_steps || 1, value: summary.step || 0 }), ` ${summary.step ?? 0}/${summary.total_steps ?? "?"}`),
    number(shown(summary.loss)), number(shown(summary.held_out_loss), "wide"), number(shown(summary.tokens_per_second), "wide"),
    number(summary.state === "running" ? duration(summary.seconds_left ?? NaN) : ""));
}

function choose(id, isChosen) {
  isChosen ? chosen.add(id) : chosen.delete(id);
  history.replaceState(null, "", "#" + [...chosen].join(","));
  isDirty = true;
  draw();
}

// ---------------------------------------------------------------- charts

/** Where a record stands on the x axis. */
function place(run, record) {
  return element("axis").value === "step" ? record.step : record.time - run.summary.started;
}

/** The curves of a chart: name, colour, points. */
function curvesOf(chart, picked) {
  const curves = [];
  const scale = chart.scale ?? 1;
  picked.forEach((run, runIndex) => {
    let below = null;
    chart.curves.forEach((field, fieldIndex) => {
      const points = steps(run).filter((step) => step[field] !== undefined)
        .map((step) => ({ x: place(run, step), y: step[field] === null ? NaN : step[field] * scale, record: step, raw: step[field] }));
      if (chart.stacked && below) points.forEach((point, index) => { point.y += below[index]?.y ?? 0; });
      below = points;
      const colour = `var(--c${(picked.length > 1 ? runIndex : fieldIndex) % 6})`;
      curves.push({ run, field, colour, points, dash: picked.length > 1 && fieldIndex ? `${6 - 2 * fieldIndex} 3` : undefined });
    });
    if (chart.points) {
      const points = [...run.evaluations.values()].filter((record) => record.loss !== null)
        .sort((a, b) => a.step - b.step).map((record) => ({ x: place(run, record), y: record.loss, record, raw: record.loss }));
      curves.push({ run, field: chart.points, colour: `var(--c${picked.length > 1 ? runIndex : 1})`, points, isDotted: true });
    }
  });
  return curves;
}

/** Running mean that weighs the past by the slider. */
function smooth(points, weight) {
  let mean = null;
  return points.map((point) => {
    if (Number.isFinite(point.y)) mean = mean === null ? point.y : weight * mean + (1 - weight) * point.y;
    return { ...point, y: Number.isFinite(point.y) ? mean : NaN };
  });
}

/** Maps values to the drawing: `{x, y, ticks}`. */
function scales(chart, curves) {
  const points = curves.flatMap((curve) => curve.points).filter((point) => Number.isFinite(point.y));
  const isLog = chart.id === "loss" && element("logarithm").checked;
  const form = (value) => (isLog ? Math.log10(Math.max(value, 1e-12)) : value);
  const bound = (list, pick, standard) => (list.length ? list.reduce((best, item) => pick(best, item), list[0]) : standard);
  const xs = points.map((point) => point.x), ys = points.map((point) => form(point.y));
  const least = bound(xs, Math.min, 0), most = Math.max(bound(xs, Math.max, 1), least + 1e-9);
  let low = bound(ys, Math.min, 0), high = bound(ys, Math.max, 1);
  if (chart.zero) low = Math.min(0, low);
  if (high - low < 1e-12) { high += Math.abs(high) * 0.05 + 1e-12; low -= chart.zero ? 0 : Math.abs(low) * 0.05; }
  return {
    x: (value) => LEFT + (value - least) / (most - least) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - (form(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM),
    ticks: [0, 0.5, 1].map((part) => low + part * (high - low)).map((value) => (isLog ? 10 ** value : value)),
    least, most,
  };
}

function path(points, scale) {
  let text = "", isDown = false;
  for (const point of points) {
    const good = Number.isFinite(point.y);
    if (good) text += `${isDown ? "L" : "M"}${scale.x(point.x).toFixed(1)} ${scale.y(point.y).toFixed(1)}`;
    isDown = good;
  }
  return text;
}

function drawChart(chart, picked) {
  const curves = curvesOf(chart, picked), scale = scales(chart, curves);
  const svg = make("svg", { "data-chart": chart.id, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": chart.title });
  for (const tick of scale.ticks) {
    svg.append(make("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: scale.y(tick), y2: scale.y(tick) }),
      make("text", { x: 2, y: scale.y(tick) + 4 }, shown(tick)));
  }
  const label = (value) => (element("axis").value === "step" ? shown(Math.round(value)) : duration(value));
  svg.append(make("text", { x: LEFT, y: HEIGHT - 4 }, label(scale.least)), make("text", { x: WIDTH - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, label(scale.most)));
  picked.forEach((run) => drawMarks(svg, run, scale));
  const weight = chart.id === "loss" ? Number(element("smoothing").value) : 0;
  for (const curve of curves) drawCurve(svg, curve, scale, weight);
  if (cursor !== null) svg.append(make("line", { class: "cursor", x1: scale.x(cursor), x2: scale.x(cursor), y1: TOP, y2: HEIGHT - BOTTOM }));
  svg.addEventListener("pointermove", (event) => point(event, svg, scale));
  svg.addEventListener("pointerleave", () => { cursor = null; draw(); });
  const note = chart.note && picked.length === 1 ? chart.note(picked[0]) : chart.unit;
  return make("figure", {}, make("figcaption", {}, chart.title, make("span", {}, note || chart.unit)), svg, drawValues(chart, curves, picked));
}

function drawCurve(svg, curve, scale, weight) {
  if (curve.isDotted) {
    for (const point of curve.points) svg.append(make("circle", { cx: scale.x(point.x), cy: scale.y(point.y), r: 3.5, fill: curve.colour }));
  }
  const attributes = { class: "curve", stroke: curve.colour, "stroke-dasharray": curve.dash, d: path(curve.points, scale) };
  if (!weight || curve.isDotted) { svg.append(make("path", attributes)); return; }
  svg.append(make("path", { ...attributes, class: "curve faint" }), make("path", { ...attributes, d: path(smooth(curve.points, weight), scale) }));
}

/** Restarts as dashed lines, durable checkpoints as small triangles on the axis. */
function drawMarks(svg, run, scale) {
  const bottom = HEIGHT - BOTTOM;
  const inside = (x) => x >= LEFT - 1 && x <= WIDTH - RIGHT + 1;
  for (const event of run.events) {
    const x = event.step === undefined ? NaN : scale.x(place(run, event));
    if (!inside(x)) continue;
    if (event.kind === "resumed") svg.append(make("line", { class: "restart", "data-mark": "restart", x1: x, x2: x, y1: TOP, y2: bottom }));
    if (event.kind === "checkpoint") svg.append(make("path", { class: "checkpoint", "data-mark": "checkpoint", d: `M${x - 3.5} ${bottom + 7}L${x + 3.5} ${bottom + 7}L${x} ${bottom + 1}Z` }));
  }
}

/** The last values, or those under the pointer. */
function drawValues(chart, curves, picked) {
  const item = (run, field, colour, raw) => {
    const who = picked.length > 1 ? `${run.summary.name || run.summary.run_id.slice(0, 6)} ` : "";
    const value = chart.scale && raw !== null ? raw * chart.scale : raw;
    const text = field === "clip_share" ? `${shown(raw * 100)} %` : shown(value);
    return make("li", {}, ...(colour ? [swatch(colour)] : []), `${who}${NAMES[field] ?? field} `,
      make("b", { "data-value": field, "data-run": run.summary.run_id, "data-number": raw ?? "" }, text));
  };
  const items = curves.filter((curve) => curve.points.length).map((curve) => {
    const point = cursor === null ? curve.points.at(-1) : nearest(curve.points);
    return item(curve.run, curve.field, curve.colour, point.raw);
  });
  for (const field of chart.values ?? []) {
    for (const run of picked) {
      const last = steps(run).at(-1);
      if (last?.[field] !== undefined) items.push(item(run, field, null, last[field]));
    }
  }
  return make("ul", { class: "values" }, ...items);
}

function swatch(colour) {
  const node = make("i");
  // Set by script: the page's policy allows no style attributes.
  node.style.background = colour;
  return node;
}

function nearest(points) {
  return points.reduce((best, point) => (Math.abs(point.x - cursor) < Math.abs(best.x - cursor) ? point : best), points[0]);
}

function point(event, svg, scale) {
  const box = svg.getBoundingClientRect();
  const part = ((event.clientX - box.left) / box.width * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT);
  cursor = scale.least + Math.min(1, Math.max(0, part)) * (scale.most - scale.least);
  requestAnimationFrame(() => { if (cursor !== null) draw(); });
}

// ---------------------------------------------------------------- events and configuration

/** What happened, in words. */
function words(event) {
  switch (event.kind) {
    case "run_started": return `started: ${event.world_size} ranks with ${event.lanes_per_rank} lanes on ${[...new Set(event.hosts)].join(", ")}`;
    case "resumed": return `resumed after step ${event.step} on ${event.world_size} ranks (before ${event.previous_world_size})${event.changes.length ? "; changed " + event.changes.join(", ") : ""}`;
    case "checkpoint": return `checkpoint of step ${event.step} durable: ${shown(event.bytes / 1e6)} MB in ${shown(event.seconds)} s; training waited ${shown(event.hand_over_seconds * 1000)} ms`;
    case "evaluation": return `held-out loss ${shown(event.loss)} at step ${event.step} over ${event.samples} samples in ${shown(event.seconds)} s`;
    case "warning": return `warning at step ${event.step}: ${event.message}`;
    case "finished": return `finished after step ${event.step}: loss ${shown(event.loss)}, ${duration(event.seconds)}; adapter in ${event.adapter_path}`;
    case "failed": return `failed at step ${event.step} with exit code ${event.exit_code}: ${event.message}`;
    case "gap": return `reports ${event.first_sequence} to ${event.sequence} were dropped`;
    default: return event.kind;
  }
}

function drawEvents(picked) {
  const events = picked.flatMap((run) => run.events.map((event) => ({ event, run }))).sort((a, b) => b.event.time - a.event.time);
  const rows = events.slice(0, 500).map(({ event, run }) => make("tr", { "data-event": event.kind },
    make("td", {}, clock(event.time)), ...(picked.length > 1 ? [make("td", {}, run.summary.name)] : []), make("td", {}, words(event))));
  element("events").replaceChildren(make("table", {}, ...rows));
}

function drawConfiguration(picked) {
  const open = new Set([...document.querySelectorAll("details[open]")].map((node) => node.dataset.run));
  element("configuration").replaceChildren(...picked.filter((run) => run.configuration).map((run) =>
    make("details", { "data-run": run.summary.run_id, ...(open.has(run.summary.run_id) ? { open: "" } : {}) },
      make("summary", {}, `Configuration of ${run.summary.name || run.summary.run_id}`), make("pre", {}, run.configuration))));
}

// ---------------------------------------------------------------- start

for (const id of ["axis", "logarithm", "smoothing"]) element(id).addEventListener("input", () => { cursor = null; draw(); });
chosen = new Set(decodeURIComponent(location.hash.slice(1)).split(",").filter(Boolean));
const embedded = element("records");
if (embedded) {
  for (const { records, ...summary } of JSON.parse(embedded.textContent).runs) {
    update(summary);
    if (!location.hash) chosen.add(summary.run_id);
    for (const record of records) take(runs.get(summary.run_id), record);
  }
  draw();
  requestAnimationFrame(draw);
} else {
  poll();
}
addEventListener("resize", draw);
