"""What a run leaves on disk, for scripts that break runs and look afterwards."""

import contextlib
import hashlib
import json
from pathlib import Path

WEIGHTS = Path("adapter") / "adapter_model.safetensors"


def adapter(out):
    """SHA-256 of a run's adapter; None if there is none."""
    with contextlib.suppress(OSError):
        return hashlib.sha256((Path(out) / WEIGHTS).read_bytes()).hexdigest()
    return None


def last_step(record):
    """The newest step in a metrics.jsonl; 0 before the first. Reads only the end of the file."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open(record, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 8192))
            lines = [line for line in file.read().split(b"\n")[1:] if b'"kind":"step"' in line]
        return json.loads(lines[-1])["step"]
    return 0


def steps(record):
    """All step records of a metrics.jsonl."""
    with open(record) as file:
        return [json.loads(line) for line in file if '"kind":"step"' in line]


def steps_once(record):
    """Whether it has each step once, in order, from the first to its last."""
    numbers = [step["step"] for step in steps(record)]
    return numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 0


def newest_checkpoint(*outs):
    """Step and the adapter's SHA-256 of the newest checkpoint of a run, whose folder may be on several disks."""
    found = {int(folder.name.split("-")[1]): folder
             for out in outs for folder in Path(out).glob("checkpoints/step-*")}
    if not found:
        return None, None
    step = max(found)
    return step, hashlib.sha256((found[step] / WEIGHTS.name).read_bytes()).hexdigest()
