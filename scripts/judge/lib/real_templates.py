"""The chat templates of real models, and our renderer of them."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "llama-cpp-python==0.3.36"
TEMPLATES = "vendor/llama.cpp/models/templates/"


def fetched(folder):
    """The templates of the source package, unpacked into `folder`."""
    # Only the package itself must come as source; its build tools may come built.
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary",
         PACKAGE.split("=")[0], "--dest", folder, PACKAGE],
        check=True)
    archive = next(Path(folder).glob("llama_cpp_python-*.tar.gz"))
    with tarfile.open(archive) as files:
        for member in files:
            if TEMPLATES in member.name and member.name.endswith(".jinja"):
                target = Path(folder) / Path(member.name).name
                target.write_bytes(files.extractfile(member).read())
    archive.unlink()
    return Path(folder)


class Renderer:
    def __init__(self, program):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def answer(self, name, source, asked):
        request = {"name": name, "source": source, "cases": asked}
        print(json.dumps(request, ensure_ascii=False), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: {name}: the renderer died")
        return json.loads(line)
