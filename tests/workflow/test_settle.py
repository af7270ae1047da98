"""`snakemake settle`, through the front door."""

import re
from pathlib import Path

import yaml
from regrade.core.files import read_json
from support.calibrated import calibrated
from support.tiny import STUDY, sweep, tiny

CHANGES = {
    "scale": "full",
    "seeds": [0, 1, 2],
    "looks": [{"seeds": 3, "error": 0.001}, {"seeds": 6, "error": 0.039}, {"seeds": 9, "error": 0.01}],
    "scales": {"full": {"data": "real"}},
    "settle": {"hours": 1},
    "cells_per_job": 3,
    **sweep(settings={"width": 4, "epochs": 60}, grid=None, cells=[{"lr": 0.5}, {"lr": 0.001}, {"lr": 0.4}]),
}


def claim(name: str, first: float, second: float) -> dict:
    test = {"kind": "less", "experiment": "sweep", "metric": "test_loss_last_epoch"}
    about = {"id": name, "claim": name, "origin": "stated", "place": "page 1"}
    return about | {"tests": [test | {"cell": {"lr": first}, "than": {"lr": second}}]}


def test_rounds_until_no_claim_has_a_chance(tmp_path: Path):
    project = tiny(tmp_path, CHANGES)
    study = tmp_path / "workflow/studies" / STUDY
    claims = [claim("true", 0.5, 0.001), claim("alike", 0.5, 0.4)]
    study.joinpath("claims.yaml").write_text(yaml.safe_dump({"claims": claims}))
    study.joinpath("report.md.j2").write_text("# Rates\n")
    calibrated(project)

    answer = project.snakemake("settle", overlay={})
    assert answer.returncode == 0, answer.stdout
    assert re.search(r"^settle: 0\.\d+ of 1 h .*: No open claim has a chance of 0.1 of", answer.stdout, re.M)
    assert re.search(r"^ *1 +0\.\d\d +6 +2 +1\.0 +0 → 1$", answer.stdout, re.M)
    summary = read_json(tmp_path / "reports/settle.json")
    (only,) = summary["rounds"]
    assert (only["before"], only["after"], summary["open"]) == ([], ["tiny true"], ["tiny alike"])
    manifest = read_json(tmp_path / f"reports/{STUDY}/bundle/manifest.json")
    assert [len(cell["seeds"]) for cell in manifest["cells"]] == [6, 6, 3]
    overlay = yaml.safe_load((tmp_path / "settle.yaml").read_text())["more_seeds"]
    entry = {"study": STUDY, "experiment": "sweep", "seeds": [3, 4, 5]}
    assert overlay == [entry | {"cells": {"lr": lr}} for lr in (0.5, 0.001)]
    assert not project.find("results/.state/aside/*")
    assert "Nothing to be done" in project.run("snakemake", "-n", "--configfile", "settle.yaml", "--", "settle").stdout
