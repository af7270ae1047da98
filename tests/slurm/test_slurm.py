"""The workflow on a real SLURM: `make test-slurm`. The GPU is not a real one, so cells that ask for it use the CPU."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from cluster import Cluster
from regrade.core.files import read_json
from support.project import Project, copy_workflow, merged
from support.winnable import winnable

SMALL = {
    "scale": "small",
    "seeds": [0],
    "device": "cpu",
    "audit_worlds": 2,
    "cells_per_job": 2,
    "checkpoint_seconds": 0,
    "scales": {"small": {"data": "stand_in", "at_most": {"epochs": 2, "train_rows": 96, "test_rows": 50}}},
}
# One cell that takes a while, in epochs enough to be stopped between two of them
LONG = merged(SMALL, {"scales": {"small": {"at_most": {"epochs": 60}}}})
# What the profile leaves to the user, and what only a SLURM without accounting needs
SETTINGS = {
    "set-resources": {"train": {"slurm_partition": "gpu"}},
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 1,
    "slurm-no-account": True,
    "latency-wait": 10,
}

# Snakemake, which asks SLURM for news every second: as it is, each time that no job has ended it waits ten seconds longer
SNAKEMAKE = """
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor
Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)
main()
"""

# Ended with the cluster, if a test fails before they end by themselves
STARTED: list[subprocess.Popen] = []


class Users(Project):
    """A project whose Snakemake submits to the cluster."""

    cluster: Cluster

    @property
    def environment(self) -> dict[str, str]:
        theirs = self.cluster.environment
        path = f"{self.cluster.folder}/bin:{super().environment['PATH']}"
        return super().environment | {"SLURM_CONF": theirs["SLURM_CONF"], "PATH": path}

    def submit(self, *targets: str, overlay: dict = SMALL, settings: dict = SETTINGS) -> subprocess.Popen:
        """Start Snakemake with the profile for SLURM, in a process group of its own."""
        shipped = yaml.safe_load((self.folder / "profiles/slurm/config.yaml").read_text())
        profile = self.folder / "profile"
        profile.mkdir(exist_ok=True)
        (profile / "config.yaml").write_text(yaml.safe_dump(merged(shipped, settings)))
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", SNAKEMAKE, "--workflow-profile", "profile"),
                *("--configfile", self.overlay(overlay), "--", *targets),
            ],
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        STARTED.append(process)
        return process

    def training(self) -> list[int]:
        """The processes that train this project's cells."""
        pattern = rf"{self.folder}/\.snakemake/scripts/.*train\.py"
        found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout
        return [int(pid) for pid in found.split()]

    def jobs(self) -> list[dict[str, str]]:
        """The training jobs of this project, in the order of their submission."""
        return [job for job in self.cluster.jobs() if job["WorkDir"] == str(self.folder) and job["Partition"] == "gpu"]


