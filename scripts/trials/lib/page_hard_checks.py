"""What else can come to the page: troubles, hostile texts, a collector that goes away, much; a report
(scripts/trials/page)."""

import math
import re
import signal
import subprocess
import time
import urllib.parse

from trials.lib.page_trial import PageTrial, wait

MOST_NODES, MOST_DRAW_MS = 20000, 150

# By run the steps of a single high loss, none of which is kept for its number.
LEAPS = {"long": (246800, 777400), "unknown": (4567, 9011)}

# What must not be read as markup, end an element early or break a text. U+0600 joins with the "<" behind it into
# one of Swift's characters; U+202E turns the direction of what follows.
HOSTILE = ("</script><img src=x onerror='window.hacked=1'>\u0600</script><script>window.hacked=2</script>"
           " \"'&amp;\u202e\\")

# As if the collector had heard of its runs four minutes ago.
PRETEND_OLD = """
const real = window.fetch;
window.fetch = async (...all) => {
  const answer = await real(...all);
  if (all[0] !== "api/runs") return answer;
  const list = await answer.json();
  for (const run of list.runs) run.updated -= 240;
  return new Response(JSON.stringify(list), { headers: answer.headers });
};
"""

# Draws parts again and again as if new records had come; the milliseconds of each, layout included.
DRAW = """
const took = [];
for (let round = 0; round < 9; round += 1) {
  runs.get("long").version += 1;
  runs.get("long").sortedEvents = null;
  const begin = performance.now();
  for (const part of arguments[0]) wanted.add(part);
  draw();
  document.body.offsetHeight;
  took.push(performance.now() - begin);
}
return took.sort((a, b) => a - b);
"""

WATCH_ROWS = """
window.longTasks = [];
window.touchedRows = new Set();
new MutationObserver((changes) => {
  for (const { target } of changes) {
    const row = (target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement)?.closest("tr.run");
    if (row) touchedRows.add(row.dataset.run);
  }
}).observe(document.getElementById("runs"), { subtree: true, childList: true, characterData: true, attributes: true });
"""

# The greatest losses that the page holds of a run, where, and the highest that its running mean gets there.
LEAPT = """
const run = runs.get(arguments[0]), { steps } = run;
const mean = smoothed(steps.map((step) => step.loss), 0.9, (index) => isSample(run, steps[index]));
const high = steps.filter((step) => step.loss > 50);
return [high.map((step) => step.step), Math.max(...mean.slice(1000))];
"""

# Of each step that the page holds of a run: its number, its loss and the running mean there.
SMOOTHED = """
const run = runs.get(arguments[0]), { steps } = run;
const mean = smoothed(steps.map((step) => step.loss), 0.9, (index) => isSample(run, steps[index]));
return steps.map((step, index) => [step.step, step.loss, mean[index]]);
"""

HELD = """
return ["long", "unknown"].map((id) => {
  const { steps, every } = runs.get(id);
  return [steps.length, steps.at(-1).step, every];
});
"""


