"""`snakemake settle`, through the front door."""

import re
from pathlib import Path

import yaml
from regrade.core.files import read_json
from support.calibrated import calibrated
from support.tiny import STUDY
from support.winnable import winnable


def test_cells_that_are_not_trained_stay_so_if_asked(tmp_path: Path):
    project = winnable(tmp_path)
    listed = project.regrade("cells", overlay={}).stdout
    first, second, other = re.findall(r"results/tiny/sweep/lr=\S+", listed)
    assert project.snakemake(f"{first}/run.json", f"{second}/run.json", overlay={"cells_per_job": 1}).returncode == 0

    def settled(hours: float) -> list[dict]:
        answer = project.snakemake("settle", overlay={"settle": {"only_trained": True, "hours": hours}})
        assert answer.returncode == 0, answer.stdout
        assert not (tmp_path / other).exists()
        return read_json(tmp_path / "reports/settle.json")["rounds"]

    # By its forecast the round takes no time, but Snakemake has not even begun by then: no cell gets to a look
    calibrated(project, batches=1e-5, start=1e-3)
    (in_vain,) = settled(3e-4)
    assert (in_vain["runs"], in_vain["before"], in_vain["after"]) == (6, [], [])
    *_, last = settled(1)
    assert (last["before"], last["after"]) == ([], ["tiny true"])


def test_rounds_until_no_claim_has_a_chance(tmp_path: Path):
    project = winnable(tmp_path)
    mine = tmp_path / "settle.yaml"
    mine.write_text("settle: {hours: 2}\n")
    answer = project.snakemake("settle", options=("-n",), overlay={})
    assert answer.returncode == 1 and mine.read_text() == "settle: {hours: 2}\n"
    assert "settle.yaml was not written by this command, so it stays as it is; move it away" in answer.stdout
    mine.unlink()
    answer = project.snakemake("settle", overlay={})
    assert answer.returncode == 0, answer.stdout
    assert re.search(r"^settle: 0\.\d+ of 1 h .*: No open claim has a chance of 0.5 of", answer.stdout, re.M)
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
