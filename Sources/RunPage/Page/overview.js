"use strict";
// A card for each chosen run, what differs between them, and their configurations.

const cards = new Map();

function drawCards() {
  fill(element("cards"), pickedRuns().map(drawCard));
}

function makeCard(run) {
  const swatch = make("i", { class: "swatch" }), state = make("span");
  const name = make("h2", { class: "name", title: run.id });
  const bar = make("progress", { "aria-label": "Steps done" }), steps = make("span", { class: "steps" });
  const message = make("p", { class: "message" }), list = make("dl");
  const node = make("article", { "data-card": run.id },
    make("header", {}, swatch, name, state), make("p", { class: "progress" }, bar, steps), message, list);
  return { node, swatch, name, state, bar, steps, message, list, facts: new Map() };
}

function drawCard(run) {
  const card = kept(cards, run.id, () => makeCard(run)), { summary } = run;
  paintRun(card.swatch, run);
  write(card.name, displayName(run));
  write(card.state, stateText(run));
  card.state.className = stateClass(run);
  const step = newestNumber(run), total = summary.total_steps;
  writeAttribute(card.bar, "max", total || 1);
  writeAttribute(card.bar, "value", step);
  write(card.steps, `step ${whole(step)}${total ? ` of ${whole(total)} · ${Math.floor(100 * step / total)} %` : ""}`);
  card.message.hidden = summary.state !== "failed";
  write(card.message, endOf(run, "failed")?.message ?? summary.message ?? "");
  fill(card.list, facts(run).map((fact) => factItem(card, run, fact)));
  return card.node;
}

/** The records know the newest step; before they are there the summary does. */
const newestNumber = (run) => newestStep(run)?.step ?? run.summary.step ?? 0;

/** One thing known of a run: `{name, label, text, raw, note, style}`. */
function factItem(card, run, { name, label, text, raw, note, style }) {
  const item = kept(card.facts, name, () => {
    const value = make("b", { "data-value": name, "data-run": run.id });
    const parts = { label: make("dt"), value, note: make("span") };
    parts.node = make("div", {}, parts.label, make("dd", {}, parts.value, parts.note));
    return parts;
  });
  write(item.label, label);
  write(item.value, text);
  writeAttribute(item.value, "data-number", raw ?? "");
  if (name === "adapter_sha256") item.value.title = raw;
  write(item.note, note ?? "");
  item.node.className = style ?? "";
  return item.node;
}

// ---------------------------------------------------------------- what is known of a run

/** What somebody wants to know first, in that order; what is not known is left out. */
function facts(run) {
  const finish = endOf(run, "finished");
  return [...(finish ? finalFacts(run, finish) : currentFacts(run)), ...historyFacts(run), ...placeFacts(run)];
}

function finalFacts(run, finish) {
  const { loss, seconds, adapter_sha256: adapter } = finish;
  return [
    { name: "final_loss", label: "Final loss", text: shown(loss), raw: loss, note: lossNote(run) },
    ...heldOutFacts(run, finish.evaluation_loss, "Final held-out", "final_held_out_loss"),
    {
      name: "seconds", label: "Last job", text: duration(seconds), raw: seconds,
      note: `${duration(finish.time - runStart(run))} since the first start`,
    },
    { name: "adapter_sha256", label: "Adapter", text: adapter.slice(0, 12), raw: adapter, note: "SHA-256" },
  ];
}

function currentFacts(run) {
  const step = newestStep(run), { summary } = run;
  const { loss, tokens_per_second: speed, seconds_left: left } = step ?? summary;
  const heldOut = evaluations(run).at(-1)?.loss ?? summary.held_out_loss;
  // JSON has no other way to say that a number is none; of a summary null means not known.
  const isNotANumber = step?.loss === null;
  const list = [
    {
      name: "card_loss", label: "Loss", text: isNotANumber ? "NaN" : shown(loss), raw: loss,
      note: lossNote(run), style: isNotANumber ? "bad" : "",
    },
    ...heldOutFacts(run, heldOut, "Held-out", "card_held_out_loss"),
    { name: "card_tokens_per_second", label: "Tokens/s", text: shown(speed), raw: speed },
  ];
  if (summary.state === "running" && Number.isFinite(left)) {
    const note = `until about ${clockMinutes((step?.time ?? summary.updated) + left)}`;
    list.push({ name: "seconds_left", label: "Time left", text: duration(left), raw: left, note });
  }
  return list;
}

function lossNote(run) {
  const first = run.steps[0];
  if (run.steps.length < 2 || !Number.isFinite(first.loss)) return "";
  return `was ${shown(first.loss)} at step ${whole(first.step)}`;
}

function heldOutFacts(run, loss, label, name) {
  const list = evaluations(run).filter((evaluation) => Number.isFinite(evaluation.loss));
  if (!list.length && !Number.isFinite(loss)) return [];
  const best = list.reduce((least, one) => (one.loss < (least?.loss ?? Infinity) ? one : least), null);
  return [{ name, label, text: shown(loss), raw: loss, note: bestNote(best, loss) }];
}

function bestNote(best, loss) {
  if (!best) return "";
  return loss <= best.loss ? "the best so far" : `best ${shown(best.loss)} at step ${whole(best.step)}`;
}

