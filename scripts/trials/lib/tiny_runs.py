"""Short runs on Tests/Fixtures/tiny-llama, and a run alone to compare with."""

import subprocess

from lib.repository import MPI_ENVIRONMENT, TINY_LLAMA
from trials.lib.run_records import adapter


def worker_arguments(out, *flags, every=20, model=TINY_LLAMA, data=None):
    """lora-worker's arguments, as words."""
    return [str(word) for word in (
        "--model", model, "--data", data or TINY_LLAMA / "train.jsonl", "--out", out, "--batch-size", "8",
        "--checkpoint-every", every, *flags)]


def run_alone(programs, out, *flags):
    """SHA-256 of the adapter of a run that nobody disturbs: one rank, on this machine."""
    subprocess.run(["mpirun", "-n", "1", str(programs / "lora-worker"), *worker_arguments(out, *flags)],
                   env=MPI_ENVIRONMENT, check=True, text=True, capture_output=True)
    return adapter(out)
