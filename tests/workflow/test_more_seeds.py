"""Seeds that are added to finished cells: only these are trained, and unequal numbers of seeds are graded and shown."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.commands.main import main
from regrade.config import params
from regrade.core.files import read_json, write_json
from support.project import Project, merged
from support.tiny import FOLLOWING, PARAMS, STUDY, sweep, tiny

LOOKS = {"looks": [{"seeds": 2, "error": 0.02}, {"seeds": 3, "error": 0.03}]}
CLAIMS = """\
claims:
  - id: wider
    claim: The wider network is better.
    origin: stated
    place: nowhere
    tests:
      - {kind: greater, experiment: sweep, metric: test_accuracy_last_epoch, cell: {width: 3}, than: {width: 2}}
  - id: wide
    claim: The wider network is good.
    origin: stated
    place: nowhere
    tests:
      - {kind: threshold, experiment: sweep, metric: test_accuracy_last_epoch, cells: {width: 3}, at_least: 0.5}
"""
BATCHED = {"cells_per_job": 8}
ALL = f"reports/{STUDY}/claims.json"


def more(*entries: dict) -> dict:
    return {"more_seeds": [{"study": STUDY, "experiment": "sweep"} | entry for entry in entries]}


def run(project: Project, *overlays: dict, options: tuple = (), target: str = ALL) -> str:
    answer = project.snakemake("train_all", target, options=options, overlay=merged({}, *overlays))
    assert answer.returncode == 0, answer.stdout
    return answer.stdout


def cells(*overlays: dict) -> list[Cell]:
    return expansion.expand(params.parse(merged(PARAMS, LOOKS, *overlays)))


def rows(project: Project, cell: Cell, seeds: set[int]) -> list[pd.DataFrame]:
    """What the cell's tables say of these seeds, training times included."""
    tables = [
        pd.read_parquet(project.folder / cell.folder / name) for name in ("history.parquet", "predictions.parquet")
    ]
    return [table[table["seed"].isin(seeds)].reset_index(drop=True) for table in tables]


def runs_of(project: Project, cell: Cell) -> list[dict]:
    """What the cell's record says of its runs."""
    return read_json(project.folder / cell.folder / "run.json")["runs"]


def states(project: Project, cell: Cell) -> dict[str, int]:
    """When the state of each run was written."""
    folder = project.folder / "results/.state" / cell.configuration().hash
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.state")}


