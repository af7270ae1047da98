"""Files that Snakemake is asked for and that no rule can make: one sentence, before any job is planned."""

from pathlib import Path

import pytest
import yaml
from support.project import Project
from support.tiny import PARAMS, STUDY, tiny

NO_STUDY = "params.yaml has no study 'mine'; it has tiny; correct the name, or give the overlay that has the study"
TARGETS = {
    "reports/mine/index.html": NO_STUDY,
    "models/mine": NO_STUDY,
    "results/tiny/sweep/width=7/run.json": "is of no cell of params.yaml; `regrade cells` lists them",
    "data/raw/nope/x": "data/raw/nope/x is no file of params.yaml; give its address",
    "./data/prepared/moons/real-00000000": "real-00000000 is not asked for by params.yaml",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = tiny(tmp_path_factory.mktemp("project"))
    (made.folder / "mine.yaml").write_text(yaml.safe_dump({"studies": {"mine": PARAMS["studies"][STUDY]}}))
    return made


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_parameters_do_not_have_is_one_sentence(project: Project, target: str):
    answer = project.run("snakemake", "-n", target)
    assert answer.returncode == 1
    assert TARGETS[target] in answer.stdout
    assert "Traceback" not in answer.stdout and "Exception" not in answer.stdout


def test_what_they_have_is_planned(project: Project):
    targets = ("reports/index.html", "reports/mine/index.html", "train_mine")
    answer = project.run("snakemake", "-n", "--configfile", "mine.yaml", "--", *targets)
    assert answer.returncode == 0, answer.stdout
    assert Path(project.folder / "reports").exists() is False


def test_mistakes_are_said_of_the_overlay_that_has_them(project: Project):
    (project.folder / "wrong.yaml").write_text("studies: {tiny: {experiments: {sweep: {settings: {lr: -1}}}}}\n")
    for command in (("snakemake", "-n"), ("regrade", "cells")):
        answer = project.run(*command, "--configfile", "mine.yaml", "wrong.yaml", "--config", "threads=1")
        assert answer.returncode == 1
        assert "wrong.yaml: studies.tiny.experiments.sweep.settings.lr: -1 should be greater than 0" in answer.stdout
    answer = project.run("regrade", "cells", "--configfile", "mine.yaml", "--config", "threads=0")
    assert "--config: threads: 0 should be greater than 0" in answer.stdout
