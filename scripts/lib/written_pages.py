"""Pages of docs/ that are written from what the programs say, and compared with it."""

import argparse
import json
import subprocess
import sys

from lib.repository import PROGRAMS, ROOT


def asked(program, *words):
    """What a built program answers, which is JSON."""
    try:
        return json.loads(subprocess.run([PROGRAMS / program, *words], stdout=subprocess.PIPE, check=True).stdout)
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename} is not there. Run: swift build -c release")


def cell(text):
    """Text that is safe in a table's cell."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def compare_or_write(description, name, made):
    """Exits with 1 if docs/NAME is not the text that `made` gives; with --write on the command line it is then."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the page where it is out of date")
    arguments = parser.parse_args()
    page, text = ROOT / "docs" / name, made()
    if page.exists() and page.read_text(encoding="utf-8") == text:
        return
    if not arguments.write:
        script = "/".join(sys.argv[0].rsplit("/", 3)[-3:])
        sys.exit(f"error: docs/{name} is out of date. Run: {script} --write")
    page.write_text(text, encoding="utf-8")
