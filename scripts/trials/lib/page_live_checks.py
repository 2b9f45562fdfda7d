"""The page while a job trains, is killed and goes on; looking closer; two runs side by side (scripts/trials/page)."""

import math
import re
import time
import urllib.parse

from trials.lib.page_trial import Arrivals, Folder, Job, PageTrial, clock, close, fetch, value_of, wait

# A poll comes every half second; more than this is no live page.
MOST_DELAY = 3.0
STEPS = 24

CURVES = {
    "loss": ["loss"], "learning_rate": ["learning_rate"], "gradient_norm": ["gradient_norm"],
    "speed": ["tokens_per_second", "target_tokens_per_second", "computed_tokens_per_second"],
    "time": ["compute_seconds", "reduce_seconds", "update_seconds"],
    "balance": ["rank_compute_seconds_max", "rank_compute_seconds_mean", "rank_compute_seconds_min"],
    "memory": ["rank_peak_memory_bytes_max", "rank_peak_memory_bytes_mean", "rank_peak_memory_bytes_min"],
}
FIELDS = {field for fields in CURVES.values() for field in fields} | {
    "held_out_loss", "clip_share", "step_seconds", "reduced_bytes"}

TICKS = """
return [...document.querySelectorAll("svg[data-chart=loss] .ticks text")].map((node) =>
  [node.textContent, node.getAttribute("text-anchor"), Number(node.getAttribute("x")), Number(node.getAttribute("y"))]);
"""


def fits(pixels, values):
    """Whether pixels are a linear function of values; the least and the greatest value say which."""
    low, high = min(values), max(values)
    if len(pixels) != len(values):
        return False
    at_low, at_high = pixels[values.index(low)], pixels[values.index(high)]
    per_value = (at_high - at_low) / (high - low) if high > low else 0
    return all(abs(at_low + (value - low) * per_value - pixel) <= 0.11 for pixel, value in zip(pixels, values))


def reads_as(item):
    """Whether the text of a value is its number."""
    found = re.match(r"[-\d.,]+(e-?\d+)?", item["text"])
    unit = item["text"].split()[-1]
    if item["chart"] == "memory":
        # The chart says it.
        unit = "MiB"
    factor = {"%": 0.01, "KiB": 2 ** 10, "MiB": 2 ** 20}.get(unit, 1)
    return found is not None and close(float(found[0].replace(",", "")) * factor, item["number"], 2e-3)


