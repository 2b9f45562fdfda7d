"use strict";
// The moment that the charts show: the line of the cursor, the values under it or the newest ones, and how the
// pointer chooses it. A move of the pointer changes only these.

const NAMES = {
  loss: "loss", held_out_loss: "held-out", learning_rate: "rate", gradient_norm: "norm", clip_share: "steps clipped",
  tokens_per_second: "tokens", target_tokens_per_second: "targets", computed_tokens_per_second: "computed",
  compute_seconds: "compute", reduce_seconds: "reduce", update_seconds: "update",
  step_seconds: "whole step", reduced_bytes: "reduced",
  rank_compute_seconds_max: "slowest", rank_compute_seconds_mean: "mean", rank_compute_seconds_min: "fastest",
  rank_peak_memory_bytes_max: "largest", rank_peak_memory_bytes_mean: "mean", rank_peak_memory_bytes_min: "smallest",
};

// As the dashes of the curves.
const LINE_STYLES = ["solid", "dashed", "dotted"];

/** How a value of a field reads, with its unit where the chart does not say it. */
function fieldText(field, unit, raw) {
  if (raw === undefined) return UNKNOWN;
  // JSON has no other way to say that a number is none.
  if (raw === null) return "NaN";
  if (field === "clip_share") return `${shown(raw * 100)} %`;
  if (field === "step_seconds") return `${shown(raw)} s`;
  if (field === "reduced_bytes") return bytes(raw);
  return shown(raw * unit.scale);
}

/** Moves the cursor of all charts and writes the values under it, or the newest ones. */
function drawCursors() {
  const picked = pickedRuns();
  for (const figure of figures) if (figure.scale) drawCursor(figure, picked);
  drawMoment(picked);
}

function drawCursor(figure, picked) {
  const { scale, chart } = figure, { cursor, domain } = view;
  const isInside = cursor !== null && cursor >= domain.from && cursor <= domain.to;
  writeAttribute(figure.cursor, "d", isInside ? `M${scale.x(cursor).toFixed(1)} ${TOP - 6}V${scale.floor}` : "");
  writeAttribute(figure.knots, "d", isInside ? knotsPath(figure) : "");
  fill(figure.values, picked.map((run) => valuesLine(figure, run)));
  const note = chart.note && picked.length === 1 ? chart.note(shownStep(picked[0])) : "";
  write(figure.note, note || figure.unit.text);
  if (chart.bars) drawBars(figure, picked);
}

/** A ring around the point of each curve whose value is shown. */
function knotsPath({ scale, curves }) {
  return curves.map(({ xs, ys }) => {
    const index = shownIndex(xs);
    return Number.isFinite(ys[index]) ? circle(scale.x(xs[index]), scale.y(ys[index]), 3) : "";
  }).join("");
}

/** The index of what is shown in a list of places: nearest to the cursor, or the newest. */
const shownIndex = (xs) => (view.cursor === null ? xs.length - 1 : nearestIndex(xs, view.cursor));

const shownStep = (run) => run.steps[shownIndex(placesOf(run).steps)];

// ---------------------------------------------------------------- values

/** The values of one run below a chart, after its name if there are several. */
function valuesLine(figure, run) {
  const line = kept(figure.valueLines, run.id, () => ({ name: make("span", { class: "name" }), node: make("li") }));
  write(line.name, displayName(run));
  const items = figure.curves.filter((curve) => curve.run === run && curve.records.length).map((curve) => {
    const record = curve.records[shownIndex(curve.xs)];
    return valueItem(figure, run, curve.field, curve, record, curve.read(record));
  });
  const step = shownStep(run);
  for (const field of figure.chart.values ?? []) {
    if (step?.[field] !== undefined) items.push(valueItem(figure, run, field, null, step, step[field]));
  }
  fill(line.node, view.slots.size > 1 ? [line.name, ...items] : items);
  return line.node;
}

/** One value, with its curve's line before it. */
function valueItem(figure, run, field, curve, record, raw) {
  const item = kept(figure.items, `${run.id} ${field}`, () => {
    const value = make("b", { "data-value": field, "data-run": run.id });
    const parts = { key: make("i"), label: make("span"), value };
    parts.node = make("span", { class: "value" }, parts.key, parts.label, parts.value);
    return parts;
  });
  item.key.hidden = !curve;
  if (curve) paintKey(item.key, curve);
  write(item.label, NAMES[field] ?? field);
  write(item.value, fieldText(field, figure.unit, raw));
  // As it came, for whoever reads the page by a program.
  writeAttribute(item.value, "data-number", raw ?? "");
  writeAttribute(item.value, "data-step", record.step);
  return item.node;
}