def judged(project: Project) -> dict[str, tuple[int, int]]:
    """Of each claim, with how many seeds it is judged."""
    return {one["id"]: (one["look"], one["seeds"]) for one in read_json(project.folder / ALL)["claims"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished study with claims and a winner, trained in batches. Tests must leave it as it is."""
    project = tiny(
        tmp_path_factory.mktemp("trained"), LOOKS, {"studies": {STUDY: {"experiments": {"following": FOLLOWING}}}}
    )
    (project.folder / "workflow/studies" / STUDY / "claims.yaml").write_text(CLAIMS)
    run(project, BATCHED, target="train_all")
    return project


def copied(project: Project, folder: Path) -> Project:
    shutil.copytree(project.folder, folder / "copy", copy_function=shutil.copy2)
    return Project(folder / "copy")


def test_only_seeds_that_are_added_are_trained_and_all_are_judged(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    project = copied(trained, tmp_path)
    monkeypatch.chdir(project.folder)

    def regrade(command: str, overlay: dict) -> str:
        assert main([command, "--configfile", project.overlay(overlay)]) == 0
        return capsys.readouterr().out

    narrow, wide = cells()
    before = [(cell, rows(project, cell, {0, 1}), states(project, cell)) for cell in (narrow, wide)]
    untouched = (project.folder / narrow.folder / "run.json").stat().st_mtime_ns
    (winner,) = project.find("results/tiny/sweep/selected-*.json")
    (follower,) = project.find("results/tiny/following/*/run.json")
    followed = read_json(follower)["runs"]

    overlay = more({"cells": {"width": 3}, "seeds": [1, 5]}, {"cells": {"width": 3}, "seeds": [5]})
    assert [cell.folder for cell in cells(overlay)] == [narrow.folder, wide.folder]
    listed = regrade("cells", overlay)
    assert f"lacks     {wide.folder}  (seeds 5)" in listed and listed.count("done  ") == 2
    assert re.search(r"^  sweep +1 +0 +0 +1 ", regrade("status", overlay), re.M)

    run(project, overlay)
    assert [run["seed"] for run in read_json(project.folder / wide.folder / "run.json")["runs"]] == [0, 1, 5]
    for cell, tables, dates in before:
        for table, now in zip(tables, rows(project, cell, {0, 1}), strict=True):
            pd.testing.assert_frame_equal(table, now, check_exact=True)
        assert dates.items() <= states(project, cell).items()
    assert (project.folder / narrow.folder / "run.json").stat().st_mtime_ns == untouched
    # The candidates have two seeds in common, so the winner is the same, and who follows it is not trained again
    assert read_json(winner)["seeds"] == [0, 1] and read_json(follower)["runs"] == followed
    assert judged(project) == {"wider": (2, 2), "wide": (3, 3)}
    about = {
        cell["name"]: cell["seeds"] for cell in read_json(project.folder / "reports/tiny/bundle/manifest.json")["cells"]
    }
    assert (about[narrow.name], about[wide.name]) == ([0, 1], [0, 1, 5])

    # What is there stays, also where it is not asked for any more
    assert "Nothing to be done" in run(project, {"seeds": [0]}, options=("-n",))

    # As after a `dvc pull`: nothing is known of how the files were made. In a batch, for all cells
    shutil.rmtree(project.folder / ".snakemake")
    everywhere = more({"seeds": [6]})
    run(project, everywhere, BATCHED)
    seeds = [
        [run["seed"] for run in read_json(project.folder / cell.folder / "run.json")["runs"]] for cell in (narrow, wide)
    ]
    assert seeds == [[0, 1, 6], [0, 1, 5, 6]]
    for cell, _, dates in before:
        assert dates.items() <= states(project, cell).items()
    assert judged(project) == {"wider": (3, 3), "wide": (3, 3)}
    assert read_json(winner)["seeds"] == [0, 1, 6]
    assert "Nothing to be done" in run(project, everywhere, options=("-n",))
    regrade("report", everywhere)
    page = (project.folder / "reports/tiny/index.html").read_text()
    assert "<dd>0, 1, 6 (1 cell); 0, 1, 5, 6 (1 cell); 0, 1 (1 cell)</dd>" in page, re.findall("<dt>Seeds.*", page)


def test_added_seeds_are_all_that_is_trained_where_the_states_are_gone(trained: Project, tmp_path: Path):
    """As after `dvc pull`. The files lack weights that all experiments but this one ask for."""
    project = copied(trained, tmp_path)
    shutil.rmtree(project.folder / "results/.state")
    kept = {"keep_models": [0, 1], **sweep(keep_models={"small": [0]})}
    weights = [path.stat().st_size for path in project.find("results/tiny/sweep/*/model.safetensors")]
    before = [(cell, rows(project, cell, {0, 1}), runs_of(project, cell)) for cell in cells()]
    run(project, BATCHED, kept, more({"seeds": [5]}), target="train_all")
    for cell, tables, runs in before:
        for table, now in zip(tables, rows(project, cell, {0, 1}), strict=True):
            pd.testing.assert_frame_equal(table, now, check_exact=True)
        *same, added = runs_of(project, cell)
        assert same == runs and added["seed"] == 5
    assert [path.stat().st_size for path in project.find("results/tiny/sweep/*/model.safetensors")] == weights
    # Those that nobody asks for any more stay
    shutil.rmtree(project.folder / "results/.state")
    run(project, BATCHED, more({"seeds": [6]}), target="train_all")
    assert [[one["seed"] for one in runs_of(project, cell)] for cell in cells()] == [[0, 1, 5, 6]] * 2


def test_a_job_that_adds_seeds_and_does_not_end_loses_none(trained: Project, tmp_path: Path):
    project = copied(trained, tmp_path)
    before = {path: path.read_bytes() for path in project.find("results/tiny/sweep/*/*.*")}
    # The job stops before it trains, and after Snakemake has deleted what it will write
    (tensors,) = project.find("data/prepared/moons/*/tensors.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    answer = project.snakemake("train_all", overlay=merged(BATCHED, more({"seeds": [5]})))
    assert answer.returncode == 1 and "damaged" in answer.stdout
    assert {path: path.read_bytes() for path in project.find("results/tiny/sweep/*/*.*")} == before
    cells = read_json(project.folder / "reports/tiny/bundle/manifest.json")["cells"]
    assert [(cell["status"], cell["seeds"]) for cell in cells] == [("done", [0, 1])] * 3


def test_a_cell_that_followed_another_winner_is_trained_again(trained: Project, tmp_path: Path):
    """As when a run is stopped between the choice and the cells that follow it."""
    project = copied(trained, tmp_path)
    (winner,) = project.find("results/tiny/sweep/selected-*.json")
    choice = read_json(winner)
    other = {2: 3, 3: 2}[choice["settings"]["width"]]
    write_json(winner, choice | {"settings": {"width": other}})
    assert re.search(r"^train +1$", run(project, options=("-n",), target="train_all"), re.M)


def test_a_winner_is_chosen_again_by_other_code(trained: Project, tmp_path: Path):
    project = copied(trained, tmp_path)
    code = project.folder / "workflow/scripts/regrade/statistics/selection.py"
    code.write_text(code.read_text() + "\n# A comment\n")
    assert "select_winner" not in run(project, BATCHED, options=("-n",), target="train_all")
    code.write_text(code.read_text() + "\nMEANING = 1\n")
    assert re.search(r"^select_winner +1$", run(project, BATCHED, options=("-n",), target="train_all"), re.M)


def test_results_of_earlier_names_are_renamed(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    project = copied(trained, tmp_path)
    names = {path.parent for path in project.find("results/tiny/*/*/run.json")}
    for folder in names:
        old = folder.with_name(folder.name[:-8] + "0123abcd")
        record = read_json(folder / "run.json")
        write_json(folder / "run.json", record | {"cell": old.name})
        folder.rename(old)
    (winner,) = project.find("results/tiny/sweep/selected-*.json")
    winner.rename(winner.with_name("selected-0123abcd.json"))
    # Of other settings: no cell of params.yaml
    stranger = shutil.copytree(old, old.with_name(old.name[:-8] + "89abcdef"))
    write_json(stranger / "run.json", record | {"scale": "other"})
    monkeypatch.chdir(project.folder)
    assert main(["rename"]) == 0
    assert "Renamed 3 folders." in capsys.readouterr().out
    assert {path.parent for path in project.find("results/tiny/*/*/run.json")} == {*names, stranger}
    assert all(read_json(folder / "run.json")["cell"] == folder.name for folder in names)
    assert "rule train:" not in run(project, options=("-n",))
    assert main(["rename"]) == 0
    assert "Renamed 0 folders." in capsys.readouterr().out
