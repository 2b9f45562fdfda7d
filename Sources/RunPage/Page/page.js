"use strict";
// What is looked at, when it is drawn, and where the data come from: the collector's JSON interface, or what
// stands in the page itself (a report).

const POLL_MS = 500, SLOW_POLL_MS = 2000, PAGE = 5000;
// A collector that has not answered for so long is said to be away, though nothing failed yet.
const PATIENCE_MS = 4000, GIVE_UP_MS = 15000;
// As many runs side by side as there are colours.
const MOST_CHOSEN = 8;

const view = {
  // Chosen run → its colour. Until somebody has chosen, the newest run is.
  slots: new Map(), hasChosen: false,
  axis: "step", isLogarithmic: false, smoothing: 0,
  // A place on the x axis; null follows the newest. A pinned one stays when the pointer leaves.
  cursor: null, isPinned: false,
  // What part of the x axis is shown; null for all.
  zoom: null, domain: { from: 0, to: 1 },
  // The chart that the pointer was over last.
  pointed: null,
  filter: "", listsAll: false, eventRows: EVENT_ROWS,
  // Groups of events that are not listed; null until somebody, or their number, decides.
  hiddenGroups: null,
  isReport: false, heardAt: 0, clockAhead: 0,
};

const pickedRuns = () => [...view.slots.keys()].map((id) => runs.get(id)).filter(Boolean);

// ---------------------------------------------------------------- drawing, at most once a frame

const wanted = new Set();
let frame = 0;

const EVERYTHING = ["list", "overview", "charts", "events"];

/** Has parts drawn in the next frame: "list", "overview", "charts", "cursor" or "events". */
function request(...parts) {
  for (const part of parts) wanted.add(part);
  frame ||= requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const parts = new Set(wanted);
  wanted.clear();
  if (parts.has("list")) drawList();
  if (parts.has("overview")) drawOverview();
  if (parts.has("charts")) drawCharts();
  else if (parts.has("cursor")) drawCursors();
  if (parts.has("events")) drawEvents();
}

function drawOverview() {
  const picked = pickedRuns();
  element("chosen").hidden = !picked.length;
  element("hint").hidden = Boolean(picked.length || !runs.size);
  write(element("hint"), view.slots.size
    ? "The collector does not know the run of this address; choose one above."
    : "Choose a run above to see its curves.");
  drawCards();
  drawComparison();
  drawConfigurations();
  drawTitle(picked[0] ?? orderedRuns()[0]);
}

/** What a tab in the background tells. */
function drawTitle(run) {
  if (!run) return;
  const { state, total_steps: total } = run.summary, step = newestNumber(run);
  const done = state === "running" && total ? `${Math.floor(100 * step / total)} %` : state;
  const title = `${done} · ${displayName(run)} · step ${whole(step)}`;
  if (document.title !== title) document.title = title;
}

// ---------------------------------------------------------------- choosing

function choose(id, isChosen) {
  view.hasChosen = true;
  if (isChosen) give(id); else view.slots.delete(id);
  try {
    history.replaceState(null, "", `#${[...view.slots.keys()].map(encodeURIComponent).join(",")}`);
  } catch { /* A browser may not let a file change its address, which is a convenience only. */ }
  afterChoice();
}

/** Gives a run the first free colour; beyond the last one, in place of the run that was chosen first. */
function give(id) {
  if (view.slots.size >= MOST_CHOSEN) view.slots.delete(view.slots.keys().next().value);
  const taken = new Set(view.slots.values());
  let slot = 0;
  while (taken.has(slot)) slot += 1;
  if (!view.slots.has(id)) view.slots.set(id, slot);
}

function afterChoice() {
  view.cursor = null;
  view.isPinned = false;
  view.zoom = null;
  view.eventRows = EVENT_ROWS;
  request(...EVERYTHING);
  if (!view.isReport) poll();
}

/** The runs that the address names. What is no encoding of a text is passed over. */
function idsOfAddress() {
  return location.hash.slice(1).split(",").flatMap((part) => {
    try { return part ? [decodeURIComponent(part)] : []; } catch { return []; }
  });
}

function chooseByAddress() {
  view.slots.clear();
  for (const id of idsOfAddress().slice(0, MOST_CHOSEN)) give(id);
  view.hasChosen = view.slots.size > 0;
}

/** Who has not chosen sees the newest run. */
function chooseNewest() {
  if (view.hasChosen || view.slots.size) return;
  const newest = orderedRuns()[0];
  if (newest) give(newest.id);
}

// ---------------------------------------------------------------- talking to the collector

// Since when an answer is waited for; 0 while none is.
let askedAt = 0;

async function ask(path) {
  askedAt = Date.now();
  try {
    const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(GIVE_UP_MS) });
    if (response.status === 401) throw new Error("The collector asks for its token: open /?token=TOKEN once");
    if (!response.ok) throw new Error(`The collector answered with ${response.status}`);
    const told = Date.parse(response.headers.get("Date") ?? "");
    if (Number.isFinite(told)) view.clockAhead = (told - Date.now()) / 1000;
    return await response.text();
  } finally {
    askedAt = 0;
  }
}

let lastList = "";

