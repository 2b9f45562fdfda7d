"""Python packages for the scripts that need some, each set in an environment of its own below .build."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from lib.repository import ROOT


def run_inside(name, packages):
    """Goes on inside .build/NAME, which has these packages; there, does nothing.

    The script that calls it is started once more with the environment's interpreter.
    """
    folder = ROOT / ".build" / name
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    python = str(folder / "bin" / "python")
    stamp = folder / "packages"
    if not stamp.exists() or stamp.read_text() != "\n".join(packages):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
            check=True)
        stamp.write_text("\n".join(packages))
    os.execv(python, [python, *sys.argv])
