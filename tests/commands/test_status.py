"""regrade status: what it says while cells train, are killed, fail and are done."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from regrade.cells import expansion, heartbeat, progress
from regrade.cells.cell import Cell
from regrade.cells.heartbeat import Heartbeat, Run
from regrade.cells.layout import FILES, RECORD
from regrade.commands import status_view, terminal
from regrade.config import params
from regrade.core.files import write_json
from regrade.costs import rates
from regrade.costs.model import Model
from regrade.costs.time_left import seconds_left
from rich.console import Console
from support.project import Project
from support.tiny import PARAMS, STUDY, TWO_FOLLOWING, running, sweep, tiny

MODEL = Model(params.parse(PARAMS), rates.known("cpu"))


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen]]:
    """What a test starts, killed afterwards with all that it started."""
    started: list[subprocess.Popen] = []
    yield started
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def status(project: Project, *options: str) -> str:
    answer = project.regrade("status", *options, overlay={})
    assert answer.returncode == 0, answer.stdout
    assert "Traceback" not in answer.stdout
    return answer.stdout


def counts(text: str, experiment: str = "sweep") -> list[int]:
    """Cells of an experiment: done, running, failed, queued."""
    line = re.search(rf"^  {experiment} +(\d+) +(\d+) +(\d+) +(\d+)", text, re.M)
    assert line, text
    return [int(number) for number in line.groups()]


def until(project: Project, condition: Callable[[str], object]) -> str:
    """The first status that fulfils a condition."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition(text := status(project)):
            return text
    raise AssertionError(text)