async function fetchList() {
  const text = await ask("api/runs");
  view.heardAt = Date.now();
  // With a thousand runs even reading the list costs; mostly it says the same.
  if (text === lastList) return;
  lastList = text;
  for (const summary of JSON.parse(text).runs) takeSummary(summary);
  chooseNewest();
  request("list", "overview");
}

/** Fetches what is new of a run: first thinned by the collector, then the newest steps one by one. */
async function fetchRecords(run) {
  // One that the address names may be unknown to the collector, or not have reported yet.
  if (!(run.summary.last_row > run.after)) return;
  if (!run.after) run.every = Math.max(run.every, Math.ceil((run.summary.total_steps ?? 0) / MOST_GROUPS));
  if (isFarBehind(run)) {
    await fetchPages(run, () => run.every);
    if (run.every === 1) return;
  }
  await fetchPages(run, () => 1);
}

const isFarBehind = (run) => !run.after || (run.summary.step ?? 0) - (newestStep(run)?.step ?? 0) > PAGE;

async function fetchPages(run, every) {
  for (let more = true; more && view.slots.has(run.id);) {
    const which = `after=${run.after}&every=${every()}&limit=${PAGE}`;
    const answer = JSON.parse(await ask(`api/runs/${encodeURIComponent(run.id)}/records?${which}`));
    for (const record of answer.records) takeRecord(run, record);
    if (answer.records.length) request("overview", "charts", "events");
    run.after = Math.max(run.after, answer.last ?? 0);
    more = answer.more;
  }
}

/** What is wrong with one run must not keep the others from being shown. */
async function fetchChosen() {
  const errors = [];
  for (const run of pickedRuns()) await fetchRecords(run).catch((error) => errors.push(error));
  if (errors.length) throw errors[0];
}

const SILENCE = "The collector does not answer";
let failures = 0, trouble = SILENCE, isPolling = false, timer = 0;

/** Asks again and again while the page is looked at. */
async function poll() {
  if (isPolling) return;
  isPolling = true;
  clearTimeout(timer);
  const begin = Date.now();
  try {
    await fetchList();
    await fetchChosen();
    failures = 0;
  } catch (error) {
    failures += 1;
    // What the browser says of a connection that failed helps nobody.
    trouble = error instanceof TypeError || error.name === "TimeoutError" ? SILENCE : error.message;
  }
  isPolling = false;
  showBanner();
  // A collector that needs long for an answer is not asked all the time.
  const pause = Math.max(failures > 1 ? SLOW_POLL_MS : POLL_MS, Date.now() - begin);
  if (!document.hidden) timer = setTimeout(poll, pause);
}

function showBanner() {
  const isWaiting = askedAt && Date.now() - askedAt > PATIENCE_MS;
  const banner = element("banner");
  banner.hidden = !(isWaiting || failures > 1);
  if (banner.hidden) return;
  const heard = view.heardAt ? `; last heard at ${clock(view.heardAt / 1000)}` : "";
  write(banner, (isWaiting ? SILENCE : trouble) + heard);
}

/** Each second: what grows old without being told. */
function tick() {
  showBanner();
  if ([...runs.values()].some((run) => run.summary.state === "running")) request("list", "overview");
}

// ---------------------------------------------------------------- start

/** Shows what stands in the page. */
function showReport(text) {
  view.isReport = true;
  for (const { records, every, ...summary } of JSON.parse(text).runs) {
    const run = takeSummary(summary);
    run.every = every;
    for (const record of records) takeRecord(run, record);
  }
  if (!pickedRuns().length) for (const id of [...runs.keys()].slice(0, MOST_CHOSEN)) give(id);
  request(...EVERYTHING);
}

function listen() {
  const changes = (id, act) => element(id).addEventListener("input", (event) => act(event.target));
  changes("axis", (node) => { view.axis = node.value; view.zoom = null; showMoment(null); request("charts"); });
  changes("logarithm", (node) => { view.isLogarithmic = node.checked; request("charts"); });
  changes("smoothing", (node) => { view.smoothing = Number(node.value); request("charts"); });
  changes("filter", (node) => { view.filter = node.value.trim(); request("list"); });
  changes("slider", slide);
  const clicks = (node, act) => node.addEventListener("click", act);
  clicks(element("newest"), () => showMoment(null));
  clicks(element("closer"), () => zoomBy(1 / 2));
  clicks(element("wider"), () => zoomBy(2));
  clicks(element("more-runs").lastElementChild, () => { view.listsAll = true; request("list"); });
  clicks(element("more-events").lastElementChild, () => { view.eventRows += EVENT_ROWS; request("events"); });
  addEventListener("keydown", (event) => { if (event.key === "Escape") showMoment(null); });
  addEventListener("hashchange", () => { chooseByAddress(); chooseNewest(); afterChoice(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !view.isReport) poll(); });
}

// A browser that goes back remembers what the fields said.
view.axis = element("axis").value;
view.isLogarithmic = element("logarithm").checked;
view.smoothing = Number(element("smoothing").value);
listen();
watchSizes();
chooseByAddress();
if (element("records")) showReport(element("records").textContent);
else {
  request("list");
  poll();
  setInterval(tick, 1000);
}
