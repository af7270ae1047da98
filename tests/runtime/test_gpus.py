"""Jobs on one machine get distinct GPUs, or shares of one; tried with processes, without any GPU."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from regrade.runtime import gpus
from support.project import ROOT

# Takes a share, says which GPU it sees, and keeps it until its standard input is closed
JOB = """
import os, sys
from pathlib import Path
from regrade.runtime import gpus
gpus.count = lambda: int(sys.argv[3])
with gpus.one(int(sys.argv[1]), Path(sys.argv[2])):
    print("sees", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


class Job:
    """A process with a share of a GPU of a machine with these GPUs."""

    def __init__(self, folder: Path, visible: str, jobs_per_gpu: int, slurm: str | None = None):
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts"), "CUDA_VISIBLE_DEVICES": visible}
        environment |= {gpus.JOB: slurm} if slurm else {}
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(jobs_per_gpu), str(folder), str(visible.count(",") + 1)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self) -> str:
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


def test_jobs_get_distinct_gpus_and_the_next_waits_for_a_free_one(tmp_path: Path):
    jobs = [Job(tmp_path, "0,1,GPU-5a/x", 1) for _ in range(3)]
    try:
        assert {job.says() for job in jobs} == {"sees 0", "sees 1", "sees GPU-5a/x"}
        late = Job(tmp_path, "0,1,GPU-5a/x", 1)
        jobs.append(late)
        assert late.says() == "Waiting for a GPU: all shares of 0, 1, GPU-5a/x are taken"
        second = jobs[1]
        second.process.send_signal(signal.SIGKILL)  # a killed job gives its share back, too
        second.process.wait()
        assert late.says().startswith("sees ")
    finally:
        for job in jobs:
            job.process.kill()
            job.process.wait()


def test_shares_of_a_gpu_are_given_when_every_gpu_has_a_job(tmp_path: Path):
    jobs = []
    for _ in range(4):
        jobs.append(Job(tmp_path, "0,1", 2))
        jobs[-1].seen = jobs[-1].says()
    assert {job.seen for job in jobs[:2]} == {job.seen for job in jobs[2:]} == {"sees 0", "sees 1"}
    for job in jobs:
        job.end()


def test_jobs_of_a_cluster_have_gpus_of_their_own_whatever_these_are_called(tmp_path: Path):
    jobs = [Job(tmp_path, "0", 1, slurm) for slurm in ("11", "12")]
    assert [job.says() for job in jobs] == ["sees 0"] * 2
    # Two processes in one allocation share its GPU as on any machine
    other = Job(tmp_path, "0", 1, "12")
    assert other.says() == "Waiting for a GPU: all shares of 0 are taken"
    jobs[1].end()
    assert other.says() == "sees 0"
    for job in (jobs[0], other):
        job.end()


def test_names_of_gpus_that_cuda_does_not_find_are_none(monkeypatch):
    for names, number, known in (("-1", 0, []), ("0", 0, []), ("2,3,-1,4", 2, ["2", "3"]), ("", 0, [])):
        monkeypatch.setenv(gpus.VISIBLE, names)
        monkeypatch.setattr(gpus, "count", lambda number=number: number)
        assert gpus.visible() == known
    monkeypatch.delenv(gpus.VISIBLE)
    monkeypatch.setattr(gpus, "count", lambda: 2)
    assert gpus.visible() == ["0", "1"]


def test_a_process_sees_its_own_gpus_again_and_none_where_there_are_none(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(gpus, "count", lambda: 2)
    monkeypatch.setenv(gpus.VISIBLE, "3,4")
    with gpus.one(1, tmp_path) as name:
        assert os.environ[gpus.VISIBLE] == name == "3"
    assert os.environ[gpus.VISIBLE] == "3,4"
    monkeypatch.setattr(gpus, "count", lambda: 0)
    monkeypatch.setenv(gpus.VISIBLE, "")
    with gpus.one(1, tmp_path) as name:
        assert name is None