def until(holds: Callable[[], object], seconds: float = 240) -> object:
    """What `holds` returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return value


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        for process in STARTED:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        cluster.stop()


@pytest.fixture(scope="module")
def prepared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Users]:
    """Makes projects whose data are prepared."""
    first = copy_workflow(tmp_path_factory.mktemp("prepared"), ("ce4042",))
    answer = first.snakemake("prepare_all", overlay=LONG)
    assert answer.returncode == 0, answer.stdout

    def make(name: str) -> Users:
        project = Users(tmp_path_factory.mktemp(name))
        project.cluster = cluster
        shutil.copytree(first.folder, project.folder, dirs_exist_ok=True, symlinks=True)
        return project

    return make


def long_cell(project: Users) -> Path:
    """The folder of the first cell."""
    return Path(project.regrade("cells", overlay=LONG).stdout.split()[1])


def begun(project: Users) -> int:
    """The process of the training job, once it has saved a state."""
    until(lambda: project.find("results/.state/*/seed=*.state"))
    (pid,) = project.training()
    return pid


def finish(process: subprocess.Popen, seconds: float = 900) -> str:
    """What Snakemake has printed when it has done all."""
    printed = process.communicate(timeout=seconds)[0]
    assert process.returncode == 0, printed
    return printed


def run_of(project: Users, folder: Path) -> dict:
    (run,) = read_json(project.folder / folder / "run.json")["runs"]
    assert run["epochs"] == 60
    return run


@pytest.fixture(scope="module", autouse=True)
def over_time(prepared) -> tuple[Users, Path, subprocess.Popen]:
    """A job that hangs. Its limit is a minute, the shortest there is, and the other tests run meanwhile."""
    project = prepared("over_time")
    folder = long_cell(project)
    settings = merged(SETTINGS, {"set-resources": {"train": {"runtime": "1 if attempt == 1 else 60"}}})
    process = project.submit(f"{folder}/run.json", overlay=LONG, settings=settings)
    os.kill(begun(project), signal.SIGSTOP)
    return project, folder, process


def test_where_there_is_a_gpu_must_be_said(prepared):
    project = prepared("auto")
    process = project.submit("train_all", overlay=merged(SMALL, {"device": "auto"}))
    assert "device: auto asks this machine for a GPU, but jobs run on others" in process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert not project.jobs()


def test_rounds_of_settle_submit_their_jobs(cluster: Cluster, tmp_path: Path):
    winnable(tmp_path)
    project = Users(tmp_path)
    project.cluster = cluster
    assert "claims with a verdict" in finish(project.submit("settle", overlay={}))
    (only,) = read_json(tmp_path / "reports/settle.json")["rounds"]
    assert (only["before"], only["after"]) == ([], ["tiny true"])
    # A batch of three cells, then the two that get seeds
    assert len(project.jobs()) == 2


def test_a_small_run_of_two_studies_goes_through_to_the_report(cluster: Cluster, tmp_path: Path):
    project = Users(tmp_path)
    project.cluster = cluster
    copy_workflow(tmp_path, ("comp576", "cs324"))
    config = yaml.safe_load((tmp_path / "params.yaml").read_text())
    # Under names of their own, since a report knows which experiments its source has
    parts = {
        "images": ("comp576", "cnn_tuning", {"lr": [0.001, 0.01], "optimizer": ["adam", "adagrad"], "epochs": [10]}),
        "numbers": ("cs324", "p3_palindromes", {"sequence_length": [5], "lr": [0.01, 0.001, 0.1]}),
    }
    config["studies"] = {
        name: config["studies"][study]
        | {"experiments": {experiment: config["studies"][study]["experiments"][experiment] | {"grid": grid}}}
        for name, (study, experiment, grid) in parts.items()
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    finish(project.submit(settings=merged(SETTINGS, {"set-resources": {"train": {"gpu": 1}}})))
    assert project.regrade("cells", overlay=SMALL).stdout.count("done  ") == 7
    for study, count in (("images", 4), ("numbers", 3)):
        assert f"{count} of {count} trained" in (tmp_path / f"reports/{study}/index.html").read_text()
    assert (tmp_path / "reports/index.html").exists()
    jobs = project.jobs()
    assert len(jobs) == 4  # three batches, and a cell by itself, whose name has several settings
    assert all("gpu:1" in job["TresPerJob"] and job["JobName"].startswith("regrade_") for job in jobs)
    times = sorted((job["StartTime"], job["EndTime"]) for job in jobs)
    assert all(end <= start for (_, end), (start, _) in pairwise(times)), "two jobs had the only GPU at a time"


def test_a_cancelled_job_is_tried_again_with_more_and_goes_on(prepared):
    project = prepared("cancelled")
    folder = long_cell(project)
    process = project.submit(f"{folder}/run.json", overlay=LONG)
    begun(project)
    # The next job has the plan of the run
    for name in ("params.yaml", "overlay.yaml"):
        (project.folder / name).write_text("studies: [half a")
    project.cluster.run("scancel", project.jobs()[0]["JobId"])
    finish(process)
    first, second = project.jobs()
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    # The cell is small, so it asks for the least at first
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:15:00", "00:30:00")
    memory, more = (int(job["MinMemoryNode"].removesuffix("M")) for job in (first, second))
    assert more == 2 * memory and memory < 4000
    assert run_of(project, folder)["resumed_at_epoch"] > 0


def test_after_the_main_process_is_killed_nothing_is_trained_twice(prepared):
    project = prepared("orphaned")
    folder = long_cell(project)
    main = project.submit(f"{folder}/run.json", overlay=LONG)
    orphan = begun(project)
    os.kill(orphan, signal.SIGSTOP)  # so that it is there long enough
    os.killpg(main.pid, signal.SIGKILL)
    main.communicate(timeout=60)
    assert project.training() == [orphan]

    answer = project.run("snakemake", "--unlock", "--configfile", "overlay.yaml")
    assert answer.returncode == 0, answer.stdout
    again = project.submit(f"{folder}/run.json", overlay=LONG)
    log = project.folder / f"logs/{folder}.log"
    until(lambda: log.exists() and "waiting for it" in log.read_text())
    os.kill(orphan, signal.SIGCONT)
    finish(again)
    assert "epoch" not in log.read_text(), "the second job trained"
    assert [job["JobState"] for job in project.jobs()] == ["COMPLETED", "COMPLETED"]
    assert run_of(project, folder)["resumed_at_epoch"] == 0


def test_a_job_over_its_time_is_tried_again_with_more_and_goes_on(over_time):
    project, folder, process = over_time
    finish(process)
    first, second = project.jobs()
    assert (first["JobState"], second["JobState"]) == ("TIMEOUT", "COMPLETED")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:01:00", "01:00:00")
    assert run_of(project, folder)["resumed_at_epoch"] > 0
