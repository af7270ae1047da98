"""A study on a table of one's own, as docs/data.md shows it: from a spreadsheet's file to the report, without Python."""

from pathlib import Path

import pandas as pd
import pytest
from regrade.core.files import read_json, sha256
from support.own_study import WINES, documented, with_wines
from support.project import Project, merged
from support.tiny import STUDY, sweep


def test_the_page_describes_the_file_that_the_test_writes(tmp_path: Path):
    project = with_wines(tmp_path / "a")
    files = documented()["datasets"]["wines"]["files"]
    assert files["wines.csv"] == {"urls": [WINES], "sha256": sha256(project.folder / WINES)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = with_wines(tmp_path_factory.mktemp("wines"))
    answer = project.snakemake(overlay={})
    assert answer.returncode == 0, answer.stdout
    return project


def test_it_is_trained_and_reported(graded: Project):
    runs = pd.read_parquet(graded.folder / f"reports/{STUDY}/bundle/runs.parquet")
    assert (runs["test_accuracy_last_epoch"] > 0.9).all(), runs
    (card,) = graded.find("data/prepared/wines/real-*/card.json")
    content = read_json(card)
    assert content["classes"] == ["class_0", "class_1", "class_2"] and content["format"] == "table"
    assert content["tensors"]["train_inputs"]["shape"] == [133, 13]
    assert (
        "13 columns of wines.csv; test rows drawn by seed 1"
        in (graded.folder / f"reports/{STUDY}/index.html").read_text()
    )


def test_a_second_run_needs_neither_the_file_nor_anything_to_do(graded: Project):
    (graded.folder / WINES).rename(graded.folder / "moved.csv")
    answer = graded.snakemake(overlay={})
    assert answer.returncode == 0 and "Nothing to be done" in answer.stdout, answer.stdout
    (graded.folder / "moved.csv").rename(graded.folder / WINES)


def test_a_network_that_does_not_fit_is_refused_before_any_job_once_the_data_are_prepared(graded: Project):
    two = {"studies": {STUDY: {"networks": {"mlp": [{"dense": {"units": "$width"}}]}}}}
    answer = graded.snakemake(options=("--dry-run",), overlay=merged(two, sweep(grid={"width": [2]})))
    assert answer.returncode == 1
    assert "networks.mlp: ends with numbers of shape (2), but there are 3 classes" in answer.stdout


def test_built_in_rows_stand_in_for_it_at_such_a_scale(tmp_path: Path):
    project = with_wines(tmp_path, "demo")
    (project.folder / WINES).unlink()
    answer = project.snakemake("train_all", overlay={})
    assert answer.returncode == 0, answer.stdout
    (card,) = project.find("data/prepared/wines/stand_in-*/card.json")
    assert read_json(card)["source"].startswith("generated stand-in")


def test_what_is_wrong_is_one_sentence(tmp_path: Path):
    project = with_wines(tmp_path / "missing", "demo", stand_in=None)
    answer = project.run("snakemake", "--cores", "1", "train_all")
    assert "datasets.wines.stand_in is missing, but this scale has stand-in data" in answer.stdout
    file = {"urls": [WINES]}
    project = with_wines(tmp_path / "checksum", files={"wines.csv": file})
    right = sha256(project.folder / WINES)
    answer = project.run("snakemake", "--cores", "1", "train_all")
    assert f"datasets.wines.files.wines.csv: sha256 is missing; it is {right}" in answer.stdout
    project = with_wines(tmp_path / "wrong", files={"wines.csv": file | {"sha256": "0" * 64}})
    answer = project.run("snakemake", "--cores", "1", "train_all")
    assert f"{WINES} (its SHA-256 is {right}, not the one in params.yaml)" in answer.stdout
    project = with_wines(tmp_path / "label", label="kind")
    answer = project.run("snakemake", "--cores", "1", "train_all")
    assert "wines.csv has no column 'kind' (its columns: alcohol, malic_acid," in answer.stdout
    assert all("Traceback" not in text for text in answer.stdout.splitlines())
