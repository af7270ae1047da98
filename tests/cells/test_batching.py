"""Several cells in one training job: nothing depends on how cells were batched."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from regrade.cells import batching, expansion, layout
from regrade.cells.cell import Cell
from regrade.config import params
from regrade.core.files import read_json
from support.project import SMALL, Project, merged
from support.tiny import TWO_FOLLOWING, sweep, tiny

FILTERS = {"studies": {"ce4042": {"experiments": {"a2_filters": {"grid": {"filters1": [2, 3, 5], "filters2": [4]}}}}}}
BATCHED = merged(SMALL, {"cells_per_job": 8})
THREE = merged(BATCHED, FILTERS)


def expanded(project: Project, overlay: dict, experiment: str = "") -> list[Cell]:
    """The cells of an experiment, or of all."""
    config = merged(yaml.safe_load((project.folder / "params.yaml").read_text()), overlay)
    return [cell for cell in expansion.expand(params.parse(config)) if experiment in cell.experiment]


def records(those: list[Cell]) -> list[str]:
    return [f"{cell.folder}/run.json" for cell in those]


def contents(project: Project, those: list[Cell]) -> dict[Path, bytes]:
    """The cells' files, with their training times: they are the same only if nothing was trained again."""
    return {path: path.read_bytes() for cell in those for path in project.find(f"{cell.folder}/*")}


def states(project: Project, cell: Cell) -> Path:
    """The folder of the states of a cell without a winner."""
    return project.folder / layout.STATES / cell.configuration().hash


def log(project: Project) -> str:
    """The log of the only batch."""
    (path,) = project.find("logs/batches/*.log")
    return path.read_text()


@pytest.fixture
def started(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished small version, whose cells were trained one by one."""
    copy = Project(tmp_path / "copy")
    shutil.copytree(finished.folder, copy.folder, copy_function=shutil.copy2)
    return copy


def test_batches_are_small_enough_and_of_a_kind(finished: Project):
    every = expanded(finished, {"scale": "paper"})
    for size in (2, 8):
        found = batching.batches(every, size)
        members = [cell for batch in found.values() for cell in batch]
        assert len(members) == len(set(map(id, members))) > len(every) / 2
        for batch in found.values():
            assert 1 < len(batch) <= size
            winners = {cell.selection and cell.selection.path for cell in batch}
            kinds = {(cell.experiment, str(cell.data), cell.code) for cell in batch}
            assert len(kinds) == len(winners) == 1
    assert not batching.batches(every, 1)


def test_results_are_the_same_bit_for_bit(finished: Project, project: Project):
    shutil.copytree(finished.folder / "data", project.folder / "data")
    every = [cell for batch in batching.batches(expanded(project, BATCHED), 8).values() for cell in batch]
    answer = project.snakemake(*records(every), overlay=BATCHED)
    assert answer.returncode == 0, answer.stdout
    assert len(project.find("logs/batches/*.log")) == 2
    assert len(every) == 4 and all((project.folder / cell.log).exists() for cell in every)
    for cell in every:
        mine, theirs = (each.folder / cell.folder for each in (project, finished))
        for name in ("model.safetensors", "predictions.parquet"):
            assert (mine / name).read_bytes() == (theirs / name).read_bytes()
        histories = (pd.read_parquet(folder / "history.parquet").drop(columns="seconds") for folder in (mine, theirs))
        pd.testing.assert_frame_equal(*histories, check_exact=True)
    # What Snakemake remembers of a cell says nothing of its batch
    assert "Nothing to be done" in project.snakemake(*records(every), options=("-n",), overlay=SMALL).stdout
    assert "Nothing to be done" in finished.snakemake("train_all", options=("-n",), overlay=BATCHED).stdout


def test_what_is_said_of_train_holds_for_batches(project: Project, started: Project):
    def planned(project: Project, *options: str) -> str:
        answer = project.snakemake(options=("-n", *options), overlay=BATCHED)
        assert answer.returncode == 0, answer.stdout
        return answer.stdout

    def trained(output: str) -> set[str]:
        return set(re.findall(r"(results/[^\s,]+)/run\.json", "".join(re.findall(r"output: (results/.*)", output))))

    every = {str(cell.folder) for cell in expanded(project, BATCHED)}
    until = planned(project, "--until", "train", "--set-threads", "train=2")
    assert trained(until) == every and "rule prepare" in until and "rule collect" not in until
    threads = dict(re.findall(r"rule (train\w*):.*?threads: (\d)", until, re.DOTALL))
    assert set(threads.values()) == {"2"} and len(threads) == 3
    without = planned(project, "--omit-from", "train")
    assert not trained(without) and "rule prepare" in without and "rule collect" not in without
    assert trained(planned(started, "--forcerun", "train")) == every
    assert not trained(planned(started, "--forcerun", "collect"))


def test_a_batch_that_gains_a_cell_trains_only_that(started: Project):
    old, every = expanded(started, SMALL, "a2"), expanded(started, THREE, "a2")
    before = contents(started, old)
    assert len(before) == 8
    answer = started.snakemake(*records(every), overlay=THREE)
    assert answer.returncode == 0, answer.stdout
    assert contents(started, old) == before
    assert len(contents(started, every)) == 12


def test_a_cell_that_fails_stops_no_neighbour(tmp_path: Path):
    project = tiny(tmp_path, sweep(grid={"width": [2, 3, 4]}), TWO_FOLLOWING, {"cells_per_job": 8})
    first, failing, last = every = expanded(project, {}, "sweep")
    states(project, failing).parent.mkdir(parents=True)
    states(project, failing).write_text("a file where a folder should be")
    answer = project.snakemake("train_all", overlay={})
    assert answer.returncode == 1
    assert "1 of 3 cells failed" in answer.stdout
    assert f"3 of 3: {last.folder}\ndone" in log(project)
    assert "FileExistsError" in (project.folder / failing.log).read_text()
    good = contents(project, [first, last])
    assert len(good) == 8
    page = (project.folder / "reports/tiny/index.html").read_text()
    # The cells that take over a winner wait for the one that fails
    assert "2 of 5 trained, 1 failed, 2 missing" in page and "FileExistsError" in page

    project.regrade("prune", "--yes", overlay={})
    states(project, failing).unlink()
    answer = project.snakemake(*records(every), options=("--set-threads", "train=2"), overlay={})
    assert answer.returncode == 0, answer.stdout
    assert contents(project, [first, last]) == good
    (run, _) = read_json(project.folder / failing.folder / "run.json")["runs"]
    assert ", 2 threads)" in run["device"]
    assert len(contents(project, every)) == 12
    assert "Nothing to be done" in project.snakemake(*records(every), options=("-n",), overlay={}).stdout


def test_a_killed_batch_goes_on_where_it_was(tmp_path: Path):
    project = tiny(tmp_path, sweep(grid={"width": [2, 3]}, settings={"epochs": 200}), {"cells_per_job": 8})
    first, second = every = expanded(project, {})
    process = project.start(*records(every), overlay={})
    deadline = time.monotonic() + 90
    while not [*states(project, second).glob("seed=*")] and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True).stdout.split():
        os.kill(int(pid), 9)
    process.communicate(timeout=60)
    done = contents(project, [first])
    assert len(done) == 4
    assert not contents(project, [second])
    answer = project.snakemake(*records(every), options=("--nolock",), overlay={})
    assert answer.returncode == 0, answer.stdout
    assert contents(project, [first]) == done
    runs = read_json(project.folder / second.folder / "run.json")["runs"]
    assert runs[0]["resumed_at_epoch"] > 0
    assert all(run["epochs"] == 200 for run in runs)
