"""`regrade grade` in a process of its own, which says whether it has imported anything that trains."""

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
