"""regrade cost, and what training jobs ask a cluster for, through the front doors."""

import re
from pathlib import Path

from support.calibrated import calibrated
from support.project import Project
from support.tiny import STUDY, tiny

OWN = {"networks": {"own": [{"module": {"import": "my_nets:Net"}}]}}
MINE = {
    "title": "A network of one's own",
    "settings": {"dataset": "moons", "network": "own", "optimizer": "sgd", "lr": 0.1, "batch_size": 8, "epochs": 2},
}
NET = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x):
        return self.linear(x)
"""
REAL = {
    "scales": {"small": {"data": "real"}},
    "datasets": {"moons": {"expected": {"train_rows": 80, "test_rows": 20}}},
}


def cost(project: Project, *options: str) -> str:
    answer = project.regrade("cost", *options, overlay={})
    assert "Traceback" not in answer.stdout
    return answer.stdout


def asked(project: Project) -> dict[str, tuple[int, int]]:
    """Minutes and megabytes that training jobs ask for in a dry run, by the cell of the first output."""
    answer = project.snakemake("train_all", options=("-n",), overlay={})
    assert answer.returncode == 0, answer.stdout
    jobs = re.findall(r"output: results/\w+/(\S+)-\w+/history.*?resources: (.*?)\n", answer.stdout, re.S)
    numbers = {name: dict(re.findall(r"(\w+)=(\d+)", resources)) for name, resources in jobs}
    return {name: (int(of["runtime"]), int(of["mem_mb"])) for name, of in numbers.items()}


def test_before_and_after_training(tmp_path: Path):
    mine = MINE | {"grid": {"momentum": [0, 0.9]}}
    project = tiny(tmp_path, REAL, {"studies": {STUDY: {**OWN, "experiments": {"mine": mine}}}})
    (project.folder / "my_nets.py").write_text(NET)
    calibrated(project)
    text = cost(project, "--cores", "2")
    # Two epochs of ten steps and an evaluation, for both seeds at once
    assert (
        "scale small: 4 cells, 1 h 13 min and more of CPU time; 37 min and more with 2 jobs at once; 0.3 GB of memory"
        in text
    )
    assert re.search(r"^  sweep +2 +1 h 13 min +1 h 13 min +0.3 GB +0 MB +2 from operations *$", text, re.M)
    assert re.search(r"^  mine +2 +not known +not known +not known +0 MB +2 not known *$", text, re.M)
    assert "Not known: module: what a network of your own computes" in text and "Of what was trained" not in text

    # Twice the time and the two seconds before it; as little memory as any job
    jobs = asked(project)
    assert jobs["sweep/width=2"] == (74, 1500) and jobs["mine/momentum=0"] == (240, 4000)

    answer = project.snakemake("train_all", overlay={"cells_per_job": 2})
    assert answer.returncode == 0, answer.stdout
    text = cost(project)
    assert re.search(r"^scale small: 4 cells, \d+ s of CPU time; all done$", text, re.M)
    assert re.search(r"^  mine +2 +\d+ s +0.\d GB +0 MB +2 measured *$", text, re.M)
    # What was forecast before, although the cells' own times are known by now
    assert re.search(r"time, forecast from operations: 0\.00 \(median of 2 cells\), 0\.00 to 0\.00 in", text)
    assert re.search(r"time, forecast from cells like them: \d\.\d\d \(median of 4 cells\)", text)


def test_mistakes_are_one_sentence(tmp_path: Path):
    project = tiny(tmp_path, REAL)
    file = calibrated(project)
    assert "--cores is 0; give the number of cores" in cost(project, "--cores", "0")
    assert "--config: forecast.time_margin: 0.5 " in cost(project, "--config", "forecast={time_margin: 0.5}")
    file.write_text(file.read_text().replace("100.0", "1.0"))
    assert f"{file.relative_to(project.folder)} is damaged (" in cost(project)
    answer = project.snakemake("train_all", options=("-n",), overlay={})
    assert answer.returncode == 1 and "is damaged (it does not match its own checksum): delete it" in answer.stdout
    # Another process calibrates
    file.unlink()
    file.mkdir()
    said = cost(project, "--calibrate").splitlines()
    assert said[-2].startswith("Error: ") and "is a folder, but has to be a file: move it away" in said[-2]
    assert said[-1].startswith("Error: this machine is not calibrated, for the reason above (exit status 1)")
