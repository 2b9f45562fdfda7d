"use strict";
// The list of runs. Rows stay; one is touched only if what it shows has changed.

// A list longer than this gets a field to find runs in.
const FIND_FROM = 20;
const LISTED_RUNS = 100;
// Heard of longer ago than this, a running run says how long.
const OLD_SECONDS = 60;

/** How long ago the collector heard of a run. The browser's clock may be another than the collector's. */
const heardSecondsAgo = (run) => Math.max(0, Date.now() / 1000 + view.clockAhead - (run.summary.updated ?? 0));

const isOver = (run) => run.summary.state === "finished" || run.summary.state === "failed";

const isQuiet = (run) => !view.isReport && run.summary.state === "running" && heardSecondsAgo(run) > OLD_SECONDS;

function stateText(run) {
  const { state } = run.summary;
  // A file does not grow older.
  if (view.isReport) return isOver(run) ? state : "not finished";
  const seconds = heardSecondsAgo(run);
  return isOver(run) || seconds <= OLD_SECONDS ? state : `${state}, heard ${age(seconds)} ago`;
}

const stateClass = (run) => `state state-${isQuiet(run) ? "silent" : run.summary.state}`;

/** The colour of a chosen run: its own as long as it is chosen, whatever else is. */
const colourOf = (run) => `var(--c${view.slots.get(run.id) ?? 0})`;

function paintRun(swatch, run) {
  if (swatch.style.backgroundColor !== colourOf(run)) swatch.style.backgroundColor = colourOf(run);
}

// ---------------------------------------------------------------- the table

// Behind the run's own: title, style, and what stands there. The step has a bar too.
const COLUMNS = [
  ["State", "", (run) => stateText(run)],
  ["Step", "number", null],
  ["Loss", "number", ({ summary }) => shown(summary.loss)],
  ["Held-out", "number wide", ({ summary }) => shown(summary.held_out_loss)],
  ["Tokens/s", "number wide", ({ summary }) => shown(summary.tokens_per_second)],
  ["Left", "number wide", ({ summary }) => leftText(summary)],
  ["Started", "number wide", ({ summary }) => (Number.isFinite(summary.started) ? clockMinutes(summary.started) : "")],
];

function leftText({ state, seconds_left: seconds }) {
  return state === "running" && Number.isFinite(seconds) ? duration(seconds) : "";
}

function stepsText({ step, total_steps: total }) {
  return `${whole(step ?? 0)}/${total ? whole(total) : "?"}`;
}

/** Running ones first, then the newest: an order in which rows do not jump while runs report. */
function orderedRuns() {
  const isRunning = (run) => run.summary.state === "running";
  const started = (run) => run.summary.started ?? 0;
  return [...runs.values()].sort((a, b) => isRunning(b) - isRunning(a) || started(b) - started(a));
}

const runRows = new Map();
let listBody = null;

function makeList() {
  const titles = [["Run", ""], ...COLUMNS].map(([text, style]) => make("th", { class: style, scope: "col" }, text));
  const body = make("tbody");
  element("runs").append(make("table", {}, make("thead", {}, make("tr", {}, ...titles)), body));
  return body;
}

function drawList() {
  listBody ??= makeList();
  const text = view.filter.toLowerCase();
  const found = orderedRuns().filter((run) => !text || findableText(run).includes(text));
  // Chosen ones stay in sight, so that they can be left again.
  const isListed = (run, index) => view.listsAll || index < LISTED_RUNS || view.slots.has(run.id);
  const listed = found.filter(isListed);
  fill(listBody, listed.length ? listed.map(runRow) : [emptyRow(text)]);
  element("filter-field").hidden = runs.size <= FIND_FROM;
  const more = element("more-runs");
  more.hidden = listed.length === found.length;
  write(more.firstElementChild, `${whole(listed.length)} of ${whole(found.length)} runs`);
  // A report of one run has nothing to choose from.
  element("list").hidden = view.isReport && runs.size < 2;
}

const findableText = ({ id, summary }) => `${summary.name} ${id} ${summary.state}`.toLowerCase();

function emptyRow(text) {
  const empty = "No run has reported yet: give lora-worker --collector HOST:PORT";
  const nothing = text ? "No run of that name" : view.heardAt ? empty : "Asking the collector…";
  return make("tr", {}, make("td", { colspan: COLUMNS.length + 1, class: "quiet" }, nothing));
}

function runRow(run) {
  const row = kept(runRows, run.id, () => makeRunRow(run)), { summary } = run;
  const texts = COLUMNS.map(([, , read]) => read?.(run) ?? stepsText(summary));
  const key = [nameOf(run), summary.state, view.slots.get(run.id), ...texts].join("\n");
  if (row.key === key) return row.node;
  row.key = key;
  row.box.checked = view.slots.has(run.id);
  row.node.classList.toggle("chosen", row.box.checked);
  row.swatch.style.backgroundColor = row.box.checked ? colourOf(run) : "transparent";
  write(row.name, nameOf(run));
  writeAttribute(row.box, "aria-label", `Show ${nameOf(run)}`);
  row.texts.forEach((node, index) => write(node, texts[index]));
  row.state.className = stateClass(run);
  writeAttribute(row.bar, "max", summary.total_steps || 1);
  writeAttribute(row.bar, "value", summary.step || 0);
  return row.node;
}

function makeRunRow(run) {
  const box = make("input", { type: "checkbox", "data-pick": run.id });
  const swatch = make("i", { class: "swatch" }), name = make("span", { class: "name", title: run.id });
  const bar = make("progress", { "aria-hidden": "true" }), steps = make("span");
  const cells = COLUMNS.map(([, style]) => make("td", { class: style }));
  const stepColumn = COLUMNS.findIndex(([title]) => title === "Step");
  cells[stepColumn].append(bar, steps);
  const texts = cells.map((cell, index) => (index === stepColumn ? steps : cell));
  const label = make("label", {}, box, swatch, name);
  const node = make("tr", { class: "run", "data-run": run.id }, make("td", {}, label), ...cells);
  box.addEventListener("change", () => choose(run.id, box.checked));
  return { node, box, swatch, name, bar, texts, state: cells[0] };
}
