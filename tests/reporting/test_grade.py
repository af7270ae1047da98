"""Runs of others are graded at the command line, without what trains."""

import json
from pathlib import Path

import pytest
from regrade.core.files import read_json
from support import graded
from support.apart import graded_apart
from support.project import ROOT, Project


def test_a_table_of_real_runs(tmp_path: Path):
    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    answer = graded_apart(study.name, "runs.csv", at=tmp_path)
    assert answer.returncode == 0, answer.stderr
    *said, report, imported = answer.stdout.splitlines()
    assert json.loads(imported) == []
    # Three seeds in each cell: words are better by 15 points, and both numbers are what one more run could give
    assert said[0].split("  ")[0] == "confirmed" and "words-beat-characters" in said[0]
    assert [line.split("  ")[0] for line in said[2:]] == ["within", "within"]
    assert report == "The report: graded/index.html"
    pages = tmp_path / "graded"
    assert "Recurrent networks on text" in (pages / "index.html").read_text()
    page = (pages / study.name / "index.html").read_text()
    assert "Networks that read words are better" in page and "0.877" in page
    (claim, _) = read_json(pages / study.name / "claims.json")["claims"]
    assert claim["effect"] == pytest.approx((0.8686 + 0.8886 + 0.8714 - 0.7286 - 0.7157 - 0.7143) / 3)
    # The table has become a bundle, which is graded the same
    again = graded_apart(study.name, pages / study.name / "bundle", "--to", "again", at=tmp_path)
    assert again.stdout.splitlines()[:-2] == said


def test_a_mistake_is_one_sentence_and_nothing_is_written(tmp_path: Path):
    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS.replace("0.8886", "eighty"))
    answer = graded_apart(study.name, "runs.csv", at=tmp_path)
    assert answer.returncode == 1 and answer.stderr.startswith("Error: runs.csv, row 3, column")
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "graded").exists()


def test_runs_of_another_study_are_refused(tmp_path: Path):
    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    assert graded_apart(study.name, "runs.csv", at=tmp_path).returncode == 0
    study.rename(tmp_path / "other")
    answer = graded_apart("other", "graded/levels_of_text/bundle", at=tmp_path)
    assert answer.returncode == 1 and "the runs are of 'levels_of_text', but the study is 'other'" in answer.stderr


def test_a_bundle_of_the_workflow_is_graded_as_it_is_there(finished: Project, tmp_path: Path):
    bundle = finished.folder / "reports/ce4042/bundle"
    answer = graded_apart(ROOT / "workflow/studies/ce4042", bundle, at=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1]) == []
    ours, theirs = (read_json(one / "ce4042/claims.json") for one in (finished.folder / "reports", tmp_path / "graded"))
    assert {**ours, "sha256": None} == {**theirs, "sha256": None}
    page = (tmp_path / "graded/ce4042/index.html").read_text()
    # Tables and curves are made from the bundle; what needs weights is missing, and says so
    assert "figures/figure-claims.svg" in page and "is missing: the files of its cells are not here" in page
