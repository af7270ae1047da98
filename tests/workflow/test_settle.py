"""`snakemake settle`: rounds of further seeds, through the front door."""

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import yaml
from regrade.core.files import read_json
from support.calibrated import calibrated
from support.project import Project, merged
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
REPORT = f"reports/{STUDY}"


def claim(name: str, first: float, second: float) -> dict:
    test = {"kind": "less", "experiment": "sweep", "metric": "test_loss_last_epoch"}
    about = {"id": name, "claim": name, "origin": "stated", "place": "page 1"}
    return about | {"tests": [test | {"cell": {"lr": first}, "than": {"lr": second}}]}


def project(folder: Path, *changes: dict) -> Project:
    """A study of which one claim is true, and another about equal cells."""
    made = tiny(folder, CHANGES, *changes)
    claims = [claim("true", 0.5, 0.001), claim("alike", 0.5, 0.4)]
    (folder / "workflow/studies" / STUDY / "claims.yaml").write_text(yaml.safe_dump({"claims": claims}))
    (folder / "workflow/studies" / STUDY / "report.md.j2").write_text("# Rates\n")
    calibrated(made)
    return made


def seeds(project: Project) -> list[int]:
    """How many seeds each cell has, by the report."""
    manifest = read_json(project.folder / REPORT / "bundle/manifest.json")
    return [len(cell["seeds"]) for cell in manifest["cells"]]


def test_a_claim_is_settled_and_the_rest_left_alone(tmp_path: Path):
    copy = project(tmp_path)
    process = copy.start("settle", overlay={})
    try:
        # Killed while cells that have three seeds are trained with further ones
        states = "results/.state/*/seed=4.state"
        begun = time.time()
        while process.poll() is None and not copy.find(states) and time.time() < begun + 300:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        out = process.communicate(timeout=60)[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    print(out)
    print((tmp_path / "logs/reports/settle.log").read_text())
    import subprocess
    for _ in range(6):
        print(subprocess.run(f"ps aux | grep {tmp_path} | grep -v grep; ls {tmp_path}/results/.state {tmp_path}/results/*/*/*", shell=True, text=True, capture_output=True).stdout)
        time.sleep(1)
    answer = copy.regrade("report", overlay={})
    print(answer.stdout, seeds(copy))
    assert copy.run("snakemake", "--unlock").returncode == 0
    t=os.times()
    answer = copy.snakemake("settle", overlay={})
    print(answer.stdout)
    print("cpu", os.times(), t)
    print((tmp_path / "logs/reports/settle.log").read_text())
    assert answer.returncode == 0
    print(seeds(copy))
    print((tmp_path / "settle.yaml").read_text())
    print((tmp_path / "reports/settle.json").read_text())
    answer = copy.run("snakemake", "-n", "--configfile", "settle.yaml", "--", "settle")
    print(answer.stdout)
    assert 0
