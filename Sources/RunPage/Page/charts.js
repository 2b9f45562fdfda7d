"use strict";
// The charts: one figure each, made once; a draw changes the texts of its paths. What stands under the cursor is
// in cursor.js.

// The curves of each chart by field of a step, and how their values read.
const CHARTS = [
  {
    id: "loss", title: "Loss", unit: "nats a token", canBeLogarithmic: true,
    curves: ["loss"], points: "held_out_loss",
  },
  { id: "learning_rate", title: "Learning rate", unit: "", curves: ["learning_rate"], zero: true },
  {
    id: "gradient_norm", title: "Gradient norm", unit: "before clipping", zero: true,
    curves: ["gradient_norm"], values: ["clip_share"],
  },
  {
    id: "speed", title: "Speed", unit: "tokens/s", zero: true,
    curves: ["tokens_per_second", "target_tokens_per_second", "computed_tokens_per_second"],
  },
  {
    id: "time", title: "Time of a step", unit: "s", zero: true, stacked: true,
    curves: ["compute_seconds", "reduce_seconds", "update_seconds"], values: ["step_seconds", "reduced_bytes"],
  },
  {
    id: "balance", title: "Balance of ranks", unit: "s of computing", zero: true, note: straggler,
    curves: ["rank_compute_seconds_max", "rank_compute_seconds_mean", "rank_compute_seconds_min"],
    bars: "rank_compute_seconds",
  },
  {
    id: "memory", title: "Peak memory of a rank", unit: "", zero: true, isBytes: true,
    curves: ["rank_peak_memory_bytes_max", "rank_peak_memory_bytes_mean", "rank_peak_memory_bytes_min"],
    bars: "rank_peak_memory_bytes",
  },
];

const DASHES = ["", "7 4", "2 4"];
// In the order in which they are drawn: a restart's dashes leave the failure below it in sight.
const MARKS = ["checkpoint", "gap", "warning", "failure", "restart"];

/** What the numbers of a chart are multiplied by, and what they are then. */
function unitOf(chart, picked) {
  if (!chart.isBytes) return { scale: 1, text: chart.unit };
  const most = Math.max(0, ...picked.map((run) => newestStep(run)?.[chart.curves[0]] ?? 0));
  return most >= 2 ** 30 ? { scale: 2 ** -30, text: "GiB" } : { scale: 2 ** -20, text: "MiB" };
}

// ---------------------------------------------------------------- places along the x axis

function placeOfRecord(run, record) {
  if (view.axis === "step") return record.step;
  return view.axis === "time" ? record.time : record.time - runStart(run);
}

const placeOfEvent = (run, event) => (view.axis === "step" ? stepOfEvent(run, event) : placeOfRecord(run, event));

/** Where the records of a run stand; found again only when records or the axis have changed. */
function placesOf(run) {
  const key = `${run.version} ${view.axis}`;
  if (run.places?.key === key) return run.places;
  const places = {
    key,
    steps: run.steps.map((step) => placeOfRecord(run, step)),
    evaluations: evaluations(run).map((evaluation) => placeOfRecord(run, evaluation)),
    events: events(run).map((event) => placeOfEvent(run, event)),
    marks: Object.fromEntries(MARKS.map((kind) => [kind, []])),
  };
  for (const { mark, event } of marks(run)) places.marks[mark].push(placeOfEvent(run, event));
  run.places = places;
  return places;
}

/** From the first to the last place of all chosen runs. */
function wholeDomain(picked) {
  let from = Infinity, to = -Infinity;
  const include = (x) => {
    if (x < from) from = x;
    if (x > to) to = x;
  };
  for (const run of picked) {
    const { steps, evaluations, events } = placesOf(run);
    for (const list of [steps, evaluations, events]) list.forEach(include);
  }
  if (!(from <= to)) return { from: 0, to: 1 };
  return { from, to: Math.max(to, from + (view.axis === "step" ? 1 : 1e-3)) };
}

/** What the charts show of it: `view.zoom` is a length that ends at a place, or with what comes. */
function shownDomain(picked) {
  const all = wholeDomain(picked);
  if (!view.zoom || view.zoom.length >= all.to - all.from) return all;
  const to = Math.min(all.to, Math.max(view.zoom.end ?? all.to, all.from + view.zoom.length));
  return { from: to - view.zoom.length, to };
}

function placeTicks(domain, width) {
  const most = (pixels) => Math.max(2, Math.floor((width - LEFT - RIGHT) / pixels));
  if (view.axis === "step") return numberTicks(domain.from, domain.to, most(60), 1);
  return (view.axis === "time" ? clockTicks : elapsedTicks)(domain.from, domain.to, most(70));
}

