"""A study with a network of the user's own, through Snakemake: what is trained when, and whose code runs where."""

import json
import re
import shutil
from pathlib import Path

import pytest
from regrade.core.files import read_json, write_json
from support.project import Project
from support.tiny import STUDY, tiny

# Every import leaves a line
NETS = '''
import os
import sys

import torch

from .blocks import Block

with open(os.environ["HOME"] + "/imported", "a") as file:
    file.write(" ".join(sys.argv) + "\\n")


class Net(torch.nn.Module):
    """Two layers."""

    def __init__(self, width: int, rate: float = 0.5):
        super().__init__()
        self.block, self.last = Block(2, width, rate), torch.nn.Linear(width, 2)

    def forward(self, x):
        return self.last(self.block(x))
'''
BLOCKS = """
import torch


class Block(torch.nn.Sequential):
    def __init__(self, inputs, width, rate):
        super().__init__(torch.nn.Linear(inputs, width), torch.nn.BatchNorm1d(width), torch.nn.ReLU(), torch.nn.Dropout(rate))
"""
OWN = {"module": {"import": "my_package.nets:Net", "width": "$width"}}
STUDY_WITH_OWN = {
    "studies": {
        STUDY: {
            "networks": {"own": [OWN]},
            "experiments": {
                "sweep": {"grid": {"width": [2]}},
                "mine": {"title": "Own", "like": "sweep", "settings": {"network": "own"}, "grid": {"width": [2, 3]}},
            },
        }
    }
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The smallest study, with an experiment on a network of a package in the project's folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "project"
    folder.mkdir()
    project = tiny(folder, STUDY_WITH_OWN)
    write(project, nets=NETS, blocks=BLOCKS)
    return project


def write(project: Project, **modules: str) -> None:
    package = project.folder / "my_package"
    package.mkdir(exist_ok=True)
    for name, source in modules.items():
        (package / f"{name}.py").write_text(source)


def imports(project: Project) -> int:
    path = project.folder.parent / "imported"
    return len(path.read_text().splitlines()) if path.exists() else 0


def trained(project: Project, overlay: dict | None = None, options: tuple = ()) -> list[str]:
    """The experiments of the cells that Snakemake trains now, or with the option -n would train."""
    answer = project.snakemake("train_all", options=options, overlay=overlay or {})
    assert answer.returncode == 0, answer.stdout
    return sorted(re.findall(r"log: logs/results/tiny/(\w+)/\S+\.log", answer.stdout))


def test_only_what_changes_its_meaning_retrains_it_and_only_training_imports_it(project: Project):
    assert trained(project) == ["mine", "mine", "sweep"]
    assert imports(project) == 2
    records = [read_json(path) for path in project.find("results/tiny/mine/*/run.json")]
    assert [record["configuration"]["network"] for record in records] == [
        [{"kind": "module", "import": "my_package.nets:Net", "width": width}] for width in (2, 3)
    ]
    # 2·w + w of the first layer, 2·w of the normalisation, 2·w + 2 of the last
    assert [record["runs"][0]["parameters_by_layer"] for record in records] == [{"module1": 7 * w + 2} for w in (2, 3)]
    # A comment, a docstring, and a module that is not imported
    write(project, nets=NETS.replace("Two layers.", "Another text.") + "# a comment\n", other="print(1)\n")
    assert trained(project) == []
    # What it imports, and itself
    write(project, blocks=BLOCKS.replace("ReLU", "Tanh"))
    assert trained(project, options=("-n",)) == ["mine", "mine"]
    write(project, blocks=BLOCKS, nets=NETS.replace("rate: float = 0.5", "rate: float = 0.25"))
    assert trained(project) == ["mine", "mine"]
    assert imports(project) == 4
    # Plans, lists and reports run nothing of it
    page = f"reports/{STUDY}/index.html"
    for command in (
        ("snakemake", "-n", "--forceall"),
        ("python", "-m", "regrade", "cells"),
        ("python", "-m", "regrade", "report"),
        ("snakemake", "--cores", "2", "--forcerun", "collect", "grade", "report", "--", page, f"models/{STUDY}"),
    ):
        answer = project.run(*command)
        assert answer.returncode == 0, answer.stdout
    assert imports(project) == 4


def test_a_model_is_scored_again_by_the_code_that_params_yaml_names_only(project: Project, tmp_path: Path):
    one = {"mine": {"grid": {"width": [2]}}}
    assert trained(project, {"studies": {STUDY: {"experiments": one}}}) == ["mine", "sweep"]
    (folder,) = project.find("results/tiny/mine/*")
    elsewhere = project.folder / "from-elsewhere"
    shutil.copytree(folder, elsewhere)
    paths = [str(path.relative_to(project.folder)) for path in (folder, elsewhere)]
    answer = project.run("python", "-m", "regrade", "model", *paths)
    assert answer.returncode == 0 and answer.stdout.count("as stored") == 2, answer.stdout
    before = imports(project)
    (project.folder / "attack.py").write_text("open('pwned', 'w')\n")
    record = read_json(elsewhere / "run.json")
    for change in ({"import": "attack:Net"}, {"rate": "a/path"}):
        changed = json.loads(json.dumps(record))
        changed["configuration"]["network"][0] |= change
        write_json(elsewhere / "run.json", changed)
        answer = project.run("python", "-m", "regrade", "model", "from-elsewhere")
        assert answer.returncode == 1 and "which no network of params.yaml is made of" in answer.stdout, answer.stdout
        assert "Traceback" not in answer.stdout
    assert imports(project) == before and not (project.folder / "pwned").exists()


def test_what_only_the_job_can_tell_is_said_there_with_a_traceback_in_its_log(project: Project):
    write(project, nets=NETS.replace("self.last(self.block(x))", "self.last(x[:, :1])"))
    answer = project.snakemake("train_all", options=("--keep-going",), overlay={})
    assert answer.returncode == 1
    said = ": its forward pass raises RuntimeError: mat1 and mat2 shapes cannot be multiplied"
    assert all(
        f"Error: params.yaml: module: {{import: my_package.nets:Net, width: {width}}}{said}" in answer.stdout
        for width in (2, 3)
    ), answer.stdout
    (log, _) = project.find("logs/results/tiny/mine/*.log")
    assert "return self.last(x[:, :1])" in log.read_text() and said in log.read_text()
    assert len(project.find("results/tiny/sweep/*/run.json")) == 1 and not project.find("results/tiny/mine/*/run.json")
    assert "its forward pass raises" in (project.folder / "reports/tiny/index.html").read_text()
