"use strict";
// From numbers to the texts of SVG paths. Each kind of thing in a chart is one path, thinned to the pixels there
// are: a run of a million steps costs the browser what a short one costs.

const LEFT = 50, RIGHT = 10, TOP = 14, BOTTOM = 32;

/** Maps the values of a chart to its pixels. `y` is logarithmic where `isLogarithmic`. */
function makeScale(domain, low, high, { width, height }, isLogarithmic) {
  const form = isLogarithmic ? Math.log10 : (value) => value;
  const formLow = form(low), formHigh = form(high), floor = height - BOTTOM;
  const perX = (width - LEFT - RIGHT) / (domain.to - domain.from), perY = (floor - TOP) / (formHigh - formLow);
  return {
    low, high, width, floor, isLogarithmic,
    x: (value) => LEFT + (value - domain.from) * perX,
    y: (value) => floor - (form(value) - formLow) * perY,
    // Back from a pixel, within the domain.
    value: (pixel) => Math.min(domain.to, Math.max(domain.from, domain.from + (pixel - LEFT) / perX)),
  };
}

/** The first index whose value is at least `value`, in a list that grows. */
function firstAtLeast(list, value) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** The index whose value is nearest; -1 in an empty list. */
function nearestIndex(list, value) {
  const index = firstAtLeast(list, value);
  if (index === list.length) return index - 1;
  return index > 0 && value - list[index - 1] < list[index] - value ? index - 1 : index;
}

/** The part of a list of x values that a chart shows, and one more on either side, so that lines leave the chart. */
function visiblePart(xs, domain) {
  const begin = firstAtLeast(xs, domain.from) - 1, end = firstAtLeast(xs, domain.to) + 1;
  return { begin: Math.max(0, begin), end: Math.min(xs.length, end) };
}

/** Least and greatest finite values of the curves within the domain; `undefined` where there are none. */
function bounds(curves, domain, isLogarithmic) {
  let low = Infinity, high = -Infinity;
  for (const { xs, ys } of curves) {
    const { begin, end } = visiblePart(xs, domain);
    for (let index = begin; index < end; index += 1) {
      const y = ys[index];
      if (!Number.isFinite(y) || (isLogarithmic && y <= 0)) continue;
      if (y < low) low = y;
      if (y > high) high = y;
    }
  }
  return low <= high ? { low, high } : undefined;
}

/** Whether a value can be drawn. */
const isDrawn = (y, scale) => Number.isFinite(y) && !(scale.isLogarithmic && y <= 0);

/** Which points draw the line: in each column of pixels the first, the least, the greatest and the last.
    A value that is no number interrupts it: -1 stands in its place. */
function thinned(xs, ys, scale, domain) {
  const { begin, end } = visiblePart(xs, domain), picked = [];
  let column = NaN, bucket = [];
  const finish = () => {
    picked.push(...[...new Set(bucket)].sort((a, b) => a - b));
    bucket = [];
  };
  for (let index = begin; index < end; index += 1) {
    if (!isDrawn(ys[index], scale)) {
      finish();
      picked.push(-1);
      continue;
    }
    const at = Math.round(scale.x(xs[index]));
    if (at !== column) finish();
    column = at;
    // First, least, greatest, last.
    if (!bucket.length) bucket = [index, index, index, index];
    if (ys[index] < ys[bucket[1]]) bucket[1] = index;
    if (ys[index] > ys[bucket[2]]) bucket[2] = index;
    bucket[3] = index;
  }
  finish();
  return picked;
}

const point = (scale, x, y) => `${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}`;

/** A line through the points; "h0" makes a single one a dot, since the ends of lines are round. */
function linePath(xs, ys, scale, domain) {
  let text = "", isDown = false;
  for (const index of thinned(xs, ys, scale, domain)) {
    if (index < 0) isDown = false;
    else {
      const there = point(scale, xs[index], ys[index]);
      text += isDown ? `L${there}` : `M${there}h0`;
      isDown = true;
    }
  }
  return text;
}

/** The area between two curves over the same x values. */
function areaPath(xs, ys, below, scale, domain) {
  const upper = thinned(xs, ys, scale, domain).filter((index) => index >= 0);
  if (!upper.length) return "";
  const there = upper.map((index) => point(scale, xs[index], ys[index])).join("L");
  const back = upper.reverse().map((index) => point(scale, xs[index], below ? below[index] : 0)).join("L");
  return `M${there}L${back}Z`;
}

/** Dots of a radius; none where they would hide the line. */
function dotsPath(xs, ys, scale, domain, radius) {
  const { begin, end } = visiblePart(xs, domain);
  if ((end - begin) * 3 * radius > scale.width) return "";
  let text = "";
  for (let index = begin; index < end; index += 1) {
    if (!isDrawn(ys[index], scale)) continue;
    const x = scale.x(xs[index]), y = scale.y(ys[index]);
    if (x < LEFT - 0.5 || x > scale.width - RIGHT + 0.5) continue;
    text += circle(x, y, radius);
  }
  return text;
}

function circle(x, y, radius) {
  const half = `a${radius} ${radius} 0 1 0`;
  return `M${(x - radius).toFixed(1)} ${y.toFixed(1)}${half} ${2 * radius} 0${half} ${-2 * radius} 0`;
}

// How each kind of mark looks at a pixel of the x axis, and how many pixels two of them are apart at least.
const MARK_SHAPES = {
  checkpoint: { apart: 5, shape: (x, floor) => `M${x - 4} ${floor + 9}h8l-4 -7z` },
  restart: { apart: 1, shape: (x, floor) => `M${x} ${TOP - 6}V${floor}` },
  gap: { apart: 1, shape: (x, floor) => `M${x} ${TOP - 6}V${floor}` },
  warning: { apart: 1, shape: (x) => `M${x - 5} ${TOP - 12}h10l-5 9z` },
  failure: { apart: 1, shape: (x, floor) => `M${x} ${TOP - 4}V${floor}M${x - 4} ${TOP - 12}l8 8m0 -8l-8 8` },
};

/** One path for all marks of a kind: where they are dense, some. */
function marksPath(kind, xs, scale) {
  const { apart, shape } = MARK_SHAPES[kind], drawn = new Set();
  let text = "";
  for (const value of xs) {
    const x = Math.round(scale.x(value) * 2) / 2, place = Math.floor(x / apart);
    if (!(x >= LEFT - 0.5 && x <= scale.width - RIGHT + 0.5) || drawn.has(place)) continue;
    drawn.add(place);
    text += shape(x, scale.floor);
  }
  return text;
}

/** Running mean of the samples, which weighs the past by `weight` and begins with the first of them; what is no
    number interrupts it. */
function smoothed(ys, weight, isSample) {
  const first = ys.findIndex((y, index) => Number.isFinite(y) && isSample(index));
  let mean = first < 0 ? ys.find((y) => Number.isFinite(y)) : ys[first];
  return ys.map((y, index) => {
    if (!Number.isFinite(y)) return NaN;
    if (index > first && isSample(index)) mean = weight * mean + (1 - weight) * y;
    return mean;
  });
}