// ---------------------------------------------------------------- curves

/** The curves of a chart, run by run. A run alone has a colour a curve, several have one a run. */
function curvesOf(chart, picked, unit) {
  const isAlone = picked.length === 1;
  return picked.flatMap((run) => [...stepCurves(chart, run, unit, isAlone), ...evaluationCurves(chart, run, isAlone)]);
}

function stepCurves(chart, run, unit, isAlone) {
  const xs = placesOf(run).steps, curves = [];
  let below = null;
  chart.curves.forEach((field, index) => {
    if (!run.steps.some((step) => step[field] !== undefined)) return;
    const curve = {
      run, field, xs, records: run.steps, read: (step) => step[field], ys: valuesOf(run.steps, field, unit.scale),
      isSample: (index) => isSample(run, run.steps[index]),
      colour: isAlone ? `var(--c${index})` : colourOf(run), style: isAlone ? 0 : index,
    };
    if (chart.stacked && isAlone) below = stack(curve, below);
    curves.push(curve);
  });
  return curves;
}

function evaluationCurves(chart, run, isAlone) {
  if (!chart.points || !run.evaluations.size) return [];
  const records = evaluations(run);
  return [{
    run, field: chart.points, xs: placesOf(run).evaluations, records, read: (record) => record.loss,
    ys: valuesOf(records, "loss", 1), hasDots: true,
    colour: isAlone ? "var(--c1)" : colourOf(run), style: isAlone ? 0 : 1,
  }];
}

function valuesOf(records, field, scale) {
  return records.map((record) => (Number.isFinite(record[field]) ? record[field] * scale : NaN));
}

/** Puts a curve on top of the one below it. */
function stack(curve, below) {
  curve.isArea = true;
  curve.below = below;
  curve.ys = curve.ys.map((y, index) => (Number.isFinite(y) ? y : 0) + (below ? below[index] : 0));
  return curve.ys;
}

/** The scale of a chart: round zero where it has one, and some air. */
function scaleOf({ chart, curves, size }, domain) {
  const isLogarithmic = Boolean(chart.canBeLogarithmic && view.isLogarithmic);
  let { low, high } = bounds(curves, domain, isLogarithmic) ?? { low: isLogarithmic ? 0.1 : 0, high: 1 };
  if (isLogarithmic) {
    const air = Math.max((high / low) ** 0.05, 1.001);
    return makeScale(domain, low / air, high * air, size, true);
  }
  if (chart.zero) low = Math.min(0, low);
  const air = (high - low) * 0.06 || Math.abs(high) * 0.06 || 1;
  return makeScale(domain, chart.zero && low === 0 ? 0 : low - air, high + air, size, false);
}

// ---------------------------------------------------------------- figures

const figures = CHARTS.map(makeFigure);

/** The elements of a chart that stay. */
function makeFigure(chart) {
  const clip = `clip-${chart.id}`;
  const figure = {
    // Pixels, so that texts are never stretched; measured when the figure stands in the page.
    chart, size: { width: 420, height: 210 }, curves: [],
    paths: new Map(), items: new Map(), valueLines: new Map(), barRows: new Map(), tickTexts: [],
    note: make("span"), values: make("ul", { class: "values" }), bars: make("ul", { class: "bars" }),
    clip: make("rect", { x: LEFT - 1, y: 0 }),
    grid: make("path", { class: "grid" }), ticks: make("g", { class: "ticks" }),
    lines: make("g", { "clip-path": `url(#${clip})` }), selection: make("path", { class: "selection" }),
    cursor: make("path", { class: "cursor" }), knots: make("path", { class: "knots" }), marks: {},
  };
  for (const kind of MARKS) figure.marks[kind] = make("path", { class: `mark ${kind}`, "data-mark": kind });
  figure.svg = make("svg", { "data-chart": chart.id, role: "img", "aria-label": chart.title },
    make("clipPath", { id: clip }, figure.clip), figure.grid, figure.ticks, ...Object.values(figure.marks),
    figure.lines, figure.selection, figure.cursor, figure.knots);
  figure.node = make("figure", { "data-figure": chart.id },
    make("figcaption", {}, make("h2", {}, chart.title), figure.note), figure.svg, figure.values, figure.bars);
  listenToPointer(figure);
  return figure;
}