class LiveChecks(PageTrial):
    def follow_a_run(self):
        browser = self.browser
        browser.open(self.base)
        hint = wait(lambda: "--collector" in (browser.text("#runs") or ""), 5)
        self.check("without runs the page says what to do", hint)
        arrivals = Arrivals(self.base)
        arrivals.start()
        self.snapshots, self.left = [], set()
        job = self.first = Job(self, "first", STEPS)
        job.start()
        self.look_until(lambda: max(arrivals.times, default=0) >= 7)
        job.kill()
        job.start()
        self.look_until(job.is_over)
        job.finish()
        wait(lambda: browser.number("#charts [data-value=loss]", "data-step") == STEPS
             and browser.count("[data-value=final_loss]"), 5)
        time.sleep(0.2)
        self.snapshots.append(browser.values())
        arrivals.is_over = True
        self.run_id = arrivals.run_id
        self.first_folder = Folder(job.out)
        self.check_delays(arrivals.times)
        self.check_values()
        self.check_curves()
        self.check_marks()
        self.check("the final numbers are in view", *self.final_numbers(self.first_folder, self.run_id))

    def look_until(self, is_over):
        while not is_over():
            self.snapshots.append(self.browser.values())
            self.left.add(self.browser.number("[data-value=seconds_left]"))
            time.sleep(0.2)

    def check_delays(self, arrived):
        """A step counts as drawn when it or a later one is."""
        drawn = {int(step): at for step, at in self.browser.run("return drawnAt").items()}
        delays = []
        for step, at in arrived.items():
            later = [when for other, when in drawn.items() if other >= step and when >= at - 1]
            delays.append(min(later) - at if later else math.inf)
        delays.sort()
        said = f"worst {delays[-1]:.2f} s, median {delays[len(delays) // 2]:.2f} s" if delays else "none"
        self.check("each step is drawn", len(delays) >= 20 and delays[-1] < math.inf, f"{len(delays)} steps")
        self.check_speed("each step is drawn soon after the collector has it",
                         delays and delays[-1] <= MOST_DELAY, said)

    def check_values(self):
        folder, items = self.first_folder, [item for snapshot in self.snapshots for item in snapshot]
        different = {(item["field"], item["step"], item["number"]): item for item in items}
        wrong = [key for key, item in different.items() if not folder.has(item)]
        missing = FIELDS - {field for field, _, _ in different}
        steps = {step for field, step, _ in different if field == "loss"}
        self.check("values shown are those of metrics.jsonl at the step shown",
                   not wrong and not missing and len(steps) > 8,
                   f"{len(different) - len(wrong)} of {len(different)} at {len(steps)} steps; "
                   f"{len(missing)} of {len(FIELDS)} fields missing {wrong[:3] or ''}")
        strange = [item["text"] for item in self.snapshots[-1] if not reads_as(item)]
        self.check("values read as what they are", self.snapshots[-1] and not strange,
                   f"{len(self.snapshots[-1])} texts {strange or ''}")
        seconds = {record.get("seconds_left") for record in folder.of("step", superseded=True)}
        left = self.left - {None}
        self.check("time left is that of a step", len(left) > 3 and left <= seconds, f"{len(left)} times")

    # ------------------------------------------------------------ curves and marks

    def check_curves(self):
        """Every point of every curve stands where its value and its step, or its time, say."""
        browser, steps = self.browser, self.first_folder.of("step")
        for axis in ("step", "time"):
            browser.set("#axis", axis)
            wrong = self.misplaced(axis)
            self.check(f"curves along {axis} are those of metrics.jsonl", not wrong,
                       f"{len(CURVES)} charts of {len(steps)} steps {wrong or ''}")
        clocks = [text for text in browser.texts("svg[data-chart=loss] text") if re.search(r"\d\d:\d\d(:\d\d)?$", text)]
        begin, end = clock(steps[0]["time"]), clock(steps[-1]["time"])
        self.check("the time axis has round clock times", len(clocks) >= 2
                   and all(begin[:5] <= text[:5] <= end[:5] for text in clocks), ", ".join(clocks))
        browser.set("#axis", "step")
        self.check_ticks(browser.curves(self.run_id)["loss", "loss"], steps)
        self.check_loss_forms(steps)

    def misplaced(self, axis):
        curves, wrong = self.browser.curves(self.run_id), []
        steps, evaluations = self.first_folder.of("step"), self.first_folder.of("evaluation")

        def compare(key, records, values):
            points = curves.get(key, [])
            if not (fits([x for x, _ in points], [record[axis] for record in records])
                    and fits([y for _, y in points], values)):
                wrong.append(f"{key} ({len(points)} of {len(records)} points)")
        for chart, fields in CURVES.items():
            below = [0.0] * len(steps)
            for field in fields:
                values = [value_of(record, field) for record in steps]
                if chart == "time":
                    # Parts of a step's time stand on each other.
                    below = values = [sum(pair) for pair in zip(below, values)]
                compare((chart, field), steps, values)
        compare(("loss", "held_out_loss"), evaluations, [record["loss"] for record in evaluations])
        return wrong

    def check_ticks(self, points, steps):
        """The numbers along the axes of the loss stand where its curve has them."""
        ticks = self.browser.run(TICKS)
        bottom = max(y for _, _, _, y in ticks)
        low, high = (pick(range(len(steps)), key=lambda index: steps[index]["loss"]) for pick in (min, max))
        per_y = (points[high][1] - points[low][1]) / (steps[high]["loss"] - steps[low]["loss"])
        per_x = (points[-1][0] - points[0][0]) / (steps[-1]["step"] - steps[0]["step"])
        # A text stands 4 pixels below the middle of its line; one at an edge is not centred.
        off_y = [abs(points[low][1] + (float(text) - steps[low]["loss"]) * per_y + 4 - y)
                 for text, _, _, y in ticks if y < bottom]
        off_x = [abs(points[0][0] + (float(text) - steps[0]["step"]) * per_x - x)
                 for text, anchor, x, y in ticks if y == bottom and anchor == "middle"]
        worst = max(off_y + off_x, default=math.inf)
        self.check("the numbers along the axes stand in their places",
                   len(off_y) >= 2 and len(off_x) >= 3 and worst <= 1,
                   f"{len(off_y)} and {len(off_x)}, off by {worst:.1f} pixels at most")

    def check_loss_forms(self, steps):
        """The loss along a logarithmic axis, and smoothed."""
        browser, losses = self.browser, [record["loss"] for record in steps]

        def ys():
            return [y for _, y in browser.curves(self.run_id)["loss", "loss"]]
        browser.set("#logarithm", True)
        self.check("the loss can be logarithmic", fits(ys(), [math.log(loss) for loss in losses]))
        browser.set("#logarithm", False)
        browser.set("#smoothing", "0.9")
        means = losses[:1]
        for loss in losses[1:]:
            means.append(0.9 * means[-1] + 0.1 * loss)
        self.check("the loss can be smoothed", fits(ys(), means) and browser.count("svg[data-chart=loss] .faint") == 1)
        browser.set("#smoothing", "0")

    def check_marks(self):
        """Where the restart and the checkpoints stand, by the places of the loss curve."""
        folder, browser = self.first_folder, self.browser
        steps, resumed = folder.of("step"), folder.of("resumed")
        checkpoints = len({record["step"] for record in folder.of("checkpoint", superseded=True)})
        for axis in ("step", "time"):
            browser.set("#axis", axis)
            loss = browser.curves(self.run_id)["loss", "loss"]
            per_x = (loss[-1][0] - loss[0][0]) / (steps[-1][axis] - steps[0][axis])
            wanted = [loss[0][0] + (record[axis] - steps[0][axis]) * per_x for record in resumed]
            drawn = [float(x) for x in re.findall(r"M(-?[\d.]+) [\d.]+V", browser.mark("restart")[0])]
            triangles = browser.mark("checkpoint")[0].count("M")
            is_good = len(drawn) == len(wanted) == 1 and abs(drawn[0] - wanted[0]) <= 1 and triangles >= checkpoints
            self.check(f"the restart and the checkpoints are marked along {axis}", is_good,
                       f"restart at {drawn} of {wanted}, {triangles} of {checkpoints} checkpoints")
        browser.set("#axis", "step")
        self.check("the restart is in the list of events", browser.count("[data-event=resumed]") == 1)

    # ------------------------------------------------------------ looking closer

    def point_at_steps(self):
        """Hovering shows the values, the step and the clock time, without drawing anew."""
        browser, steps = self.browser, self.first_folder.of("step")
        loss = browser.curves(self.run_id)["loss", "loss"]
        left, top = browser.corner_of("loss")
        browser.run("window.chartDraws = 0")
        wrong, moments = [], range(0, len(steps), 4)
        for index in moments:
            browser.point_at(left + loss[index][0] + 1, top + 80)
            wrong += self.wrong_moment(steps[index])
        draws = browser.run("return chartDraws")
        self.check("hovering shows the values, the step and the clock time", not wrong,
                   f"{len(moments)} moments {wrong[:2] or ''}")
        self.check("hovering draws nothing anew", draws == 0, f"{draws} draws")
        browser.picture("hovering")
        browser.point_at(2, 2)
        self.check("without the pointer the newest values stand there", not self.wrong_moment(steps[-1]))

    def zoom(self):
        browser = self.browser
        before = browser.texts("svg[data-chart=speed] text")
        browser.click("#closer")
        browser.click("#closer")
        domain = browser.run("return [view.domain.from, view.domain.to]")
        browser.click("#wider")
        browser.click("#wider")
        after = browser.texts("svg[data-chart=speed] text")
        self.check("zooming in shows the last steps, zooming out all",
                   domain == [18, STEPS] and before == after, f"steps {domain}")

    # ------------------------------------------------------------ side by side

    def side_by_side(self):
        browser = self.browser
        job = Job(self, "second", 8, "--lr", "0.01", "--rank", "4")
        job.start()
        wait(lambda: "second" in (browser.text("#runs") or ""), 20)
        browser.pick("first", "second")
        job.finish()
        other = next(run["run_id"] for run in fetch(self.base, "api/runs")["runs"] if run["name"] == "second")
        wait(lambda: browser.count(f"[data-card='{other}'] [data-value=final_loss]"), 5)
        folders = {self.run_id: self.first_folder, other: Folder(job.out)}
        values = {run: browser.values(run) for run in folders}
        wrong = [item for run, folder in folders.items() for item in values[run] if not folder.has(item)]
        numbers = [len(items) for items in values.values()]
        self.check("two runs have their own values", numbers == [len(FIELDS)] * 2 and not wrong,
                   f"{numbers} {wrong[:2] or ''}")
        self.check_colours(folders)
        self.check("settings that differ stand side by side", *self.differences())
        self.check("final numbers of both", *self.final_numbers(folders[other], other))
        names = urllib.parse.unquote(browser.driver.current_url.partition("#")[2]).split(",")
        self.check("the address names both runs", set(names) == set(folders))

    def check_colours(self, runs):
        browser = self.browser
        curves = [browser.style(f"[data-curve=loss][data-run='{run}']", "stroke") for run in runs]
        swatches = [browser.style(f"[data-card='{run}'] .swatch", "backgroundColor") for run in runs]
        names = {browser.text(f"[data-card='{run}'] h2") for run in runs}
        self.check("colours tell the runs apart, with their names",
                   curves == swatches and curves[0] != curves[1] and names == {"first", "second"}, " and ".join(curves))

    def differences(self):
        wanted = {"lr": ["0.0002", "0.01"], "rank": ["8", "4"], "steps": ["24", "8"], "alpha": []}
        shown = {name: self.browser.texts(f"[data-setting={name}] td") for name in wanted}
        return shown == wanted, str(shown)