def test_while_it_runs_after_a_kill_and_at_the_end(tmp_path: Path, processes: list[subprocess.Popen]):
    project = tiny(tmp_path, sweep(settings={"epochs": 10000}, grid={"width": [4]}), {"checkpoint_seconds": 1})
    assert "0 of 1 cells done, 1 queued; time left not known yet" in status(project)
    running(project, processes)

    def epoch(text: str) -> int:
        reached = re.search(r"^tiny/sweep/width=4-\w{8}  0, 1 +(\d+) of 10000 +\d+ (s|min) ", text, re.M)
        return int(reached[1]) if reached else 0

    text = until(project, epoch)
    assert counts(text) == [0, 1, 0, 0]
    assert re.search(r"1 running; about \d+ (s|min) left\n", text)
    later = until(project, lambda newer: epoch(newer) > epoch(text))
    assert epoch(later) < 10000
    other = project.run("regrade", "status", "--configfile", project.overlay(sweep(grid={"width": [5]}))).stdout
    assert counts(other) == [0, 0, 0, 1] and "Other cells are running (1): to see them" in other
    project.overlay({})

    os.killpg(processes[-1].pid, signal.SIGKILL)
    processes[-1].communicate()
    text = status(project)
    assert counts(text) == [0, 0, 0, 1]
    assert re.search(
        r"^tiny/sweep/width=4-\w{8}  at epoch \d+ \(seeds 0, 1\) of 10000; the next run goes on", text, re.M
    )
    assert re.search(r"1 queued; about \d+ (s|min) left\n", text)

    # A shorter cell to its end
    (project.folder / "shorter.yaml").write_text(yaml.safe_dump(sweep(settings={"epochs": 800})))
    shorter = ("--configfile", "shorter.yaml")
    watched = subprocess.Popen(
        ["regrade", "status", "--watch", "0.2", *shorter],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    processes.append(watched)
    answer = project.run("snakemake", "--cores", "2", "--nolock", *shorter, "--", "train_all")
    assert answer.returncode == 0, answer.stdout
    frames, _ = watched.communicate(timeout=60)
    assert watched.returncode == 0, "it ends when all is done"
    assert "1 running" in frames and "1 of 1 cells done\n" in frames and "\x1b" not in frames
    assert len(project.find("results/.state/*/heartbeat.json")) == 1, "of the killed job only"


def test_failed_cells_have_their_sentence_and_others_are_counted(tmp_path: Path):
    cells = [{"width": 2}, {"width": 10**14}, {"width": 3}]
    project = tiny(tmp_path, sweep(grid=None, cells=cells), TWO_FOLLOWING, {"cells_per_job": 3})
    text = status(project)
    assert counts(text) == [0, 0, 0, 3] and counts(text, "following") == [0, 0, 0, 2]
    assert project.snakemake("train_all", overlay={}).returncode == 1
    text = status(project)
    assert counts(text) == [2, 0, 1, 0] and counts(text, "following") == [0, 0, 0, 2]
    assert re.search(r"^tiny/sweep/width=100000000000000-\w{8}  there is not enough memory: make", text, re.M)
    assert re.search(r"2 of 5 cells done, 1 failed, 2 queued; about \d+ s left\n", text), "as the cells they follow"
    for pipe in ("head -1", "true"):
        answer = project.run("bash", "-c", f"regrade status | {pipe}; exit ${{PIPESTATUS[0]}}")
        assert answer.returncode in (0, 141) and "Error" not in answer.stdout
    for seconds in ("0", "inf"):
        said = project.regrade("status", "--watch", seconds, overlay={}).stdout
        assert f"Error: --watch is {seconds}; give a number of seconds above 0, at most a day (86400)\n" == said


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """A thousand cells, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return expansion.expand(params.parse(many(1000)))


def many(count: int) -> dict:
    config = yaml.safe_load(yaml.safe_dump(PARAMS))
    config["studies"][STUDY]["experiments"]["sweep"]["grid"] = {"width": list(range(1, count + 1))}
    return config


def finish(cell: Cell) -> None:
    """The files of a finished cell: a second per epoch and seed."""
    cell.folder.mkdir(parents=True)
    for name in FILES:
        (cell.folder / name).touch()
    runs = [{"seed": seed, "status": "done", "epochs": 2, "train_seconds": 2.0} for seed in cell.seeds]
    write_json(cell.folder / RECORD, {"runs": runs})


def begin(cell: Cell, *runs: Run) -> Path:
    """The heartbeat of a job that trains the cell; without a lock it counts as stopped."""
    folder = heartbeat.STATES / cell.configuration().hash
    folder.mkdir(parents=True)
    (folder / heartbeat.LOCK).touch()
    said = {"host": "n1", "slurm_job": "7", "written": time.time() - 300, "runs": [vars(run) for run in runs]}
    write_json(folder / heartbeat.FILE, said)
    return folder


def shown(every: list[Cell]) -> str:
    console = Console(width=terminal.WIDE, force_terminal=False)
    with console.capture() as captured:
        console.print(status_view.view(MODEL, *progress.read(every)))
    return captured.get()


def test_many_cells_while_files_come_and_go(cells: list[Cell]):
    for cell in cells[:500]:
        finish(cell)
    begin(cells[500], Run(0, 1, False, 10.0), Run(1, 2, True, 10.0))
    assert counts(shown(cells)) == [500, 0, 0, 500]
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            for cell in (cells[0], cells[500]):
                shutil.rmtree(cell.folder, ignore_errors=True)
                finish(cell)
                shutil.rmtree(heartbeat.STATES, ignore_errors=True)
                begin(cell, Run(0, 1, False, 10.0))
                write_json(cell.failure, {"cell": "", "error": "it failed"})

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(10):
            assert sum(counts(shown(cells))) == 1000
    finally:
        ended.set()
        thread.join()


def test_time_left(cells: list[Cell]):
    done, stopped, queued = cells[:3]
    assert set(seconds_left(progress.read(cells[:3])[0], MODEL).values()) == {None}
    finish(done)
    begin(stopped, Run(0, 1, False, 10.0), Run(1, 2, True, 10.0))
    every, _ = progress.read(cells[:3])
    # One epoch of seed 0; two epochs of two seeds at the median of a second and ten: how many rows there are is not known
    assert seconds_left(every, MODEL) == {stopped.folder: 10.0, queued.folder: 4 * 5.5}
    assert "1 of 3 cells done, 2 queued; about 32 s left" in shown(cells[:3])
    assert "at epoch 1 (seed 0), 2 (seed 1) of 2" in shown(cells[:3])
    live = [replace(one, state="running") if one.state == "stopped" else one for one in every]
    console = Console(width=terminal.WIDE)
    with console.capture() as captured:
        console.print(status_view.view(MODEL, live, [Heartbeat("n2", None, time.time(), ())]))
    text = captured.get()
    assert re.search(r"0 +1 of 2 +10 s +n1, job 7, silent for 5 min\n +1 +2 of 2", text)
    assert "Other cells are running (1): to see them, pass the --configfile and --config" in text


def test_where_there_are_no_locks_the_age_tells(cells: list[Cell], monkeypatch: pytest.MonkeyPatch):
    def without(*arguments: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.lockf", without)
    folder = begin(cells[0], Run(0, 1, False, 10.0))
    said = heartbeat.read_all()[folder.name]
    assert not heartbeat.is_alive(folder.name, said)
    assert heartbeat.is_alive(folder.name, replace(said, written=time.time()))


def test_damaged_heartbeats_are_none(cells: list[Cell]):
    folder = begin(cells[0], Run(0, 1, False, 10.0))
    for content in ("", "[]", "{}", '{"runs": 3}', '{"host": 1, "runs": [{}]}'):
        (folder / heartbeat.FILE).write_text(content)
        assert heartbeat.read_all() == {}
