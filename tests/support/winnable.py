"""The smallest study with a claim that three more seeds settle, and one that none settle."""

from pathlib import Path

import yaml

from support.calibrated import calibrated
from support.project import Project
from support.tiny import STUDY, sweep, tiny

CHANGES = {
    "scale": "full",
    "seeds": [0, 1, 2],
    "looks": [{"seeds": 3, "error": 0.001}, {"seeds": 6, "error": 0.039}, {"seeds": 9, "error": 0.01}],
    "scales": {"full": {"data": "real"}},
    "settle": {"hours": 1, "least_chance": 0.5},
    "cells_per_job": 3,
    **sweep(settings={"width": 4, "epochs": 60}, grid=None, cells=[{"lr": 0.5}, {"lr": 0.001}, {"lr": 0.4}]),
}


def winnable(folder: Path) -> Project:
    """A working copy of it, with a calibration of this machine."""
    project = tiny(folder, CHANGES)
    study = folder / "workflow/studies" / STUDY
    claims = [_claim("true", 0.5, 0.001), _claim("alike", 0.5, 0.4)]
    study.joinpath("claims.yaml").write_text(yaml.safe_dump({"claims": claims}))
    study.joinpath("report.md.j2").write_text("# Rates\n")
    calibrated(project, batches=0.01)
    return project


def _claim(name: str, first: float, second: float) -> dict:
    test = {"kind": "less", "experiment": "sweep", "metric": "test_loss_last_epoch"}
    about = {"id": name, "claim": name, "origin": "stated", "place": "page 1"}
    return about | {"tests": [test | {"cell": {"lr": first}, "than": {"lr": second}}]}
