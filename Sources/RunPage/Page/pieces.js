"use strict";
// Small pieces: elements, and how numbers, times and ticks read. The scripts of this page share one scope and
// load in the order in which index.html names them.

const element = (id) => document.getElementById(id);

const SVG_NAMES = new Set(["svg", "path", "line", "text", "g", "clipPath", "rect"]);

/** An element with attributes and children; texts become text nodes, never markup. */
function make(name, attributes = {}, ...children) {
  const node = SVG_NAMES.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

/** Makes `nodes` the children of `parent`. Those in place are not touched, so focus and scrolling stay. */
function fill(parent, nodes) {
  let next = parent.firstChild;
  for (const node of nodes) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** Writes a text only if it is another: the browser then has nothing to lay out. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function writeAttribute(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** The node that `make` gave for this key, or a new one; `keep` is a Map. */
function kept(keep, key, make) {
  if (!keep.has(key)) keep.set(key, make());
  return keep.get(key);
}

// ---------------------------------------------------------------- numbers

const UNKNOWN = "–";

/** A number with as many digits as a person reads. */
function shown(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 1e3 && size < 1e9) return Math.round(value).toLocaleString("en");
  const isPlain = value === 0 || (size >= 1e-3 && size < 1e3);
  if (isPlain) return value.toPrecision(4).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
}

const whole = (value) => (Number.isFinite(value) ? Math.round(value).toLocaleString("en") : UNKNOWN);

/** "42.58 KiB". */
function bytes(value) {
  const units = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]];
  const [least, unit] = units.find(([size]) => value >= size) ?? [1, "B"];
  return `${shown(value / least)} ${unit}`;
}

/** "3 min 20 s". */
function duration(seconds) {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  if (seconds > 0 && seconds < 0.0995) return `${shown(Number((seconds * 1000).toPrecision(2)))} ms`;
  if (Math.abs(seconds) < 9.95) return `${shown(Math.round(seconds * 10) / 10)} s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  const two = (number) => String(number).padStart(2, "0");
  if (total < 3600) return `${Math.floor(total / 60)} min${total % 60 ? ` ${two(total % 60)} s` : ""}`;
  const minutes = Math.round(total / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${two(minutes % 60)} min` : ""}`;
  const hours = Math.round(total / 3600);
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ""}`;
}

/** "4 min": one unit is enough to say how old something is. */
function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

/** "1 restart", "2 restarts". */
const count = (number, word) => `${whole(number)} ${word}${number === 1 ? "" : "s"}`;

// ---------------------------------------------------------------- clock times

// 24 hours everywhere, because "03:12" is what a log of the night says too.
const MINUTES = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const TIME = new Intl.DateTimeFormat([], MINUTES);
const EXACT_TIME = new Intl.DateTimeFormat([], { ...MINUTES, second: "2-digit" });
const DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });
const WEEKDAY = new Intl.DateTimeFormat([], { weekday: "short", day: "numeric", month: "short" });

const date = (seconds) => new Date(seconds * 1000);
const isSameDay = (a, b) => date(a).toDateString() === date(b).toDateString();

/** "03:12:07", with the date unless that is today. */
function clock(seconds) {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  const time = EXACT_TIME.format(date(seconds));
  return isSameDay(seconds, Date.now() / 1000) ? time : `${WEEKDAY.format(date(seconds))} ${time}`;
}

/** "03:12", with the date unless that is today. */
function clockMinutes(seconds) {
  const time = TIME.format(date(seconds));
  return isSameDay(seconds, Date.now() / 1000) ? time : `${WEEKDAY.format(date(seconds))} ${time}`;
}

// ---------------------------------------------------------------- ticks

/** The smallest of 1, 2 and 5 times a power of ten that cuts `span` into at most `most` parts. */
function niceStep(span, most) {
  const power = 10 ** Math.floor(Math.log10(span / most));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => span / step <= most * (1 + 1e-9));
}

/** Multiples of `step` from `low` to `high`. */
function multiples(step, low, high) {
  const list = [];
  const last = high + step * 1e-9;
  for (let index = Math.ceil(low / step - 1e-9); index * step <= last; index += 1) list.push(index * step);
  return list;
}

const SHORT_UNITS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** A round number on an axis whose ticks are `step` apart: "0.25", "300k", "2e-4". */
function tickText(value, step) {
  if (value === 0) return "0";
  const size = Math.max(Math.abs(value), step);
  const [unit, letter] = SHORT_UNITS.find(([least]) => size >= Math.max(least, 1e4)) ?? [1, ""];
  if (size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e");
  const decimals = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
  return (value / unit).toFixed(Math.min(decimals, 12)) + letter;
}

/** Ticks of an axis of numbers: `[{at, text}]`. */
function numberTicks(low, high, most, least = 0) {
  const step = Math.max(niceStep(high - low, most), least);
  return multiples(step, low, high).map((at) => ({ at, text: tickText(at, step) }));
}

/** Ticks of a logarithmic axis: 1, 2 and 5 of each decade, only powers of ten where those are many. */
function logarithmTicks(low, high, most) {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return numberTicks(low, high, most);
  const factors = decades * 3 <= most * 1.5 ? [1, 2, 5] : [1];
  const every = factors.length > 1 ? 1 : Math.max(1, Math.ceil(decades / most));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const factor of power % every === 0 ? factors : []) {
      const at = factor * 10 ** power;
      if (at >= low && at <= high) ticks.push({ at, text: tickText(at, 10 ** power) });
    }
  }
  return ticks;
}

const MINUTE = 60, HOUR = 3600, WHOLE_DAY = 86400;
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30], ...[1, 2, 5, 10, 15, 30].map((number) => number * MINUTE),
  ...[1, 2, 3, 6, 12].map((number) => number * HOUR), ...[1, 2, 7, 14, 28].map((number) => number * WHOLE_DAY),
];

const timeStep = (span, most) => TIME_STEPS.find((step) => span / step <= most)
  ?? WHOLE_DAY * Math.ceil(niceStep(span / WHOLE_DAY, most));

/** Ticks of an axis of seconds that have passed: 0, 30 s, 1 min. */
function elapsedTicks(low, high, most) {
  const step = high - low < 4 ? niceStep(high - low, most) : timeStep(high - low, most);
  return multiples(step, low, high).map((at) => ({ at, text: at === 0 ? "0" : duration(at) }));
}

/** Ticks of an axis of clock times, at round local times. Midnight reads as its date, and so does the
    first tick unless all of the axis is today. */
function clockTicks(low, high, most) {
  const step = Math.max(1, timeStep(high - low, most));
  // Round in local time; where summer time begins or ends in between, the ticks behind it are off by an hour.
  const shift = -date(low).getTimezoneOffset() * 60;
  const isToday = isSameDay(low, high) && isSameDay(low, Date.now() / 1000);
  return multiples(step, low + shift, high + shift).map((local, index) => {
    const at = local - shift;
    const time = (step < MINUTE ? EXACT_TIME : TIME).format(date(at));
    const isMidnight = date(at).getHours() === 0 && date(at).getMinutes() === 0 && date(at).getSeconds() === 0;
    if (isMidnight || step >= WHOLE_DAY) return { at, text: DAY.format(date(at)) };
    return { at, text: index === 0 && !isToday ? `${DAY.format(date(at))} ${time}` : time };
  });
}
