"use strict";
// What is known of each run: its summary, its steps (thinned), its evaluations and its events.

// Steps are thinned to so many groups, of up to three steps each: more than a chart has pixels, and few enough to
// draw at once.
const MOST_GROUPS = 1500, STEPS_IN_GROUP = 3;
// Up to so many ranks each has a bar of its own.
const MOST_BARS = 16;

const runs = new Map();

function newRun(id) {
  return {
    id, summary: { run_id: id }, configuration: "", started: Infinity,
    // In the order of their numbers; what `keptSteps` leaves of them.
    steps: [], every: 1,
    evaluations: new Map(), sortedEvaluations: null,
    events: [], sortedEvents: null,
    // By job: where it went on, so that what an earlier job did beyond is known as superseded.
    resumed: new Map(), firstJob: Infinity, jobs: new Set(),
    // The collector's row up to which all is known.
    after: 0,
    // The newest `run_started`.
    start: null,
    // Grows with each change; who draws remembers what was drawn.
    version: 0,
  };
}

/** A new summary from the collector; keeps the records. */
function takeSummary(summary) {
  const run = kept(runs, summary.run_id, () => newRun(summary.run_id));
  // Rows that went back mean another store: what was known is not of it.
  if (Number.isFinite(summary.last_row) && summary.last_row < run.after) {
    Object.assign(run, newRun(run.id), { version: run.version + 1 });
  }
  run.summary = summary;
  return run;
}

const nameOf = (run) => run.summary.name || run.id.slice(0, 8);

/** The name of a run, with the begin of its identifier where another chosen one is called the same. */
function displayName(run) {
  const isAmbiguous = pickedRuns().some((other) => other !== run && nameOf(other) === nameOf(run));
  return isAmbiguous && view.slots.has(run.id) ? `${nameOf(run)} (${run.id.slice(0, 6)})` : nameOf(run);
}

// ---------------------------------------------------------------- taking records

/** Takes a record into its run. Records come in the order of arrival, which is not always that of jobs. */
function takeRecord(run, record) {
  run.version += 1;
  // A file of a run's folder does not name jobs: there each start begins one.
  if (record.job_epoch === undefined) record.job_epoch = run.jobs.size + (record.kind === "run_started" ? 1 : 0);
  run.jobs.add(record.job_epoch);
  run.firstJob = Math.min(run.firstJob, record.job_epoch);
  run.started = Math.min(run.started, record.time);
  if (record.kind === "step") return takeStep(run, record);
  if (record.kind === "evaluation") takeEvaluation(run, record);
  if (record.kind === "run_started") takeStart(run, record);
  if (record.kind === "resumed") takeResumption(run, record);
  run.events.push(record);
  run.sortedEvents = null;
}

function takeStart(run, record) {
  if (record.job_epoch >= (run.start?.job_epoch ?? 0)) {
    run.start = record;
    run.configuration = record.configuration;
  }
}

/** The job goes on after a checkpoint: what earlier jobs did beyond it is done again. */
function takeResumption(run, record) {
  run.resumed.set(record.job_epoch, record.step);
  run.steps = run.steps.filter((step) => !isSuperseded(run, step));
  for (const [step, evaluation] of run.evaluations) {
    if (isSuperseded(run, evaluation)) run.evaluations.delete(step);
  }
  run.sortedEvaluations = null;
}

function isSuperseded(run, record) {
  for (const [job, step] of run.resumed) if (job > record.job_epoch && record.step > step) return true;
  return false;
}

function takeEvaluation(run, record) {
  const before = run.evaluations.get(record.step);
  if (isSuperseded(run, record) || before?.job_epoch > record.job_epoch) return;
  run.evaluations.set(record.step, record);
  run.sortedEvaluations = null;
}

/** Where in a sorted list the first item stands whose `field` is at least `value`. */
function lowerBound(list, field, value) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle][field] < value) low = middle + 1; else high = middle;
  }
  return low;
}

function takeStep(run, record) {
  if (isSuperseded(run, record)) return;
  const index = lowerBound(run.steps, "step", record.step), there = run.steps[index];
  if (there?.step === record.step) {
    if (there.job_epoch > record.job_epoch) return;
    run.steps[index] = derived(record);
  } else {
    run.steps.splice(index, 0, derived(record));
  }
  thinAround(run, index);
  while (run.steps.length > STEPS_IN_GROUP * MOST_GROUPS) {
    run.every *= 2;
    run.steps = keptSteps(run, run.steps);
  }
}

/** Thins the group of a step that is new, and of the one before, which may have been kept for being the newest. */
function thinAround(run, index) {
  if (run.every === 1) return;
  const firstOfGroup = (step) => Math.floor(step.step / run.every) * run.every;
  const begin = lowerBound(run.steps, "step", firstOfGroup(run.steps[Math.max(0, index - 1)]));
  const end = lowerBound(run.steps, "step", firstOfGroup(run.steps[index]) + run.every);
  run.steps.splice(begin, end - begin, ...keptSteps(run, run.steps.slice(begin, end)));
}