/** Set by script: the page's policy allows no style attributes. */
function paintKey(node, curve) {
  const painted = `${curve.colour} ${curve.style}`;
  if (node.painted === painted) return;
  node.painted = painted;
  node.className = curve.hasDots ? "key dotted" : "key";
  node.style.borderTopColor = curve.colour;
  node.style.borderTopStyle = LINE_STYLES[curve.style];
  node.style.setProperty("--dot", curve.colour);
}

/** A bar for each rank, where those are few. */
function drawBars(figure, picked) {
  const lists = picked.map((run) => ({ run, list: shownStep(run)?.[figure.chart.bars] ?? [] }))
    .filter(({ list }) => list.length > 1);
  const total = lists.reduce((sum, { list }) => sum + list.length, 0);
  const rows = ({ run, list }) => list.map((raw, rank) => barRow(figure, run, rank, raw, Math.max(...list)));
  fill(figure.bars, total > MOST_BARS ? [] : lists.flatMap(rows));
}

function barRow(figure, run, rank, raw, most) {
  const field = figure.chart.bars;
  const row = kept(figure.barRows, `${run.id} ${rank}`, () => {
    const value = make("b", { "data-bar": field, "data-run": run.id, "data-rank": rank });
    const parts = { label: make("span"), bar: make("i"), value };
    parts.node = make("li", {}, parts.label, make("span", { class: "track" }, parts.bar), parts.value);
    return parts;
  });
  const isAlone = view.slots.size < 2;
  write(row.label, `${isAlone ? "" : `${displayName(run)} `}rank ${rank}`);
  row.bar.style.width = `${(100 * raw / (most || 1)).toFixed(1)}%`;
  row.bar.style.backgroundColor = isAlone ? "var(--c0)" : colourOf(run);
  write(row.value, field === "rank_compute_seconds" && raw === 0 ? "no slices" : fieldText(field, figure.unit, raw));
  writeAttribute(row.value, "data-number", raw);
  return row.node;
}

// ---------------------------------------------------------------- choosing a moment and a part

/** `null` shows the newest. */
function showMoment(place, isPinned) {
  view.cursor = place;
  view.isPinned = isPinned && place !== null;
  request("cursor");
}

const leastZoom = () => (view.axis === "step" ? 4 : 1);

function zoomBetween(one, other) {
  view.zoom = { length: Math.max(Math.abs(one - other), leastZoom()), end: Math.max(one, other) };
  view.isPinned = false;
  view.cursor = null;
  request("charts");
}

/** Half or twice as much, around the moment that is kept, or up to the newest. */
function zoomBy(factor) {
  const all = wholeDomain(pickedRuns()), { from, to } = view.domain;
  const length = Math.max((to - from) * factor, leastZoom());
  const followsNewest = view.cursor === null && (view.zoom?.end ?? null) === null;
  const middle = view.cursor ?? (from + to) / 2;
  const isAll = length >= (all.to - all.from) * 0.999;
  view.zoom = isAll ? null : { length, end: followsNewest ? null : middle + length / 2 };
  request("charts");
}

// A mouse that went further with its button down has chosen a part to look at.
const DRAG_PIXELS = 8;

/** Hovering shows a moment, a click or tap keeps it, dragging with a mouse zooms. */
function listenToPointer(figure) {
  const { svg } = figure;
  // Where the button went down.
  let pressed = null;
  const pixel = (event) => {
    const box = svg.getBoundingClientRect();
    return (event.clientX - box.left) / box.width * figure.size.width;
  };
  const place = (event) => figure.scale.value(pixel(event));
  const isMouse = (event) => event.pointerType === "mouse";
  const isDrag = (event) => pressed !== null && isMouse(event) && Math.abs(pixel(event) - pressed) >= DRAG_PIXELS;
  const listen = (kind, act) => svg.addEventListener(kind, (event) => { if (figure.scale) act(event); });
  const release = () => {
    writeAttribute(figure.selection, "d", "");
    pressed = null;
  };
  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed = pixel(event);
    if (isMouse(event)) svg.setPointerCapture(event.pointerId);
    else showMoment(place(event), true);
  });
  listen("pointermove", (event) => {
    view.pointed = figure;
    const isTouched = !isMouse(event) && event.buttons !== 0;
    if (isDrag(event)) drawSelection(figure, pressed, pixel(event));
    if (!view.isPinned || isTouched) showMoment(place(event), isTouched);
  });
  listen("pointerup", (event) => {
    if (isDrag(event)) zoomBetween(figure.scale.value(pressed), place(event));
    else if (pressed !== null) showMoment(place(event), true);
    release();
  });
  listen("pointercancel", release);
  listen("pointerleave", (event) => { if (isMouse(event) && !view.isPinned) showMoment(null, false); });
}

function drawSelection({ selection, scale }, from, to) {
  writeAttribute(selection, "d", `M${from} ${TOP - 6}H${to}V${scale.floor}H${from}Z`);
}
