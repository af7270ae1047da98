"""What docs/reliability.md promises for the day when something goes wrong, through the front door."""

import ast
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from regrade.bundle import MANIFEST, TABLES, collect
from regrade.cells.cell import Cell
from regrade.cells.expansion import expand
from regrade.config import params
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.core.files import read_json, sha256
from regrade.core.integrity import verify
from regrade.reporting import graded
from regrade.reporting.evidence import Evidence
from regrade.reporting.evidence import read as evidence_of
from regrade.reporting.exports import best_models, crate
from regrade.runtime.logs import explain
from regrade.training import scoring, trained
from support.project import ROOT, Project
from support.tiny import LONG, STUDY, running, sweep, tiny

FUTURE, PAST = "2099-01-01", "1999-01-01"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study, finished. Tests work on copies of it."""
    project = tiny(tmp_path_factory.mktemp("whole"))
    answer = project.snakemake(overlay={})
    assert answer.returncode == 0, answer.stdout
    return project


@pytest.fixture
def copy(whole: Project, tmp_path: Path) -> Project:
    shutil.copytree(whole.folder, tmp_path / "copy", copy_function=shutil.copy2)
    return Project(tmp_path / "copy")


def results(project: Project) -> dict[str, str]:
    """The checksums of all files of cells, by their paths."""
    found = [path for path in project.find(f"results/{STUDY}/*/*/*") if path.is_file()]
    return {str(path.relative_to(project.folder)): sha256(path) for path in found}


def flip(path: Path) -> None:
    """Change one bit in the middle of a file: the highest, as another one may leave a number in JSON equal."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


def test_what_is_damaged_is_named_and_made_again(copy: Project):
    before = results(copy)
    first, second = sorted({path.parent for path in copy.find(f"results/{STUDY}/*/*/run.json")})
    (tensors,) = copy.find("data/prepared/*/*/tensors.safetensors")
    intact = sha256(tensors)
    flip(first / "history.parquet")
    record = second / "run.json"
    record.write_text(record.read_text().replace('"parameters": ', '"parameters": 1'))
    flip(tensors)
    answer = copy.snakemake("models/tiny", overlay={})
    assert answer.returncode == 1
    for file in (first / "history.parquet", record):
        assert str(file.relative_to(copy.folder)) in answer.stdout
    assert "run `snakemake` again to restore it" in answer.stdout
    assert not first.exists() and not second.exists()
    answer = copy.snakemake("models/tiny", overlay={})
    assert answer.returncode == 1
    assert f"{tensors.relative_to(copy.folder)}: damaged or missing; what is left of it was deleted" in answer.stdout
    state = copy.find("results/.state/*/seed=1.state")[0]
    flip(state)
    # Making the models reads all tables and weights again
    answer = copy.snakemake("models/tiny", overlay={})
    assert answer.returncode == 0, answer.stdout
    assert sha256(tensors) == intact
    logs = "".join(path.read_text() for path in copy.find(f"logs/results/{STUDY}/sweep/*.log"))
    assert f"{state.relative_to(copy.folder)} is damaged" in logs
    after = results(copy)
    # The cell with the damaged state was trained again; only how long that took may differ
    changed = {path for path in before if before[path] != after[path]}
    assert {Path(path).name for path in changed} == {"history.parquet", "run.json"}
    assert len({Path(path).parent for path in changed}) == 1


def plan(project: Project, *targets: str, options: tuple = ()) -> dict[str, int]:
    """Jobs of each rule that Snakemake would run for these targets."""
    answer = project.snakemake(*targets, options=("-n", *options), overlay={})
    assert answer.returncode == 0, answer.stdout
    assert "Job stats:" in answer.stdout or "Nothing to be done" in answer.stdout, answer.stdout
    table = answer.stdout.partition("\njob ")[2].partition("\ntotal")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def readers(parameters: Params, every: list[Cell]) -> list[tuple[str, Callable[[], object]]]:
    """Each kind of file that something is made of, as a pattern, and what reads it for that."""
    cell = every[0]

    def evidence() -> Evidence:
        return evidence_of(STUDY)

    return [
        (f"{cell.folder}/history.parquet", lambda: collect.tables(every)),
        (f"{cell.folder}/run.json", lambda: crate.write(parameters, every, "9")),
        (f"{cell.folder}/model.safetensors", lambda: trained.load(cell.folder)),
        (f"{cell.folder}/model.safetensors", lambda: list(scoring.scores(cell.folder, parameters))),
        (f"{cell.folder}/history.parquet", lambda: list(scoring.scores(cell.folder, parameters))),
        (
            "results/tiny/sweep/*/model.safetensors",
            lambda: best_models.write(evidence(), Path("models/tiny")),
        ),
        (f"{cell.folder}/predictions.parquet", lambda: collect.bundle(STUDY, parameters, every)),
        ("data/prepared/moons/*/tensors.safetensors", lambda: trained.load(cell.folder)),
        ("data/prepared/moons/*/card.json", lambda: collect.bundle(STUDY, parameters, every)),
        *((f"reports/tiny/bundle/{name}", evidence) for name in (*TABLES, MANIFEST)),
        ("reports/tiny/data/grades.parquet", lambda: graded.read(Path("reports/tiny"))),
        ("reports/tiny/claims.json", lambda: graded.read(Path("reports/tiny"))),
    ]