/** What happened so far, counted. */
function historyFacts(run) {
  const number = (kind) => placesOf(run).marks[kind].length;
  const list = [], checkpoint = run.events.findLast((event) => event.kind === "checkpoint");
  if (checkpoint) {
    const { step, time } = checkpoint, text = `step ${whole(step)}`;
    list.push({ name: "checkpoint_step", label: "Last checkpoint", text, raw: step, note: clock(time) });
  }
  list.push({ name: "restarts", label: "Restarts", text: whole(number("restart")), raw: number("restart") });
  const troubles = ["failure", "warning", "gap"].filter(number);
  list.push({
    name: "troubles", label: "Troubles", raw: troubles.reduce((sum, kind) => sum + number(kind), 0),
    text: troubles.map((kind) => count(number(kind), kind)).join(", ") || "none",
    style: troubles.some((kind) => kind !== "gap") ? "bad" : "",
  });
  return list;
}

/** Where it runs, and when it was heard of. */
function placeFacts(run) {
  const list = [], { start, summary } = run;
  if (start) {
    const note = `${count(start.lanes_per_rank, "lane")} each on ${hostsText(start.hosts)}`;
    list.push({ name: "world_size", label: "Ranks", text: whole(start.world_size), raw: start.world_size, note });
  }
  if (!view.isReport && summary.state === "running") {
    const text = `${age(heardSecondsAgo(run))} ago`;
    list.push({ name: "heard", label: "Heard", text, style: isQuiet(run) ? "bad" : "" });
  } else if (!endOf(run, "finished")) {
    list.push({ name: "heard", label: "Last heard", text: clock(summary.updated) });
  }
  return list;
}

function hostsText(hosts = []) {
  const names = [...new Set(hosts)];
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

// ---------------------------------------------------------------- what differs

let comparedKey = "";

/** Settings that are not alike, and the numbers, run beside run. */
function drawComparison() {
  const picked = pickedRuns();
  const parts = picked.length < 2 ? [] : [
    { title: "Settings that differ", rows: differingSettings(picked) },
    { title: "Numbers", rows: comparedNumbers(picked) },
  ];
  const key = JSON.stringify([parts, picked.map((run) => [displayName(run), view.slots.get(run.id)])]);
  if (comparedKey === key) return;
  comparedKey = key;
  element("comparison").hidden = !parts.length;
  const body = parts.map((part) => comparedPart(part, picked));
  fill(element("compared"), parts.length ? [comparedHead(picked), ...body] : []);
}

function comparedHead(picked) {
  const cells = picked.map((run) => {
    const swatch = make("i", { class: "swatch" });
    paintRun(swatch, run);
    return make("th", { scope: "col", "data-run": run.id }, swatch, make("span", { class: "name" }, displayName(run)));
  });
  return make("thead", {}, make("tr", {}, make("td"), ...cells));
}

function comparedPart({ title, rows }, picked) {
  const head = make("th", { class: "part", colspan: picked.length + 1 }, rows.length ? title : "No setting differs");
  const line = ({ label, name, values }) => make("tr", { "data-setting": name },
    make("th", { scope: "row" }, label), ...values.map((value) => make("td", {}, value)));
  return make("tbody", {}, make("tr", {}, head), ...rows.map(line));
}

function differingSettings(picked) {
  const all = picked.map(settings);
  const names = [...new Set(all.flatMap((map) => [...map.keys()]))];
  return names.map((name) => ({ label: name, name, values: all.map((map) => map.get(name) ?? UNKNOWN) }))
    .filter(({ values }) => new Set(values).size > 1);
}

function comparedNumbers(picked) {
  const row = (label, read) => ({ label, name: label, values: picked.map((run) => read(run, endOf(run, "finished"))) });
  const best = (run) => Math.min(...evaluations(run).map((evaluation) => evaluation.loss ?? Infinity));
  return [
    row("Steps done", (run) => whole(newestNumber(run))),
    row("Loss", (run, finish) => shown(finish?.loss ?? newestStep(run)?.loss)),
    row("Held-out", (run, finish) => shown(finish?.evaluation_loss ?? evaluations(run).at(-1)?.loss)),
    row("Best held-out", (run) => shown(best(run))),
    row("Tokens/s", (run) => shown(newestStep(run)?.tokens_per_second)),
    row("Time so far", (run) => duration((newestStep(run)?.time ?? NaN) - runStart(run))),
    row("Restarts", (run) => whole(placesOf(run).marks.restart.length)),
    row("Adapter SHA-256", (run, finish) => finish?.adapter_sha256.slice(0, 12) ?? UNKNOWN),
  ];
}

// ---------------------------------------------------------------- configuration

const configurations = new Map();

function drawConfigurations() {
  fill(element("configuration"), pickedRuns().filter((run) => run.configuration).map((run) => {
    const item = kept(configurations, run.id, () => {
      const parts = { title: make("summary"), text: make("pre", { tabindex: "0" }) };
      parts.node = make("details", { "data-run": run.id }, parts.title, parts.text);
      return parts;
    });
    write(item.title, `Configuration of ${displayName(run)}`);
    write(item.text, run.configuration);
    return item.node;
  }));
}
