"""Links a program that SwiftPM has built once more, with Swift's runtime in it.

    python3 scripts/lib/static_link.py PLAN PROGRAM OUT

PLAN is SwiftPM's build plan, PROGRAM the path of the program there. Machine code is the same either way; only
what it asks the linker for differs, and a compiled line `import Foundation` asks for the rest. So a release
costs a minute and not a second build of everything.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

# The parts of Swift's runtime that a program may use.
MODULES = ("Foundation", "Dispatch", "Synchronization")


def link_command(plan, program):
    """The words with which SwiftPM has linked it."""
    for line in Path(plan).read_text(encoding="utf-8").splitlines():
        if line.startswith("    args: [") and '"-emit-executable"' in line:
            words = json.loads(line.partition("args: ")[2])
            if words[words.index("-o") + 1] == program:
                return words
    sys.exit(f"error: {plan} does not say how {program} is linked: this version of SwiftPM plans otherwise")


def main():
    plan, program, out = sys.argv[1:]
    words = link_command(plan, program)
    words[words.index("-o") + 1] = out
    with tempfile.TemporaryDirectory(prefix="static-link-") as folder:
        source, runtime = Path(folder) / "Runtime.swift", Path(folder) / "Runtime.o"
        source.write_text("".join(f"import {module}\n" for module in MODULES), encoding="utf-8")
        subprocess.run([words[0], "-static-stdlib", "-parse-as-library", "-module-name", "Runtime", "-c", source,
                        "-o", runtime], check=True)
        linked = subprocess.run(
            [*words, runtime, "-static-stdlib", "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if linked.returncode != 0:
            sys.exit(f"{linked.stdout}error: {program} cannot be linked with Swift's runtime in it")


if __name__ == "__main__":
    main()