/** Of each `every` consecutive steps the one whose number it divides and those of the least and the greatest loss,
    so that a leap of a single step is seen in any run; and the newest of all. */
function keptSteps(run, steps) {
  const newest = run.steps.at(-1), least = new Map(), greatest = new Map();
  const chosen = new Set(steps.filter((step) => step.step % run.every === 0 || step === newest));
  for (const step of steps) {
    if (!Number.isFinite(step.loss)) continue;
    const group = Math.floor(step.step / run.every);
    if (!(least.get(group)?.loss <= step.loss)) least.set(group, step);
    if (!(greatest.get(group)?.loss >= step.loss)) greatest.set(group, step);
  }
  for (const step of [...least.values(), ...greatest.values()]) chosen.add(step);
  return steps.filter((step) => chosen.has(step));
}

/** Whether a step was kept for its number: those kept for their loss say nothing about the mean. */
const isSample = (run, step) => step.step % run.every === 0;

/** Adds what follows from the lists by rank, and forgets lists that are too long to be shown. */
function derived(step) {
  const seconds = step.rank_compute_seconds ?? [];
  // A rank without slices computed 0 s, which says nothing about its speed.
  const working = seconds.filter((value) => value > 0);
  spread(step, "rank_compute_seconds", working);
  spread(step, "rank_peak_memory_bytes", step.rank_peak_memory_bytes ?? []);
  step.slowest_rank = working.length > 1 ? seconds.indexOf(step.rank_compute_seconds_max) : null;
  if (seconds.length > MOST_BARS) step.rank_compute_seconds = step.rank_peak_memory_bytes = [];
  return step;
}

function spread(step, name, list) {
  if (!list.length) return;
  step[name + "_max"] = Math.max(...list);
  step[name + "_min"] = Math.min(...list);
  step[name + "_mean"] = list.reduce((sum, value) => sum + value, 0) / list.length;
}

/** Who the others wait for, in words; nothing unless two ranks had work. */
function straggler(step) {
  if (!step || step.slowest_rank === null) return "";
  const share = step.rank_compute_seconds_max / step.rank_compute_seconds_mean - 1;
  return `rank ${step.slowest_rank} slowest, ${Math.round(share * 100)} % above the mean`;
}

// ---------------------------------------------------------------- reading what is known

const newestStep = (run) => run.steps.at(-1);

/** Evaluations in the order of their steps. */
function evaluations(run) {
  run.sortedEvaluations ??= [...run.evaluations.values()].sort((a, b) => a.step - b.step);
  return run.sortedEvaluations;
}

/** Events in the order of time. */
function events(run) {
  run.sortedEvents ??= [...run.events].sort((a, b) => a.time - b.time);
  return run.sortedEvents;
}

/** How the newest job ended; undefined while it has not, or otherwise. */
function endOf(run, kind) {
  const job = run.start?.job_epoch ?? 0;
  return run.events.findLast((event) => event.kind === kind && event.job_epoch >= job);
}

const runStart = (run) => Math.min(run.started, run.summary.started ?? Infinity);

/** What an event is in the charts; undefined for those that have no mark. */
function markOf(run, event) {
  const { kind, job_epoch: job } = event;
  if (kind === "resumed") return "restart";
  // A job that went on says so itself; one that only started again is a restart all the same.
  if (kind === "run_started") return job > run.firstJob && !run.resumed.has(job) ? "restart" : undefined;
  if (kind === "failed") return "failure";
  return ["checkpoint", "warning", "gap"].includes(kind) ? kind : undefined;
}

/** The step at which an event happened: its own, or the newest that was done before it. */
function stepOfEvent(run, event) {
  if (event.step !== undefined) return event.step;
  return run.steps[lowerBound(run.steps, "time", event.time) - 1]?.step ?? 0;
}

/** The marks of a run: `[{mark, event}]`, in the order of time; the same list until something changes. */
function marks(run) {
  if (run.marksVersion !== run.version) {
    run.markList = events(run).map((event) => ({ mark: markOf(run, event), event })).filter(({ mark }) => mark);
    run.marksVersion = run.version;
  }
  return run.markList;
}

/** The settings of a run, in their order; a line that begins with a blank or a dash goes on with the one before. */
function settings(run) {
  const found = new Map();
  let last = "";
  for (const line of run.configuration.split("\n")) {
    const parts = /^([^\s:#-][^:]*):\s*(.*)$/.exec(line);
    if (parts) found.set(last = parts[1], parts[2]);
    else if (last && line.trim()) found.set(last, `${found.get(last)} ${line.trim()}`.trim());
  }
  return found;
}
