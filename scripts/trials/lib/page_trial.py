"""What the checks of scripts/trials/page share: a collector, a browser, jobs, and what their folders say."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from lib.repository import MPI_ENVIRONMENT, TINY_LLAMA
from trials.lib.collector_peers import Collector
from trials.lib.made_up_runs import Sender
from trials.lib.page_browser import Browser


def wait(condition, seconds=10.0):
    """What the condition gives once that is something, or when the time is over."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def close(a, b, relative=1e-9):
    return a is not None and b is not None and math.isclose(a, b, rel_tol=relative, abs_tol=1e-12)


def fetch(base, path):
    with urllib.request.urlopen(base + path, timeout=10) as answer:
        return json.load(answer)


def clock(seconds):
    return time.strftime("%H:%M:%S", time.localtime(seconds))


# ---------------------------------------------------------------- a run's folder

def value_of(record, field):
    """A value as the page should have it, from a record of metrics.jsonl."""
    if field == "held_out_loss":
        return record["loss"]
    spreads = {"_max": max, "_min": min, "_mean": lambda values: sum(values) / len(values)}
    for kind, pick in spreads.items():
        if field.startswith("rank_") and field.endswith(kind):
            return pick(record[field.removesuffix(kind)])
    return record.get(field)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Folder:
    """What a run's folder holds, whichever job did it."""

    def __init__(self, out):
        self.records = lines(out / "metrics.jsonl")
        self.superseded = lines(out / "metrics.superseded.jsonl")

    def of(self, kind, superseded=False):
        return [record for record in self.records + self.superseded * superseded if record["kind"] == kind]

    def has(self, item):
        """Whether a value that the page shows is one of the step it shows."""
        kind = "evaluation" if item["field"] == "held_out_loss" else "step"
        return any(record["step"] == item["step"] and close(value_of(record, item["field"]), item["number"])
                   for record in self.of(kind, superseded=True))


class Job:
    """lora-worker with two ranks, in a folder of its own; a step takes about half a second."""

    def __init__(self, trial, name, steps, *flags):
        self.out = trial.folder / name
        self.command = [
            "mpirun", "--oversubscribe", "-n", "2", trial.programs / "lora-worker", "--model", TINY_LLAMA,
            "--data", trial.data, "--eval-data", TINY_LLAMA / "held-out.jsonl", "--out", self.out,
            "--batch-size", "1500", "--slice-size", "50", "--share-prefixes", "off", "--steps", steps,
            "--eval-every", "3", "--checkpoint-every", "2",
            "--collector", f"127.0.0.1:{trial.collector.port}", *flags]
        self.log = Path(f"{self.out}.log")

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command], env=MPI_ENVIRONMENT, stdout=log, stderr=log)

    def is_over(self):
        return self.process.poll() is not None

    def kill(self):
        """Rank 0 by SIGKILL, which ends the job."""
        pid = self.process.pid
        os.kill(int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]), signal.SIGKILL)
        self.process.wait(60)

    def finish(self):
        status = self.process.wait(120)
        if status != 0:
            sys.exit(f"error: training ended with {status}\n{self.log.read_text()}")


class Arrivals(threading.Thread):
    """Notes when the collector has each step of its only run."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.base = base
        self.run_id = None
        self.times = {}
        self.after = 0
        self.is_over = False

    def run(self):
        while not self.is_over:
            with contextlib.suppress(OSError, ValueError):
                self.look()
            time.sleep(0.03)

    def look(self):
        if self.run_id is None:
            found = fetch(self.base, "api/runs")["runs"]
            self.run_id = found[0]["run_id"] if found else None
            return
        answer = fetch(self.base, f"api/runs/{self.run_id}/records?after={self.after}")
        now = time.time()
        self.after = answer["last"]
        for record in answer["records"]:
            if record["kind"] == "step":
                self.times.setdefault(record["step"], now)


# ---------------------------------------------------------------- the trial

class PageTrial:
    def __init__(self, folder, programs, pictures, is_untimed=False):
        self.folder = folder
        self.is_untimed = is_untimed
        self.programs = programs
        self.passed = self.failed = 0
        self.data = folder / "train.jsonl"
        self.data.write_bytes((TINY_LLAMA / "train.jsonl").read_bytes() * 200)
        self.collector = Collector(folder, http=True, program=programs / "lora-collector")
        self.collector.start()
        self.base = f"http://127.0.0.1:{self.collector.page}/"
        self.sender = Sender(self.collector.port)
        self.browser = Browser(pictures)

    def close(self):
        self.browser.driver.quit()
        self.collector.kill()

    def check(self, name, is_good, said=""):
        self.passed += bool(is_good)
        self.failed += not is_good
        print(f"{'passed' if is_good else 'FAILED'}  {name}{f': {said}' if said else ''}", flush=True)

    def check_speed(self, name, is_good, said):
        """A time that was measured; on a machine that others use too it is told and not judged."""
        if is_good or not self.is_untimed:
            self.check(name, is_good, said)
        else:
            print(f"slow    {name}: {said}", flush=True)

    def wrong_moment(self, step):
        """Nothing if the page shows the first run's values of this step, the step and the clock time."""
        fields = ("loss", "rank_compute_seconds_max", "tokens_per_second")
        items = [item for item in self.browser.values(self.run_id) if item["field"] in fields]
        moment = self.browser.text("#moment-text")
        is_good = (
            len(items) == len(fields) and f"step {step['step']} " in moment and clock(step["time"]) in moment
            and all(item["step"] == step["step"] and close(item["number"], value_of(step, item["field"]))
                    for item in items))
        return [] if is_good else [(step["step"], moment)]

    def final_numbers(self, folder, run_id):
        """Whether the card of a run has those of its `finished` record, and what it has."""
        finish = folder.of("finished")[-1]
        card = f"[data-card='{run_id}'] "
        wanted = {"final_loss": "loss", "final_held_out_loss": "evaluation_loss", "seconds": "seconds"}
        shown = {name: self.browser.number(f"{card}[data-value={name}]") for name in wanted}
        adapter = self.browser.text(f"{card}[data-value=adapter_sha256]") or ""
        is_good = (all(close(shown[name], finish[field]) for name, field in wanted.items())
                   and len(adapter) >= 8 and finish["adapter_sha256"].startswith(adapter))
        return is_good, ", ".join(f"{name} {value}" for name, value in {**shown, "adapter": adapter}.items())
