"""regrade next: from made-up runs to a plan and an overlay."""

import re
from pathlib import Path

import pytest
import yaml
from regrade.cells import expansion
from regrade.commands import main
from regrade.config import overlays, params, studies
from support import undecided
from support.tiny import STUDY
from support.undecided import CLAIMS


@pytest.fixture
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project whose last report was of six runs of three cells."""
    undecided.project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path / "workflow/studies")
    parameters = params.parse(overlays.merged([], []))
    undecided.report(parameters, expansion.expand(parameters), {})
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


def test_the_command_to_train_them_has_what_they_were_planned_with(graded: Path, capsys: pytest.CaptureFixture[str]):
    (graded / "mine too.yaml").write_text("keep_models: []\n")
    planned = ("--hours", "3", "--cores", "2", "--configfile", "mine too.yaml")
    told = "To train them: snakemake --configfile 'mine too.yaml' next.yaml --config device=cpu 'seeds=[0, 1, 2]' (and"
    assert told in regrade_next(capsys, *planned, "--config", "device=cpu", "seeds=[0, 1, 2]")
    # What it has written itself is replaced, and stays the last overlay
    again = regrade_next(capsys, *planned, "next.yaml", "--config", "device=cpu")
    assert "To train them: snakemake --configfile 'mine too.yaml' next.yaml --config device=cpu (and" in again


OTHERS = {
    "params.yaml": "--to: params.yaml was not written by this command, so it stays as it is; give another file",
    "mine.yaml": "--to: mine.yaml was not written by this command, so it stays",
    "empty.yaml": "--to: empty.yaml was not written by this command, so it stays",
    "/dev/null": "--to: /dev/null was not written by this command, so it stays",
    "workflow": "--to: workflow is a folder; give another file",
    "/proc/x.yaml": "--to: /proc/x.yaml cannot be written (No such file or directory); give one in a folder that you may",
    "params.yaml/x.yaml": "--to: params.yaml/x.yaml cannot be written (",
}


@pytest.mark.parametrize("target", OTHERS)
def test_it_replaces_no_file_of_somebody_else(graded: Path, capsys: pytest.CaptureFixture[str], target: str):
    (graded / "mine.yaml").write_text("# Not written by regrade next\nkeep_models: []\n")
    (graded / "empty.yaml").write_text("")
    before = {path: path.read_bytes() for path in graded.glob("*") if path.is_file()}
    said = regrade_next(capsys, "--hours", "3", "--cores", "2", "--to", target)
    assert f"Error: {OTHERS[target]}" in said and said.count("Error") == 1 and "Traceback" not in said
    assert {path: path.read_bytes() for path in graded.glob("*") if path.is_file()} == before
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_planned_is_one_sentence(graded: Path, capsys: pytest.CaptureFixture[str]):
    assert regrade_next(capsys, "--hours", "0.1", "--cores", "2") == (
        "Error: 0.1 h settle no claim: the cheapest, near of tiny, takes 0.61 h for 12 seeds and a chance of 1.00; "
        "give more hours\n"
    )
    for hours in ("-1", "inf", "nan"):
        assert f"--hours is {hours}; give a number" in regrade_next(capsys, "--hours", hours)
    two = yaml.safe_load((graded / "params.yaml").read_text())["studies"]
    (graded / "two.yaml").write_text(yaml.safe_dump({"studies": {"other": two[STUDY]}}))
    assert "--study: other has no bundle with runs in reports/other/bundle; train and report first" in regrade_next(
        capsys, "--hours", "1", "--configfile", "two.yaml", "--study", STUDY, "other"
    )
    assert "params.yaml has no study 'other'" in regrade_next(capsys, "--hours", "1", "--study", "other")
    assert "No study has a bundle with runs, such as else/tiny; train" in regrade_next(
        capsys, "--hours", "1", "--from", "else"
    )
    claims = graded / "workflow/studies" / STUDY / "claims.yaml"
    claims.write_text(yaml.safe_dump({"claims": CLAIMS[2:]}))
    assert regrade_next(capsys, "--hours", "9", "--config", "settle={least_chance: 0.9}").startswith(
        "Error: No open claim has a chance of 0.9 of a verdict at a planned look: chance of"
    )
    claims.write_text(yaml.safe_dump({"claims": []}))
    assert "No claim is open: " in regrade_next(capsys, "--hours", "1")
    assert not (graded / "next.yaml").exists()
