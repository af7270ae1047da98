"""A reference run that comes with a project is read by the workflow, and its change is seen."""

import shutil
from pathlib import Path

from regrade.core.files import read_json
from support.project import Project
from support.tiny import STUDY, tiny


def front(project: Project) -> str:
    return " ".join((project.folder / "reports/index.html").read_text().split())


def test_the_front_page_says_whether_both_runs_agree(tmp_path: Path):
    project = tiny(tmp_path, {"scales": {"small": {"data": "real"}}, "cells_per_job": 2})
    assert project.snakemake("reports/index.html", overlay={}).returncode == 0
    assert "Reference run" not in front(project)
    # Our own runs as the reference: exactly the same
    shutil.copytree(project.folder / f"reports/{STUDY}/bundle", project.folder / "reference" / STUDY)
    answer = project.snakemake("reports/index.html", overlay={})
    assert answer.returncode == 0 and "rule grade" in answer.stdout and "rule train" not in answer.stdout
    said = read_json(project.folder / f"reports/{STUDY}/data/reference.json")
    assert (said["compared"], said["same"], said["differing"]) == (2, 2, [])
    assert "Of 2 cells that both ran at full protocol, 2 gave exactly the same, and 0 differ" in front(project)
    assert "Nothing to be done" in project.snakemake("reports/index.html", options=("-n",), overlay={}).stdout
    # A damaged one is one sentence; it is the project's own, so nothing of it is deleted
    path = project.folder / "reference" / STUDY / "runs.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    answer = project.snakemake(overlay={})
    assert answer.returncode == 1 and f"Error: reference/{STUDY}/runs.parquet " in answer.stdout, answer.stdout[-3000:]
    assert path.exists()
