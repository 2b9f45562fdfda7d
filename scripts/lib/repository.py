"""Where things stand in the repository, and what mpirun must be told, for all scripts in Python."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".build" / "release"
TESTS = ROOT / "Tests"
FIXTURES = TESTS / "Fixtures"
# A model with its data that trains in seconds.
TINY_LLAMA = FIXTURES / "tiny-llama"
# Scripts also run as root, in containers, which mpirun refuses without these.
MPI_ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