class HardChecks(PageTrial):
    def troubles(self):
        """Warnings, a failure, a gap, a start without a resumption, ranks without slices, a quiet run."""
        send, now, run = self.sender, time.time(), "troubled"
        records = [send.start(run, now - 60, run, 100, epoch=5)]
        records += [send.step(run, now - 60 + step, step, epoch=5, rank_compute_seconds=[0.5, 0, 1.0])
                    for step in range(1, 21)]
        records += [
            send.envelope(run, now - 45, 5, warning={"step": 15, "message": "the loss jumps"}),
            send.envelope(run, now - 39, 5, failed={"step": 20, "exit_code": 75, "message": "rank 1 is gone"}),
            send.start(run, now - 30, run, 100, epoch=6)]
        records += [send.step(run, now - 30 + step - 20, step, epoch=6, rank_compute_seconds=[0, 0, 1.0])
                    for step in range(21, 41)]
        records.append(send.envelope(run, now - 5, 6, gap={"first_sequence": 22}))
        records[-1].sequence = 30
        send.send(records)
        self.open_run(run)
        self.check("restarts, warnings, failures and gaps are marked", *self.trouble_marks())
        notes = [self.balance_at(10), self.balance_at(30)]
        bars = self.browser.text("[data-figure=balance] .bars")
        self.check("ranks without slices do not count in the balance", "no slices" in bars
                   and notes == ["rank 2 slowest, 33 % above the mean", "s of computing"], str(notes))
        self.browser.click("[data-event=warning] button")
        moment, near = self.browser.text("#moment-text"), self.browser.text("#moment-events")
        self.check("an event leads to its moment", "the loss jumps" in near and "step 15 " in moment, near)
        self.browser.picture("troubled", whole=True)
        self.browser.click("#newest")
        self.check("a run that was not heard of says so", *self.heard())

    def open_run(self, run):
        """- Returns: whether its curve is there."""
        wait(lambda: run in (self.browser.text("#runs") or ""))
        self.browser.pick(run)
        return wait(lambda: self.browser.curves(run).get(("loss", "loss")))

    def trouble_marks(self):
        found = {kind: self.browser.mark(kind, "speed") for kind in ("restart", "warning", "failure", "gap")}
        return all(path and number == 1 for path, number in found.values()), str(
            {kind: int(number) for kind, (_, number) in found.items()})

    def balance_at(self, step):
        """What the chart of the balance says of a step."""
        self.browser.run("showMoment(arguments[0], true)", step)
        time.sleep(0.15)
        return self.browser.text("[data-figure=balance] figcaption span")

    def heard(self):
        fresh = self.browser.text("[data-card] [data-value=heard]") or ""
        self.browser.run(PRETEND_OLD)
        said = wait(lambda: re.search(r"heard 4 min ago", self.browser.text("[data-card] .state")), 5)
        return bool(said and re.fullmatch(r"\d+ s ago", fresh)), f"{fresh}, then {said and said[0]}"

    # ------------------------------------------------------------ hostile texts

    def hostile(self):
        send, now, browser = self.sender, time.time(), self.browser
        run = self.hostile_run = "a/b?c=d#e,f%20" + HOSTILE
        send.send([
            send.start(run, now, HOSTILE, 3, configuration=f"{HOSTILE}\nlr: 1\n", hosts=[HOSTILE]),
            send.step(run, now, 1), send.envelope(run, now, warning={"step": 1, "message": HOSTILE}),
            send.envelope(run, now, resumed={
                "step": 1, "path": HOSTILE, "world_size": 1, "previous_world_size": 2, "changes": [HOSTILE]}),
            send.envelope(run, now, finished={
                "step": 1, "loss": 1, "evaluation_loss": math.nan, "seconds": 1, "adapter_path": HOSTILE,
                "adapter_sha256": HOSTILE})])
        browser.open(self.base + "#" + urllib.parse.quote(run, safe=""))
        wait(lambda: browser.count("[data-event=warning]"), 5)
        self.check("hostile texts are shown as they are", *self.hostile_texts("img, iframe, script:not([src])"))
        browser.open(self.base + "#%E0%A4%A,%,,troubled")
        self.check("an address that is no encoding does no harm",
                   wait(lambda: browser.curves("troubled").get(("loss", "loss")), 5))

    def hostile_texts(self, strangers):
        """- Parameter strangers: elements that only such a text can have made."""
        browser = self.browser
        texts = [
            browser.text("[data-card] h2"),
            (browser.text("[data-event=warning] .what") or "").removeprefix("warning at step 1: "),
            (browser.text("#configuration pre") or "").split("\n")[0]]
        good = sum(text == HOSTILE for text in texts)
        ran, strange = browser.run("return window.hacked ?? null"), browser.count(strangers)
        return good == 3 and ran is None and strange == 0, f"{good} of 3 texts, {strange} strange elements, ran: {ran}"

    # ------------------------------------------------------------ the collector goes away

    def collector_away(self):
        browser, collector = self.browser, self.collector
        browser.open(self.base)
        wait(lambda: browser.count("tr.run"), 5)
        self.check("no banner while the collector answers", not browser.is_shown("#banner"))
        self.no_strangers()
        collector.kill()
        self.banner("a banner says that the collector is away", True)
        browser.picture("collector-away")
        collector.start()
        self.banner("it goes when the collector is back", False)
        collector.process.send_signal(signal.SIGSTOP)
        self.banner("a collector that hangs is away too", True)
        collector.process.send_signal(signal.SIGCONT)
        self.banner("and is back when it goes on", False)

    def banner(self, name, is_wanted):
        begin = time.monotonic()
        is_good = wait(lambda: self.browser.is_shown("#banner") == is_wanted, 10)
        self.check(name, is_good, f"after {time.monotonic() - begin:.1f} s")

    def no_strangers(self):
        """So far nobody else was asked for anything, and the browser has nothing to complain about."""
        browser = self.browser
        browser.take_logs()
        asked = [address for address in browser.requests if address != "about:blank"]
        strange = [address for address in asked if not address.startswith((self.base, "data:image/svg+xml,"))]
        self.check("nobody but the collector was asked for anything", len(asked) > 20 and not strange,
                   f"{len(asked)} requests {strange[:3] or ''}")
        self.check("the browser has nothing to complain about", not browser.complaints,
                   str(browser.complaints[:3] or ""))

    # ------------------------------------------------------------ much

    def much(self):
        """A run of a million steps with 5000 checkpoints, one whose length is not known, and 1000 others."""
        self.send_much()
        browser = self.browser
        browser.open(self.base + "#long,unknown")
        newest = {"long": 1000000, "unknown": 9001}
        wait(lambda: all(browser.number(f"[data-value=loss][data-run={run}]", "data-step") == step
                         for run, step in newest.items()), 20)
        held = browser.run(HELD)
        self.check("steps are thinned, and the newest is kept",
                   all(1000 <= number <= 4500 and every > 1 for number, _, every in held)
                   and [step for _, step, _ in held] == [*newest.values()],
                   ", ".join(f"{number} of {step}" for number, step, _ in held))
        browser.pick("a million steps")
        # Groups of events are hidden at first where they have so many.
        while browser.count(hidden := "#kinds [aria-pressed=false]"):
            browser.click(hidden)
        nodes = browser.count("*")
        self.check("a million steps among a thousand runs: elements of the page", nodes < MOST_NODES, str(nodes))
        checkpoints = browser.mark("checkpoint")[1]
        self.check("all checkpoints are counted", checkpoints == 5000, f"{checkpoints:.0f}")
        self.check_draws()
        self.check_polls()
        self.check_leaps()
        self.check_list()
        browser.set("#axis", "time")
        browser.picture("million-steps")
        browser.colours("dark")
        browser.picture("million-steps-dark")
        browser.colours("light")

    def send_much(self):
        send, now = self.sender, time.time()
        records = [send.start("long", now - 1e6, "a million steps", 1000000)]
        for step in range(200, 1000001, 200):
            at = now - 1e6 + step
            records += [self.step("long", at, step), send.checkpoint("long", at, step)]
            if step % 1000 == 0:
                records.append(send.evaluation("long", at, step, 2.1 + 3 / (1 + step / 2000)))
        records.append(send.start("unknown", now - 9000, "length not known", 0))
        records += [self.step("unknown", now - 9000 + step, step) for step in range(1, 9002)]
        for number in range(1000):
            run, at = f"small-{number}", now - 2e6 + number
            records += [send.start(run, at, f"small {number}", 3), send.step(run, at, 1)]
        send.send(records)

    def step(self, run, seconds, step):
        leap = {"loss": 99.0} if step in LEAPS[run] else {}
        return self.sender.step(run, seconds, step, **leap)

    def check_leaps(self):
        """A loss that leaps for one step is seen, however long the run, and before and after the page was opened."""
        browser, now = self.browser, time.time()
        browser.pick("length not known")
        self.sender.send([self.step("unknown", now, step) for step in range(9002, 9031)])
        wait(lambda: browser.number("[data-value=loss][data-run=unknown]", "data-step") == 9030)
        for run, steps in LEAPS.items():
            found, mean = browser.run(LEAPT, run)
            # Where the curves are near 2; a leap that counted would lift the mean by ten.
            self.check(f"single leaps of the loss are seen: {run}", found == [*steps] and mean < 6,
                       f"{found}, the running mean stays below {mean:.1f}")

    def check_draws(self):
        browser = self.browser
        whole = browser.run(DRAW, ["list", "overview", "charts", "events"])
        browser.run("showMoment(500000, true)")
        cursor = browser.run(DRAW, ["cursor"])
        browser.click("#newest")
        self.check_speed("a draw of a million steps", whole[4] < MOST_DRAW_MS,
                         f"{whole[4]:.0f} ms (worst {whole[-1]:.0f} ms); of a move of the pointer {cursor[4]:.1f} ms")

    def check_polls(self):
        """New steps come; the rows of other runs stay as they are."""
        browser, steps = self.browser, range(1000001, 1000007)
        browser.run(WATCH_ROWS)
        for step in steps:
            self.sender.send([self.sender.step("long", time.time(), step)])
            time.sleep(0.4)
        wait(lambda: browser.number("[data-value=loss][data-run=long]", "data-step") == steps[-1])
        rows, tasks = browser.run("return [...touchedRows]"), browser.run("return longTasks")
        self.check("only the rows of runs that changed are touched", rows == ["long"], str(rows[:5]))
        self.check_speed("polls among a thousand runs do not hold up the page", max(tasks, default=0) < MOST_DRAW_MS,
                         f"{len(tasks)} tasks above 50 ms, longest {max(tasks, default=0):.0f} ms")

    def check_list(self):
        browser = self.browser
        browser.set("#filter", "small 77")
        self.check("runs are found by their names", browser.count("tr.run") == 11)
        browser.set("#filter", "")
        some = browser.count("tr.run")
        browser.click("#more-runs button")
        every = browser.count("tr.run")
        self.check("the newest hundred are listed, all if asked for", some <= 101 and every > 1000,
                   f"{some}, then {every}")

    # ------------------------------------------------------------ a report

    def report(self):
        browser, folder = self.browser, self.first_folder
        browser.leave()
        plain = self.write_report("report.html", self.first.out)
        browser.open(plain)
        shown = browser.values()
        wrong = [item for item in shown if not folder.has(item)]
        steps = {item["step"] for item in shown if item["field"] != "held_out_loss"}
        self.check("a report has the same values", len(shown) >= 19 and not wrong and steps == {24},
                   f"{len(shown)} values")
        run = browser.attribute("[data-card]", "data-card")
        self.check("a report has the same final numbers", *self.final_numbers(folder, run))
        self.check("a report marks the restart", browser.mark("restart")[1] == 1)
        browser.picture("report", whole=True)
        long = self.check_long_report()
        hostile = self.write_report("hostile.html", self.hostile_run, "--store", self.collector.store)
        browser.open(hostile)
        self.check("hostile texts in a report are shown as they are", *self.hostile_texts("img, iframe"))
        browser.take_logs()
        own = (plain, long, hostile, "about:blank")
        strange = [address for address in browser.requests if address not in own and not address.startswith("data:")]
        self.check("a report asks nobody for anything",
                   plain in browser.requests and not strange and not browser.complaints,
                   " ".join(strange[:3] + browser.complaints[:3]))

    def check_long_report(self):
        """The running mean of a report of 9,030 steps is that of each seventh, beginning with the first of those."""
        browser = self.browser
        address = self.write_report("long.html", "unknown", "--store", self.collector.store)
        browser.open(address)
        shown, mean = browser.run(SMOOTHED, "unknown"), None
        wrong = []
        for step, loss, smooth in shown:
            if mean is None:
                mean = next(loss for step, loss, _ in shown if step % 7 == 0)
            elif step % 7 == 0 and step > 7:
                mean = 0.9 * mean + 0.1 * loss
            if abs(smooth - mean) > 1e-9:
                wrong.append(f"{smooth} at {step}, not {mean}")
        leaps = [step for step, loss, _ in shown if loss > 50]
        self.check("a report's running mean leaves the kept extremes out",
                   not wrong and leaps == [*LEAPS["unknown"]] and shown[0][0] < 7,
                   f"{len(shown)} steps {wrong[:2] or ''}")
        return address

    # ------------------------------------------------------------ another store

    def new_store(self):
        """Rows begin anew: what the page knew is not of this store."""
        browser, collector, run = self.browser, self.collector, "troubled"
        browser.open(self.base + "#" + run)
        wait(lambda: browser.curves(run).get(("loss", "loss")), 5)
        collector.kill()
        for path in self.folder.glob("runs.sqlite*"):
            path.unlink()
        collector.start()
        self.sender.send([self.sender.step(run, time.time(), step, epoch=7) for step in range(1, 4)])
        steps = "return runs.get('troubled').steps.map((step) => step.step)"
        self.check("what stood in another store is forgotten", wait(lambda: browser.run(steps) == [1, 2, 3], 10),
                   str(browser.run(steps)))

    def write_report(self, name, *words):
        path = self.folder / name
        subprocess.run([self.programs / "lora", "report", *words, "--output", path], check=True,
                       stdout=subprocess.DEVNULL)
        return f"file://{path}"
