"""Short runs on Tests/Fixtures/tiny-llama, and a run alone to compare with."""

import functools
import math
import subprocess
import tempfile
from pathlib import Path

from lib.repository import MPI_ENVIRONMENT, TINY_LLAMA
from trials.lib.run_records import adapter, steps

# More steps than any trial waits for.
ENDLESS = 1_000_000


def length(steps):
    """Flags of a run of so many steps; what it does in each does not depend on how many they are."""
    return ["--steps", steps, "--schedule", "constant"]


def worker_arguments(out, *flags, every=20, model=TINY_LLAMA, data=None):
    """lora-worker's arguments, as words."""
    return [str(word) for word in (
        "--model", model, "--data", data or TINY_LLAMA / "train.jsonl", "--out", out, "--batch-size", "8",
        "--checkpoint-every", every, *flags)]


def run_alone(programs, out, *flags, **settings):
    """SHA-256 of the adapter of a run that nobody disturbs: one rank, on this machine."""
    subprocess.run(["mpirun", "-n", "1", str(programs / "lora-worker"), *worker_arguments(out, *flags, **settings)],
                   env=MPI_ENVIRONMENT, check=True, text=True, capture_output=True)
    return adapter(out)


@functools.cache
def steps_a_second(programs):
    """How fast this machine trains, all its cores on one rank: several ranks on it are slower."""
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        run_alone(programs, Path(folder) / "run", "--steps", 120)
        times = [step["time"] for step in steps(Path(folder) / "run" / "metrics.jsonl")]
    # The first steps are slow.
    return (len(times) - 21) / max(times[-1] - times[20], 1e-3)


def steps_lasting(programs, seconds):
    """A number of steps that takes at least so long on this machine."""
    return math.ceil(seconds * steps_a_second(programs))
