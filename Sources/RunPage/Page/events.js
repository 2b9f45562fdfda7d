"use strict";
// What happened: the list of events, the names of the marks in the charts, and what stands near the cursor.

// Kinds of events that are shown or hidden together: those first that matter most.
const EVENT_GROUPS = [
  { id: "failure", word: "failure", kinds: ["failed"] },
  { id: "warning", word: "warning", kinds: ["warning"] },
  { id: "gap", word: "gap", kinds: ["gap"] },
  // A job that goes on says both.
  { id: "restart", word: "start", kinds: ["run_started", "resumed"], counted: "run_started" },
  { id: "checkpoint", word: "checkpoint", kinds: ["checkpoint"] },
  { id: "evaluation", word: "evaluation", kinds: ["evaluation"] },
  { id: "end", word: "end", kinds: ["finished"] },
];
const groupOf = (kind) => EVENT_GROUPS.find((group) => group.kinds.includes(kind));

// What happens all the time is hidden at first where there is more of it than somebody reads.
const ROUTINE_GROUPS = ["checkpoint", "evaluation"], MOST_ROUTINE = 100;
const EVENT_ROWS = 200;

/** What happened, in words. */
function words(event) {
  return EVENT_WORDS[event.kind]?.(event) ?? event.kind;
}

const EVENT_WORDS = {
  run_started: ({ world_size: ranks, lanes_per_rank: lanes, hosts }) =>
    `started: ${count(ranks, "rank")} with ${count(lanes, "lane")} on ${[...new Set(hosts)].join(", ")}`,
  resumed: ({ step, world_size: ranks, previous_world_size: before, changes = [] }) =>
    `resumed after step ${whole(step)} on ${count(ranks, "rank")}`
    + (before === ranks ? "" : `, before on ${whole(before)}`)
    + (changes.length ? `; changed ${changes.join(", ")}` : ""),
  checkpoint: (event) =>
    `checkpoint of step ${whole(event.step)} durable: ${bytes(event.bytes)} in ${duration(event.seconds)}; `
    + `training waited ${duration(event.hand_over_seconds)}`,
  evaluation: ({ step, loss, samples, seconds }) =>
    `held-out loss ${shown(loss)} at step ${whole(step)} over ${count(samples, "sample")} in ${duration(seconds)}`,
  warning: ({ step, message }) => `warning at step ${whole(step)}: ${message}`,
  finished: ({ step, loss, evaluation_loss: heldOut, adapter_path: path }) =>
    `finished after step ${whole(step)}: loss ${shown(loss)}, held-out ${shown(heldOut)}; adapter in ${path}`,
  failed: ({ step, exit_code: code, message }) => `failed at step ${whole(step)} with exit code ${code}: ${message}`,
  gap: ({ first_sequence: first, sequence: last }) =>
    `${Number.isFinite(last) ? `reports ${whole(first)} to ${whole(last)}` : `reports from ${whole(first)} on`} `
    + "were dropped for want of room; the run's metrics.jsonl has them",
};

// ---------------------------------------------------------------- the list

const eventRows = new WeakMap(), groupButtons = new Map(), noGroups = new Set();
const hiddenGroups = () => view.hiddenGroups ?? noGroups;

function drawEvents() {
  const all = pickedRuns().flatMap((run) => run.events.map((event) => ({ event, run })));
  const counts = countGroups(all);
  if (!view.hiddenGroups) hideRoutine(counts);
  drawGroupButtons(counts);
  const wanted = all.filter(({ event }) => !hiddenGroups().has(groupOf(event.kind)?.id));
  wanted.sort((a, b) => b.event.time - a.event.time);
  fill(element("events"), wanted.slice(0, view.eventRows).map(({ event, run }) => eventRow(event, run)));
  const more = element("more-events");
  more.hidden = wanted.length <= view.eventRows;
  write(more.firstElementChild, `The newest ${whole(view.eventRows)} of ${whole(wanted.length)}`);
}

/** How many events there are, by group. */
function countGroups(all) {
  const counts = new Map();
  for (const { event } of all) {
    const { id, counted = event.kind } = groupOf(event.kind) ?? {};
    counts.set(id, (counts.get(id) ?? 0) + (event.kind === counted ? 1 : 0));
  }
  return counts;
}

function hideRoutine(counts) {
  const number = ROUTINE_GROUPS.reduce((sum, id) => sum + (counts.get(id) ?? 0), 0);
  if (number > MOST_ROUTINE) view.hiddenGroups = new Set(ROUTINE_GROUPS);
}

function drawGroupButtons(counts) {
  fill(element("kinds"), EVENT_GROUPS.filter(({ id }) => counts.has(id)).map(({ id, word }) => {
    const button = kept(groupButtons, id, () => {
      const node = make("button", { type: "button", "data-group": id });
      node.addEventListener("click", () => toggleGroup(id));
      return node;
    });
    write(button, count(counts.get(id), word));
    writeAttribute(button, "aria-pressed", !hiddenGroups().has(id));
    return button;
  }));
}

function toggleGroup(id) {
  view.hiddenGroups ??= new Set();
  if (!view.hiddenGroups.delete(id)) view.hiddenGroups.add(id);
  request("events");
}

