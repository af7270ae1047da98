"""regrade next: from made-up runs to a plan and an overlay."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from regrade.bundle import bundle
from regrade.cells import expansion
from regrade.commands import main
from regrade.config import overlays, params, studies
from support.bundles import made_up
from support.calibrated import calibrated
from support.tiny import STUDY, sweep, tiny

LOOKS = [{"seeds": 6, "error": 0.01}, {"seeds": 12, "error": 0.03}, {"seeds": 24, "error": 0.01}]
CHANGES = {
    "scale": "full",
    "seeds": list(range(6)),
    "looks": LOOKS,
    "scales": {"full": {"data": "real"}},
    "datasets": {"moons": {"expected": {"train_rows": 80, "test_rows": 20}}},
    **sweep(grid={"width": [2, 3, 4, 5]}),
}
# Losses of six runs, by width
LOSSES = {2: [2.0, 2.1, 1.9, 2.0, 2.2, 1.8], 3: [1.2, 1.6, 1.0, 1.7, 0.9, 1.5], 4: [3.0, 1.1, 2.9, 1.0, 3.1, 0.9]}


def claim(name: str, first: int, second: int) -> dict:
    test = {"kind": "less", "experiment": "sweep", "metric": "test_loss_last_epoch"}
    return {
        "id": name,
        "claim": name,
        "origin": "stated",
        "place": "page 1",
        "tests": [test | {"cell": {"width": first}, "than": {"width": second}}],
    }


CLAIMS = [claim("near", 3, 2), claim("like-it", 3, 4), claim("hopeless", 4, 2), claim("untrained", 5, 2)]


@pytest.fixture
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project whose last report was of six runs of three cells."""
    project = tiny(tmp_path, CHANGES)
    (tmp_path / "workflow/studies" / STUDY / "claims.yaml").write_text(yaml.safe_dump({"claims": CLAIMS}))
    calibrated(project)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path / "workflow/studies")
    parameters = params.parse(overlays.merged([], []))
    every = expansion.expand(parameters)
    made = made_up(STUDY, parameters, every, seeds=6)
    width = {cell.folder.as_posix(): cell.varying["width"] for cell in every}
    runs = made.runs.assign(
        test_loss_last_epoch=[
            LOSSES.get(width[folder], LOSSES[2])[seed]
            for folder, seed in zip(made.runs["folder"], made.runs["seed"], strict=True)
        ]
    )
    cells = [
        cell.model_copy(update={"status": "missing" if cell.varying["width"] == 5 else "done"})
        for cell in made.manifest.cells
    ]
    trained = runs[[width[folder] != 5 for folder in runs["folder"]]]
    curves = made.curves[np.isin(made.curves["cell"], trained["cell"])]
    correct = {key: one for key, one in made.correct.items() if width[key[0]] != 5}
    bundle.Bundle(made.manifest.model_copy(update={"cells": cells}), trained, curves, correct).write(
        tmp_path / "reports" / STUDY / "bundle"
    )
    return tmp_path


def regrade_next(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    main.main(["next", *options])
    return "".join(capsys.readouterr())


def test_the_plan_and_its_overlay(graded: Path, capsys: pytest.CaptureFixture[str]):
    text = regrade_next(capsys, "--hours", "3", "--cores", "2")
    # Two epochs of eleven batches, 100 s each, for all seeds of a cell: runs are stacked, so that 18 take as long as 6
    assert re.match(
        r"1\.\d more verdicts expected in 1 h 13 min of 3 h 0 min, with 2 jobs at once: 54 runs of 3 ", text
    )
    assert re.search(r"^tiny near +2 of sweep +6 → 24 +(1\.00|0\.9\d) +1\.22\* *$", text, re.M)
    assert re.search(r"^tiny like-it +2 of sweep +6 → 24 +0\.[1-9]\d +1\.22\* *$", text, re.M)
    assert re.search(r"^tiny +chance of 0\.0\d at best, up to the last look, 24 seeds +hopeless *$", text, re.M)
    assert re.search(r"^tiny +not all of its cells are trained +untrained *$", text, re.M)
    overlay = (graded / "next.yaml").read_text()
    entry = {"study": STUDY, "experiment": "sweep", "seeds": list(range(6, 24))}
    assert yaml.safe_load(overlay) == {"more_seeds": [entry | {"cells": {"width": width}} for width in (2, 3, 4)]}
    assert re.search(r"^# Written by regrade next --hours 3\n# 1\.2 h for 1\.\d more verdicts", overlay)
    assert re.search(r"^#   tiny near: 24 seeds, chance (1\.00|0\.9\d)$", overlay, re.M)

    # One job after another there is time for two cells only; those of the claim with the higher chance
    text = regrade_next(capsys, "--hours", "1.5", "--cores", "1", "--to", "less.yaml", "--study", STUDY)
    assert re.search(
        r"^tiny +others settle more per hour: 1.2 h for 24 seeds and a chance of 0\.\d\d +like-it *$", text, re.M
    )
    cells = [entry["cells"] for entry in yaml.safe_load((graded / "less.yaml").read_text())["more_seeds"]]
    assert cells == [{"width": 2}, {"width": 3}]


def test_what_cannot_be_planned_is_one_sentence(graded: Path, capsys: pytest.CaptureFixture[str]):
    assert regrade_next(capsys, "--hours", "0.1", "--cores", "2") == (
        "Error: 0.1 h settle no claim: the cheapest, near of tiny, takes 0.61 h for 12 seeds and a chance of 1.00; "
        "give more hours\n"
    )
    assert "--hours is -1; give a number" in regrade_next(capsys, "--hours", "-1")
    assert "params.yaml has no study 'other'" in regrade_next(capsys, "--hours", "1", "--study", "other")
    assert "No study has a bundle with runs, such as else/tiny; train" in regrade_next(
        capsys, "--hours", "1", "--from", "else"
    )
    claims = graded / "workflow/studies" / STUDY / "claims.yaml"
    claims.write_text(yaml.safe_dump({"claims": CLAIMS[2:]}))
    assert regrade_next(capsys, "--hours", "9", "--config", "settle={least_chance: 0.9}").startswith(
        "Error: None of the 2 open claims has a chance of 0.9 of a verdict at a planned look: chance of"
    )
    claims.write_text(yaml.safe_dump({"claims": []}))
    assert "No claim is open: " in regrade_next(capsys, "--hours", "1")
    assert not (graded / "next.yaml").exists()