/** Follows the sizes of the charts. */
function watchSizes() {
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect: { width, height } } of entries) {
      const figure = figures.find(({ svg }) => svg === target);
      if (width > 0) figure.size = { width: Math.round(width), height: Math.round(height) };
    }
    request("charts");
  });
  for (const { svg } of figures) sizes.observe(svg);
}

/** Draws all charts; everything that costs time beside the list of runs. */
function drawCharts() {
  const picked = pickedRuns();
  if (!element("charts").firstChild) element("charts").append(...figures.map((figure) => figure.node));
  view.domain = shownDomain(picked);
  for (const figure of figures) drawFigure(figure, picked);
  drawMarkNames(picked);
  drawCursors();
}

function drawFigure(figure, picked) {
  const { chart, svg, size } = figure;
  figure.unit = unitOf(chart, picked);
  figure.curves = curvesOf(chart, picked, figure.unit);
  figure.scale = scaleOf(figure, view.domain);
  writeAttribute(svg, "viewBox", `0 0 ${size.width} ${size.height}`);
  writeAttribute(figure.clip, "width", size.width - LEFT - RIGHT + 2);
  writeAttribute(figure.clip, "height", size.height);
  drawAxes(figure);
  for (const kind of MARKS) {
    const xs = picked.flatMap((run) => placesOf(run).marks[kind]);
    writeAttribute(figure.marks[kind], "d", marksPath(kind, xs, figure.scale));
    writeAttribute(figure.marks[kind], "data-count", xs.length);
  }
  fill(figure.lines, figure.curves.flatMap((curve) => drawCurve(figure, curve)));
}

function drawAxes(figure) {
  const { scale, size: { width, height } } = figure;
  const ys = (scale.isLogarithmic ? logarithmTicks : numberTicks)(scale.low, scale.high, Math.round(scale.floor / 42));
  const xs = placeTicks(view.domain, width);
  const lines = ys.map(({ at }) => `M${LEFT} ${scale.y(at).toFixed(1)}H${width - RIGHT}`);
  const notches = xs.map(({ at }) => `M${scale.x(at).toFixed(1)} ${scale.floor}v4`);
  writeAttribute(figure.grid, "d", lines.concat(notches).join(""));
  drawTickTexts(figure, [
    ...ys.map(({ at, text }) => ({ text, x: LEFT - 6, y: scale.y(at) + 4, anchor: "end" })),
    ...xs.map(({ at, text }) => ({ text, ...besideEdges(scale.x(at), text, width), y: height - 5 })),
  ]);
}

function drawTickTexts(figure, texts) {
  while (figure.tickTexts.length < texts.length) figure.tickTexts.push(make("text"));
  texts.forEach(({ text, x, y, anchor }, index) => {
    const node = figure.tickTexts[index];
    write(node, text);
    writeAttribute(node, "x", x.toFixed(1));
    writeAttribute(node, "y", y.toFixed(1));
    writeAttribute(node, "text-anchor", anchor);
  });
  fill(figure.ticks, figure.tickTexts.slice(0, texts.length));
}

/** A text centred at a place unless it would leave the chart. */
function besideEdges(x, text, width) {
  const half = text.length * 3.4;
  if (x + half > width) return { x: width - 1, anchor: "end" };
  return x - half < 0 ? { x: 1, anchor: "start" } : { x, anchor: "middle" };
}

/** The paths of a curve: perhaps an area or the unsmoothed line, the line, perhaps dots. */
function drawCurve(figure, curve) {
  const { scale } = figure, { domain } = view, { xs } = curve, weight = curve.field === "loss" ? view.smoothing : 0;
  const path = (part, attributes) => {
    const node = kept(figure.paths, `${curve.run.id} ${curve.field} ${part}`, () => make("path"));
    for (const [name, value] of Object.entries(attributes)) writeAttribute(node, name, value);
    return node;
  };
  const line = (part, style, ys) => path(part, {
    class: style, "data-curve": curve.field, "data-run": curve.run.id, stroke: curve.colour,
    "stroke-dasharray": DASHES[curve.style], d: linePath(xs, ys, scale, domain),
  });
  const filled = (part, d) => path(part, { class: part, fill: curve.colour, d });
  const parts = [];
  if (curve.isArea) parts.push(filled("area", areaPath(xs, curve.ys, curve.below, scale, domain)));
  if (weight) parts.push(line("faint", "curve faint", curve.ys));
  parts.push(line("line", "curve", weight ? smoothed(curve.ys, weight, curve.isSample) : curve.ys));
  if (curve.hasDots) parts.push(filled("dots", dotsPath(xs, curve.ys, scale, domain, 3)));
  return parts;
}
