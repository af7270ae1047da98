"""The stages of dvc.yaml over a small version of the workflow, and moving what they made to another clone."""

import json
import logging
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pandas as pd
import pytest
import yaml
from moto.server import ThreadedMotoServer
from regrade.cells import layout
from regrade.config import params
from regrade.core.files import read_json
from regrade.reporting.exports import dvc_pipeline
from support.project import ROOT, Project
from support.tiny import FOLLOWING, STUDY, tiny

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
CONFIG = yaml.safe_load((ROOT / "params.yaml").read_text())
# Five cells of two studies, one of which follows the winner of two others
STUDIES = (STUDY, "palindromes")
DATASETS = ("moons", "palindromes")
RECALL = {
    "dataset": "palindromes",
    "train_rows": 64,
    "network": "recurrent",
    "optimizer": "adam",
    "lr": 0.01,
    "batch_size": 16,
    "epochs": 2,
}
PALINDROMES = {
    "title": "Memory",
    "source": "Nobody's report",
    "conventions": "torch",
    "networks": {"recurrent": [{"recurrent": {"cell": "$rnn_cell", "units": 4}}, {"dense": {"units": "classes"}}]},
    "experiments": {
        name: {"title": name, "settings": RECALL | {"sequence_length": length}, "grid": {"rnn_cell": [cell]}}
        for name, length, cell in (("of_four", 3, "gru"), ("of_six", 5, "lstm"))
    },
}
CHANGES = {
    "more_seeds": [],
    "datasets": {"palindromes": {"options": {"test_draws": 50}}},
    "studies": {STUDY: {"experiments": {"following": FOLLOWING}}, "palindromes": PALINDROMES},
}


def small(folder: Path) -> Project:
    """A git repository with the workflow and these studies."""
    project = tiny(folder, CHANGES)
    layout = folder / "workflow/studies/palindromes/report.md.j2"
    layout.parent.mkdir()
    layout.write_text("A page without tables and figures\n")
    run(project, sys.executable, "-m", "regrade", "dvc")
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
    run(project, "git", "init", "--quiet", "--initial-branch", "main")
    run(project, "git", "config", "user.name", "Test")
    run(project, "git", "config", "user.email", "test@example.org")
    commit(project)
    return project


def run(project: Project, *command: str) -> str:
    """What a command prints; it must succeed."""
    answer = project.run(*command)
    assert answer.returncode == 0, answer.stdout
    return answer.stdout


def commit(project: Project) -> None:
    run(project, "git", "add", "--all")
    run(project, "git", "commit", "--quiet", "--message", "A step")


def stages(output: str) -> tuple[set[str], set[str]]:
    """The stages that ran and those that were skipped."""
    return set(re.findall(r"Running stage '(.+)'", output)), set(re.findall(r"Stage '(.+)' didn't change", output))


def jobs(output: str) -> dict[str, int]:
    """Jobs of each rule that Snakemake ran or planned."""
    assert "Job stats:" in output, output
    table = output.split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What DVC finds outside of the repository: a site cache of its own, and a bucket on this machine; its address."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else it tells of every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("site")))
        patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
            patch.setenv(f"AWS_{name}", value)
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket="results")
        yield address
    server.stop()