def test_whoever_reads_a_file_notices_damage(whole: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    parameters = params.parse(yaml.safe_load((whole.folder / "params.yaml").read_text()))
    every = expand(parameters)
    for number, (pattern, read) in enumerate(readers(parameters, every)):
        project = Project(tmp_path / str(number))
        for name in ("data", "results", "reports", "models", "CITATION.cff"):
            source = whole.folder / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, project.folder / name)
        monkeypatch.chdir(project.folder)
        damaged = project.find(pattern)
        for path in damaged:
            flip(path)
        with pytest.raises(
            UserError, match=r"what is left of it was deleted: run `snakemake.* again to restore it$"
        ) as said:
            read()
        assert any(str(path.relative_to(project.folder)) in str(said.value) for path in damaged), pattern
        assert not all(path.exists() for path in damaged), pattern


def test_what_is_missing_on_the_way_to_a_page_is_made_again(copy: Project):
    before, page = results(copy), "reports/tiny/index.html"
    shutil.rmtree(copy.find("results/tiny/sweep/*")[0])
    shutil.rmtree(copy.folder / "reports/tiny/data")
    for target, further in ((page, {"report"}), ("reports/index.html", {"report", "front_page"})):
        assert set(plan(copy, target)) == {"train", "collect", "grade", "audit", *further}
    assert set(plan(copy, "models/tiny", "prepare_moons")) == {"train", "collect", "best_models"}
    answer = copy.snakemake(page, overlay={})
    assert answer.returncode == 0, answer.stdout
    assert results(copy) == before
    assert plan(copy, page) == {}


def test_of_many_damaged_folders_the_first_are_named_and_all_are_deleted(tmp_path):
    folders = [tmp_path / str(number) for number in range(12)]
    for folder in folders:
        folder.mkdir()
    with pytest.raises(UserError, match=r"^(?=.*/0/run.json)(?=.*/9/run.json and 2 more: damaged)(?!.*/11/run.json)"):
        verify(folders, "run.json")
    assert not any(folder.exists() for folder in folders)


def touch(project: Project, path: str | Path, date: str) -> None:
    """Give all files in this folder a date."""
    subprocess.run(["find", path, "-exec", "touch", "-d", date, "{}", "+"], cwd=project.folder, check=True)


def test_dates_of_files_train_nothing_and_a_clock_set_back_hides_nothing(copy: Project):
    before = results(copy)
    # One cell is older than its data, the other newer than its report
    first, _ = (path.relative_to(copy.folder) for path in copy.find("results/tiny/sweep/*"))
    for path, date in (("data", FUTURE), ("results", FUTURE), (first, PAST)):
        touch(copy, path, date)
    assert "Nothing to be done" in copy.snakemake(overlay={}).stdout
    assert results(copy) == before
    # The reports seem to be made long after the cells that are trained now
    for path, date in (("data", PAST), ("results", PAST), ("reports", FUTURE)):
        touch(copy, path, date)
    layer = copy.folder / "workflow/scripts/regrade/models/dense.py"
    layer.write_text(layer.read_text() + "\nMEANING = 1\n")
    assert copy.snakemake("train_all", overlay={}).returncode == 0
    assert re.search(r"\ncollect +1\n", copy.snakemake(options=("-n",), overlay={}).stdout)


def signal_job(process: subprocess.Popen, how: int) -> None:
    """Signal the training job among the processes of Snakemake's group."""
    command = ["pgrep", "-g", str(process.pid), "-f", r"\.train\.py"]
    (pid,) = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(pid), how)


def test_interrupted_in_every_way_it_ends_as_if_it_never_was(tmp_path: Path):
    uninterrupted, project = (tiny(tmp_path / name, LONG) for name in ("uninterrupted", "project"))
    # How often states are written must not matter either
    answer = uninterrupted.snakemake("train_all", overlay={"checkpoint_seconds": 3600})
    assert answer.returncode == 0, answer.stdout
    processes = []
    try:
        # The training job alone is killed, after a second Snakemake was refused
        running(project, processes)
        signal_job(processes[-1], signal.SIGSTOP)
        second = project.snakemake("train_all", overlay={})
        assert second.returncode == 1 and "Directory cannot be locked" in second.stdout
        signal_job(processes[-1], signal.SIGKILL)
        assert "Error in rule train" in processes[-1].communicate(timeout=180)[0]
        # Ctrl-C in a terminal goes to all processes
        running(project, processes)
        os.killpg(processes[-1].pid, signal.SIGINT)
        processes[-1].communicate(timeout=180)
        assert not project.find("results/**/.*.part")
        running(project, processes)
        os.killpg(processes[-1].pid, signal.SIGKILL)
        processes[-1].communicate(timeout=180)
        assert project.run("snakemake", "--unlock").returncode == 0
        # Snakemake alone is killed: its job lives on, beside that of the next call
        running(project, processes)
        signal_job(processes[-1], signal.SIGSTOP)
        processes[-1].kill()
        assert project.run("snakemake", "--unlock").returncode == 0
        assert not project.find("results/tiny/*/*/run.json")
        signal_job(processes[-1], signal.SIGCONT)
        answer = project.snakemake("train_all", overlay={})
        assert answer.returncode == 0, answer.stdout
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert not project.find("results/**/.*.part")
    (record,), (history,) = (project.find(f"results/tiny/*/*/{name}") for name in ("run.json", "history.parquet"))
    assert all(run["resumed_at_epoch"] > 0 for run in read_json(record)["runs"])
    (other,) = uninterrupted.find("results/tiny/*/*/history.parquet")
    for name in ("predictions.parquet", "model.safetensors"):
        assert sha256(history.with_name(name)) == sha256(other.with_name(name))
    clockless = [pd.read_parquet(path).drop(columns="seconds") for path in (history, other)]
    pd.testing.assert_frame_equal(*clockless, check_exact=True)