function eventRow(event, run) {
  if (!eventRows.has(event)) eventRows.set(event, makeEventRow(event, run));
  const row = eventRows.get(event);
  row.who.hidden = view.slots.size < 2;
  if (!row.who.hidden) paintRun(row.swatch, run);
  write(row.name, displayName(run));
  write(row.time, clock(event.time));
  return row.node;
}

function makeEventRow(event, run) {
  const swatch = make("i", { class: "swatch" }), name = make("span", { class: "name" });
  const time = make("button", { type: "button", class: "link", title: "Show this moment in the charts" });
  const who = make("td", { class: "who" }, swatch, name);
  const node = make("tr", { "data-event": event.kind, "data-run": run.id },
    make("td", { class: "when" }, time), who, make("td", { class: "what" }, words(event)));
  time.addEventListener("click", () => {
    showMoment(placeOfEvent(run, event), true);
    element("moment").scrollIntoView({ block: "start" });
  });
  return { swatch, name, time, who, node };
}

// ---------------------------------------------------------------- the names of the marks

// The same shapes as in the charts, for a square of 14 pixels.
const MARK_ICONS = {
  restart: "M7 1V13", gap: "M7 1V13", failure: "M2 2l10 10M12 2l-10 10",
  checkpoint: "M2 11h10l-5 -8z", warning: "M1 3h12l-6 9z",
};

const markNames = new Map();

/** What the marks in the charts mean, and how many there are. */
function drawMarkNames(picked) {
  const number = (kind) => picked.reduce((sum, run) => sum + placesOf(run).marks[kind].length, 0);
  fill(element("marks"), MARKS.toReversed().filter(number).map((kind) => {
    const item = kept(markNames, kind, () => makeMarkName(kind));
    write(item.text, count(number(kind), kind));
    return item.node;
  }));
}

function makeMarkName(kind) {
  const icon = make("svg", { class: `icon ${kind}`, viewBox: "0 0 14 14", "aria-hidden": "true" },
    make("path", { d: MARK_ICONS[kind] }));
  const text = make("span");
  return { text, node: make("li", { "data-marks": kind }, icon, text) };
}

// ---------------------------------------------------------------- the moment

// So near to the cursor an event is meant.
const NEAR_PIXELS = 6, MOST_NEAR = 3;

/** The step and the clock time of what the charts' values are of, and what happened then. */
function drawMoment(picked) {
  const found = picked.map((run) => ({ run, step: shownStep(run) })).filter(({ step }) => step);
  const place = ({ run, step }) => `${prefix(run, ": ")}step ${whole(step.step)} at ${clock(step.time)}`;
  const text = found.map(place).join(" · ");
  const moment = element("moment-text");
  write(moment, text ? `${view.cursor === null ? "Newest: " : ""}${text}` : "No step yet");
  writeAttribute(moment, "data-step", found[0]?.step.step ?? "");
  writeAttribute(moment, "data-time", found[0]?.step.time ?? "");
  write(element("moment-events"), view.cursor === null ? lastWords(picked) : nearWords(picked));
  drawSlider(picked, text);
  element("newest").disabled = view.cursor === null;
  element("wider").disabled = !view.zoom;
}

/** Which run is meant, where there are several. */
const prefix = (run, mark) => (view.slots.size > 1 ? `${displayName(run)}${mark}` : "");

const eventWords = ({ run, event }) => `${clock(event.time)} ${prefix(run, " ")}${words(event)}`;

function lastWords(picked) {
  const ends = picked.map((run) => ({ run, event: events(run).at(-1) })).filter(({ event }) => event);
  const last = ends.sort((a, b) => a.event.time - b.event.time).at(-1);
  return last ? eventWords(last) : "";
}

/** The events near the cursor, those that matter most first. */
function nearWords(picked) {
  const { width } = (view.pointed ?? figures[0]).size;
  const reach = NEAR_PIXELS * (view.domain.to - view.domain.from) / (width - LEFT - RIGHT);
  const near = picked.flatMap((run) => {
    const { events: places } = placesOf(run);
    return events(run).filter((event, index) => Math.abs(places[index] - view.cursor) <= reach)
      .map((event) => ({ run, event }));
  });
  if (!near.length) return "Nothing else happened here";
  const weight = ({ event }) => EVENT_GROUPS.indexOf(groupOf(event.kind));
  near.sort((a, b) => weight(a) - weight(b) || a.event.time - b.event.time);
  const rest = near.length - MOST_NEAR;
  return near.slice(0, MOST_NEAR).map(eventWords).join(" · ") + (rest > 0 ? ` · and ${whole(rest)} more` : "");
}

/** The run along whose steps the slider goes: the one with most. */
function sliderRun(picked) {
  return picked.reduce((best, run) => (run.steps.length > (best?.steps.length ?? 0) ? run : best), null);
}

function drawSlider(picked, text) {
  const slider = element("slider"), run = sliderRun(picked);
  const last = Math.max(0, (run?.steps.length ?? 0) - 1);
  writeAttribute(slider, "max", last);
  slider.value = String(run && view.cursor !== null ? shownIndex(placesOf(run).steps) : last);
  writeAttribute(slider, "aria-valuetext", text || "no step yet");
}

/** By the slider each step that is held can be reached, with keys and on a phone. */
function slide() {
  const slider = element("slider"), run = sliderRun(pickedRuns());
  if (!run) return;
  const isNewest = slider.value === slider.max;
  showMoment(isNewest ? null : placesOf(run).steps[Number(slider.value)], true);
}
