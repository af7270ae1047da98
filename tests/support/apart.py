"""`regrade grade` in a process of its own, which says whether it has imported anything that trains."""

import math
import subprocess
import sys
from pathlib import Path

from support.project import ROOT

# Runs the command, then says which modules it has imported that train or plan
COMMAND = """
import json, sys
from regrade.commands import main
status = main.main(sys.argv[1:])
trains = ("torch", "snakemake", "dvc", "sklearn", "gensim", "regrade.training", "regrade.models", "regrade.jobs")
print(json.dumps([name for name in trains if name in sys.modules]))
sys.exit(status)
"""


def graded_apart(*arguments: str | Path, at: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", COMMAND, "grade", *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT / "workflow/scripts"), "PATH": ""}
    return subprocess.run(command, cwd=at, capture_output=True, text=True, env=environment)


def same(ours: object, theirs: object) -> bool:
    """Whether two contents of JSON files are equal, but for the last digits of numbers: processes may round differently.

    Checksums of files with such numbers do not count.
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(key == "sha256" or same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
    return ours == theirs