@pytest.fixture(scope="module")
def reproduced(environment: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A repository in which `dvc repro` has run, and what it printed. Tests must leave it as it is."""
    project = small(tmp_path_factory.mktemp("reproduced"))
    return project, run(project, "dvc", "repro")


@dataclass(frozen=True)
class Changed:
    """After an experiment: what it printed; the commit and the dates of the results before it."""

    project: Project
    output: str
    commit: str
    before: dict[Path, int]


@pytest.fixture(scope="module")
def changed(reproduced: tuple[Project, str]) -> Changed:
    """The same after an experiment with one hyperparameter changed."""
    project, _ = reproduced
    commit(project)
    before = {path: path.stat().st_mtime_ns for path in project.find("results/*/*/*/*")}
    rate = "studies.tiny.experiments.following.settings.lr=0.0001"
    output = run(project, "dvc", "exp", "run", "--set-param", rate)
    return Changed(project, output, run(project, "git", "rev-parse", "HEAD").strip(), before)


@pytest.fixture(scope="module")
def pulled(changed: Changed, environment: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone into which the results have come through a bucket."""
    origin, here = changed.project, Project(tmp_path_factory.mktemp("clone") / "here")
    run(origin, "dvc", "remote", "add", "--default", "bucket", "s3://results/regrade")
    run(origin, "dvc", "remote", "modify", "bucket", "endpointurl", environment)
    commit(origin)
    run(origin, "dvc", "push")
    run(origin, "git", "clone", "--quiet", str(origin.folder), str(here.folder))
    for key in ("user.name", "user.email"):
        run(here, "git", "config", key, "test@example.org")
    assert not here.find("results*")
    run(here, "dvc", "pull")
    return here


def test_every_stage_runs_once_and_is_then_up_to_date(reproduced: tuple[Project, str]):
    project, output = reproduced
    prepared = {f"prepare@{name}" for name in DATASETS}
    assert stages(output) == ({"fetch", "report", *prepared, *(f"train_{study}" for study in STUDIES)}, set())
    assert "Data and pipelines are up to date." in run(project, "dvc", "status")
    assert len(project.find("results/*/*/*/run.json")) == 5
    assert (project.folder / "reports/index.html").exists()


def test_metrics_and_plots_are_of_the_cells(reproduced: tuple[Project, str]):
    project, _ = reproduced
    shown = json.loads(run(project, "dvc", "metrics", "show", "--json"))[""]["data"]
    assert {path.split("/")[1] for path in shown} == set(STUDIES)
    found = shown["reports/tiny/metrics.json"]["data"]["cells"]["sweep"]["width=2"]
    (folder,) = project.find("results/tiny/sweep/width=2-*")
    history = pd.read_parquet(folder / "history.parquet").groupby("seed")["test_accuracy"]
    assert found["test_accuracy_best_epoch"] == pytest.approx(history.max().mean())
    assert found["test_accuracy_last_epoch"] == pytest.approx(history.last().mean())

    plots = json.loads(run(project, "dvc", "plots", "show", "--json"))["data"]
    points = pd.DataFrame(plots["tiny, learning curves"][0]["content"]["data"]["values"])
    mine = points[points["cell"] == "width=2"]
    means = pd.read_parquet(folder / "history.parquet").groupby("epoch")["test_accuracy"].mean()
    assert mine["accuracy"].astype(float).tolist() == pytest.approx(means.tolist())
    run(project, "git", "check-ignore", "dvc_plots/index.html")
    bars = pd.DataFrame(plots["palindromes, cells"][0]["content"]["data"]["values"])
    assert bars["experiment"].tolist() == ["of_four", "of_six"]


def test_the_best_model_of_each_experiment_has_a_name_that_stays(reproduced: tuple[Project, str]):
    project, _ = reproduced
    shown = read_json(project.folder / "reports/tiny/metrics.json")["cells"]
    for experiment, of_cells in shown.items():
        record = read_json(project.folder / f"models/tiny/{experiment}.json")
        best = max(each["test_accuracy_last_epoch"] for each in of_cells.values())
        assert of_cells[layout.label(record["varying"], layout.AND) or "only"]["test_accuracy_last_epoch"] == best
        kept = project.folder / "results/tiny" / experiment / record["cell"] / "model.safetensors"
        assert (project.folder / f"models/tiny/{experiment}.safetensors").read_bytes() == kept.read_bytes()


def test_one_changed_hyperparameter_runs_its_study_only_and_there_the_new_cell(changed: Changed):
    project = changed.project
    ran, skipped = stages(changed.output)
    assert ran == {"train_tiny", "report"}
    assert {"fetch", "train_palindromes", *(f"prepare@{name}" for name in DATASETS)} <= skipped
    assert {path: path.stat().st_mtime_ns for path in changed.before} == changed.before
    assert len(project.find("results/tiny/following/*/run.json")) == 2
    assert re.search(r"following\.settings\.lr +0\.2 +0\.0001\b", run(project, "dvc", "params", "diff", changed.commit))
    differs = run(project, "dvc", "metrics", "diff", changed.commit)
    assert re.search(r"tiny/metrics.json +cells\.following\.only\.test_accuracy", differs), differs


def test_a_tagged_model_is_got_by_its_name(pulled: Project, tmp_path: Path):
    name = "palindromes-of-six"
    run(pulled, "git", "tag", "--annotate", f"{name}@v1.0.0", "--message", "First")
    run(Project(tmp_path), "dvc", "artifacts", "get", str(pulled.folder), name)
    got, kept = tmp_path / "of_six.safetensors", pulled.folder / "models/palindromes/of_six.safetensors"
    assert got.read_bytes() == kept.read_bytes()


def test_after_a_pull_nothing_is_to_be_done(pulled: Project):
    for path in pulled.find("results/**/*.*"):
        path.touch()  # the worst order that files can come in
    assert "Nothing to be done" in run(pulled, "snakemake", "-n")


def test_reports_are_made_again_of_pulled_results_without_training(pulled: Project, tmp_path: Path):
    here = copied(pulled, tmp_path)
    shutil.rmtree(here.folder / "data")
    made = jobs(run(here, "snakemake", "--", "prepare_all"))
    assert made == {"prepare": 3, "prepare_all": 1}
    assert "Nothing to be done" in run(here, "snakemake", "-n")
    shutil.rmtree(here.folder / "reports")
    made = jobs(run(here, "snakemake"))
    of_studies = dict.fromkeys(("collect", "grade", "audit", "report", "best_models"), 2)
    assert made == of_studies | {"assets": 1, "front_page": 1, "crate": 1, "all": 1}
    assert "Nothing to be done" in run(here, "snakemake", "-n")
    for path in pulled.find("reports/*/metrics.json"):
        assert (here.folder / path.relative_to(pulled.folder)).read_bytes() == path.read_bytes()


def test_a_pulled_cell_that_is_trained_again_makes_its_report_again(pulled: Project, tmp_path: Path):
    here = copied(pulled, tmp_path)
    (folder,) = here.find("results/tiny/sweep/width=2-*")
    shutil.rmtree(folder)
    rules = ("collect", "grade", "report", "best_models", "select_winner", "front_page", "crate", "all")
    after = dict.fromkeys(rules, 1)
    assert jobs(run(here, "snakemake", "-n")) == {"train": 1} | after
    # As if it had been stopped between training and the report
    run(here, "snakemake", "--", str(folder.relative_to(here.folder) / "run.json"))
    assert jobs(run(here, "snakemake", "-n")) == after


def test_a_change_of_code_in_a_queued_experiment_trains_by_it(pulled: Project, tmp_path: Path):
    """In its copy of the repository DVC has the results, but Snakemake has no record of how they were made."""
    here = copied(pulled, tmp_path)
    layer = here.folder / "workflow/scripts/regrade/models/recurrent/gru.py"
    layer.write_text(layer.read_text() + "\nMEANING = 1\n")
    run(here, "dvc", "exp", "run", "--queue", "--name", "code")
    run(here, "dvc", "exp", "run", "--run-all")
    log = run(here, "dvc", "queue", "logs", "code")
    assert len(re.findall(r"Finished jobid: \d+ \(Rule: train\)", log)) == 2, log
    run(here, "dvc", "exp", "apply", "code")
    before, after = (
        {path.parent.name: read_json(path)["code"] for path in project.find("results/*/*/*/run.json")}
        for project in (pulled, here)
    )
    assert before.keys() == after.keys()
    trained = {name for name in before if before[name] != after[name]}
    assert len(trained) == 2 and all(re.search("gru|lstm", name) for name in trained)
    assert "Nothing to be done" in run(here, "snakemake", "-n")


def copied(project: Project, folder: Path) -> Project:
    """A copy of a working copy, files with their dates."""
    shutil.copytree(project.folder, folder / "copy", copy_function=shutil.copy2)
    return Project(folder / "copy")


def test_the_pipeline_is_what_the_parameters_ask_for():
    assert dvc_pipeline.pipeline(params.parse(CONFIG)) == PIPELINE, "run: regrade dvc"


def test_a_key_that_a_stage_names_has_to_be_there(tmp_path: Path):
    answer = tiny(tmp_path).run(sys.executable, "-m", "regrade", "dvc")
    assert answer.returncode == 1
    assert answer.stdout == "Error: params.yaml: more_seeds: DVC follows only keys that are there; add more_seeds: []\n"
    assert not (tmp_path / "dvc.yaml").exists()


def test_a_stage_knows_all_that_decides_how_its_dataset_is_prepared():
    stages = PIPELINE["stages"]
    assert "studies.ce4042.experiments.b6_recurrent" in stages["prepare"]["foreach"]["dbpedia"].values()
    assert "datasets.mnist" in stages["prepare"]["foreach"]["tiny_mnist"].values()
    # Word vectors depend on how many rows are trained on
    assert "studies.csci5622.experiments.q3_pretrained" in stages["prepare"]["foreach"]["imdb"].values()
    assert "scales.${scale}" in stages["prepare"]["do"]["params"]
    assert {"reference", "results", "workflow/scripts/regrade/bundle"} < {*stages["report"]["deps"]}
    assert {f"data/prepared/{name}" for name in ("imdb", "ndfa", "brackets")} < {*stages["train_vudl"]["deps"]}
    assert "workflow/studies/vudl/measure.py" in stages["train_vudl"]["deps"]