def test_a_sweep_goes_on_past_cells_that_diverge_or_do_not_fit_into_memory(tmp_path: Path):
    cells = [{"width": 2, "lr": 0.1}, {"width": 2, "lr": 1e30}, {"width": 10**14, "lr": 0.1}, {"width": 3, "lr": 0.1}]
    project = tiny(tmp_path, sweep(grid=None, cells=cells))
    answer = project.snakemake(overlay={})
    assert answer.returncode == 1
    assert "Error: there is not enough memory: make the cell smaller (batch_size" in answer.stdout
    assert "The report of what is there: reports/index.html" in answer.stdout
    page = (project.folder / "reports/tiny/index.html").read_text()
    assert "3 of 4 trained, 1 of them diverged, 1 failed" in page
    assert "failed – there is not enough memory" in page
    table = pd.read_csv(project.folder / "reports/tiny/tables/table-1.csv")
    assert table["status"].tolist() == ["done", "diverged", "failed", "done"]
    listed = project.regrade("cells", overlay={}).stdout
    assert [listed.count(state) for state in ("done  ", "diverged  ", "failed  ")] == [2, 1, 1]
    # The report that was made of what is there hides nothing from the next call
    for target in ("all", "reports/tiny/index.html"):
        assert plan(project, target)["train"] == 1
    assert explain(torch.OutOfMemoryError("CUDA out of memory")) == explain(MemoryError())


@pytest.fixture
def disk(tmp_path: Path):
    """An empty file system of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, free: int) -> Path:
    """Use up the disk but for so many free bytes."""
    filler, there = disk / "filler", os.statvfs(disk)
    filler.write_bytes(bytes(there.f_bavail * there.f_frsize - free))
    return filler


def half_written(folder: Path) -> list[Path]:
    """Temporary and empty files; locks and Snakemake's dates of folders, which are empty, have no suffix."""
    files = [path for path in folder.rglob("*.*") if path.is_file() and path.suffix]
    return [path for path in files if path.suffix == ".part" or not path.stat().st_size]


def test_a_full_or_read_only_disk_is_said_and_nothing_is_half_written(tmp_path: Path, disk: Path):
    project = tiny(tmp_path / "project", sweep(grid={"width": [2]}))
    for name in ("results", "reports"):
        (disk / name).mkdir()
        (project.folder / name).symlink_to(disk / name)
    states = disk / "results/.state"
    states.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", states], check=True)
    answer = project.snakemake(overlay={})
    subprocess.run(["umount", states], check=True)
    assert answer.returncode == 1
    assert "may not be changed or read (Read-only file system): give this user the right to" in answer.stdout
    for target in ("train_all", "all"):
        filler = fill(disk, free=4_096)
        answer = project.snakemake(target, overlay={})
        filler.unlink()
        assert answer.returncode == 1
        assert "the disk is full" in answer.stdout
        assert not half_written(disk)
        answer = project.snakemake(target, overlay={})
        assert answer.returncode == 0, answer.stdout


def test_what_is_promised_is_tested():
    text = (ROOT / "docs/reliability.md").read_text()
    promised = set(re.findall(r"`(\w+/test_\w+)\.py::(test_\w+)`", text))
    assert len(promised) > 15
    for module, name in promised:
        tree = ast.parse((ROOT / f"tests/{module}.py").read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{module}.py::{name}"


def test_a_report_that_was_made_with_other_parameters_is_made_again(tmp_path: Path):
    """As `regrade report` makes it, and a run that is stopped."""
    project = tiny(tmp_path)
    page = project.folder / "reports/tiny/index.html"
    assert project.snakemake(overlay={}).returncode == 0
    for known in (True, False):
        assert "2 of 2 trained" in page.read_text()
        assert project.regrade("report", overlay=sweep(grid={"width": [7]})).returncode == 0
        assert "0 of 1 trained" in page.read_text()
        if not known:
            shutil.rmtree(project.folder / ".snakemake")
        answer = project.snakemake(overlay={})
        assert answer.returncode == 0 and "rule train" not in answer.stdout
        assert "2 of 2 trained" in page.read_text()
        assert "Nothing to be done" in project.snakemake(options=("-n",), overlay={}).stdout
