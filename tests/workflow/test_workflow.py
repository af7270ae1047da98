"""The whole way through Snakemake, and what is left when something goes wrong on it."""

import re
import shutil
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from regrade.cells import expansion
from regrade.config import params
from regrade.core.errors import UserError
from regrade.core.files import read_json
from safetensors import safe_open
from support.project import ROOT, SMALL, Project, merged
from support.tiny import FOLLOWING, STUDY, sweep, tiny

EXPERIMENTS = ["studies", "ce4042", "experiments"]


class Links(HTMLParser):
    """Collects what a page links to and its text."""

    def __init__(self, page: Path):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if key in ("href", "src")]

    def handle_data(self, data):
        self.text += data


def test_every_cell_has_its_files(finished: Project):
    assert len(finished.find("results/ce4042/*/*/run.json")) == 9
    for folder in (path.parent for path in finished.find("results/ce4042/*/*/run.json")):
        history = pd.read_parquet(folder / "history.parquet")
        predictions = pd.read_parquet(folder / "predictions.parquet")
        record = read_json(folder / "run.json")
        assert history.groupby("seed").size().to_dict() == {0: 2, 1: 2}
        assert predictions.groupby("seed").size().to_dict() == {0: 50, 1: 50}
        for run in record["runs"]:
            assert run["status"] == "done"
            assert {"commit", "dirty", "versions", "device", "peak_memory_bytes", "train_seconds"} <= run.keys()
            mine = predictions[predictions["seed"] == run["seed"]]
            rows = history[history["seed"] == run["seed"]]
            assert (mine["last"] == mine["label"]).mean() == pytest.approx(rows["test_accuracy"].iloc[-1])
            assert (mine["best"] == mine["label"]).mean() == pytest.approx(rows["test_accuracy"].max())
        with safe_open(folder / "model.safetensors", framework="np") as model:
            assert {name.split("/")[0] for name in model.keys()} == {"seed=0"}  # noqa: SIM118
    assert not finished.find("**/*.part")


def test_the_selected_filters_are_those_of_the_best_cell(finished: Project):
    (selected,) = finished.find("results/ce4042/a2_filters/selected-*.json")
    choice = read_json(selected)
    means = {
        path.parent.name: pd.read_parquet(path).groupby("seed")["test_accuracy"].max().mean()
        for path in finished.find("results/ce4042/a2_filters/*/history.parquet")
    }
    assert choice["ranking"] == pytest.approx(means)
    assert choice["cell"].split("/")[-1] == max(means, key=means.get)
    for path in finished.find("results/ce4042/a3_optimizers/*/run.json"):
        layers = read_json(path)["configuration"]["network"]
        filters = [layer["filters"] for layer in layers if layer["kind"] == "convolution"]
        assert filters == list(choice["settings"].values())


def test_the_report_is_whole_and_works_without_a_network(finished: Project):
    pages = [finished.folder / "reports/index.html", finished.folder / "reports/ce4042/index.html"]
    for page in pages:
        links = Links(page)
        assert links.found
        for link in links.found:
            assert not link.startswith(("http", "//")), link
            assert (page.parent / unquote(urlsplit(link).path)).exists(), link
    text = Links(pages[1]).text
    for expected in (
        "Reduced run (scale small)",
        "generated stand-in (striped images)",
        "9 of 9 trained",
        "Seeds0, 1",
        "0.5890",
    ):
        assert expected in text
    figures = {path.name for path in finished.find("reports/ce4042/figures/[!.]*")}
    # Two of the four optimizers; of the texts, the word models without dropout and one of the recurrent cells
    numbers = [2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 20, 21, 24, 25, 46, 47]
    grids = ["a2_filters", "b1_b5_models"]
    stems = [
        *(f"{number:02d}" for number in numbers),
        "claims",
        *(f"{kind}-{one}" for kind in ("effects", "shares") for one in grids),
    ]
    assert figures == {f"figure-{stem}.{kind}" for stem in stems for kind in ("svg", "png", "pdf")}
    tables = {path.name for path in finished.find("reports/ce4042/tables/[!.]*")}
    names = ("1", "a1", "a3", "a3-ours", "a4", "2", "2-times", "3", "6", "7")
    of_grids = {f"table-effects-{one}.csv" for one in grids}
    assert tables == {f"table-{name}.{kind}" for name in names for kind in ("csv", "md", "tex")} | of_grids
    table = pd.read_csv(finished.folder / "reports/ce4042/tables/table-a1.csv")
    (history,) = finished.find("results/ce4042/a1_baseline/*/history.parquet")
    assert table["mean"][0] == pytest.approx(pd.read_parquet(history).groupby("seed")["test_accuracy"].max().mean())
    assert table["reported"][0] == 0.589


def test_a_second_run_has_nothing_to_do_and_report_options_work(finished: Project):
    assert "Nothing to be done" in finished.snakemake(options=("-n",)).stdout
    answer = finished.snakemake(options=("--report", "snakemake-report.html"))
    assert answer.returncode == 0, answer.stdout
    assert "figure-06.svg" in (finished.folder / "snakemake-report.html").read_text()
    (finished.folder / "snakemake-report.html").unlink()


def planned(project: Project) -> tuple[dict[str, int], list[str]]:
    """How many jobs of each rule Snakemake would run, and the folders of the cells that it would train."""
    answer = project.snakemake(options=("-n",)).stdout
    assert "Building DAG of jobs" in answer, answer
    table = answer.partition("\njob ")[2].partition("\n\n")[0]
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}
    return jobs, re.findall(r"output: (results/\S+)/history\.parquet", answer)


def test_reruns_follow_what_code_means(finished: Project, tmp_path: Path):
    copy = Project(tmp_path / "copy")
    shutil.copytree(finished.folder, copy.folder, copy_function=shutil.copy2)
    models = copy.folder / "workflow/scripts/regrade/models"
    recurrent, convolutional = models / "recurrent/layer.py", models / "convolutional.py"
    pictures = copy.folder / "workflow/scripts/regrade/reporting/figures/pictures.py"

    # What a reader sees differs: dates of data, comments, docstrings, line breaks
    for path in copy.find("data/prepared/**/tensors.safetensors"):
        path.touch()
    written = recurrent.read_text()
    recurrent.write_text(
        "# a comment\n" + written.replace('"""', '"""Said otherwise: ', 1).replace("(self, ", "(\n self, ")
    )
    assert recurrent.read_text().count("(\n self, ") > 3
    assert planned(copy) == ({}, [])

    # The code of the reports differs: here, what only the study's own figures import
    pictures.write_text(pictures.read_text() + "\nMEANING = 1\n")
    assert planned(copy)[0] == {"report": 1, "front_page": 1, "crate": 1, "all": 1, "total": 4}

    # The code of one family of layers differs
    recurrent.write_text(written + "\nMEANING = 1\n")
    jobs, trained = planned(copy)
    assert jobs["train"] == len(trained) == 2 and "prepare" not in jobs
    assert {re.search("gru|lstm", folder)[0] for folder in trained} == {"gru", "lstm"}
    recurrent.write_text(written)
    convolutional.write_text(convolutional.read_text() + "\nMEANING = 1\n")
    jobs, trained = planned(copy)
    assert jobs["train"] == len(trained) == 6
    assert {folder.split("/")[2] for folder in trained} == {
        *("a1_baseline", "a2_filters", "a3_optimizers", "a3_our_winner")
    }


def test_a_damaged_winner_is_chosen_again(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy = Project(tmp_path / "copy")
    shutil.copytree(finished.folder, copy.folder, copy_function=shutil.copy2)
    (path,) = copy.find("results/ce4042/a2_filters/selected-*.json")
    path.write_text(path.read_text().replace('"filters1": ', '"filters1": 1'))
    config = merged(yaml.safe_load((copy.folder / "params.yaml").read_text()), SMALL)
    cell = next(cell for cell in expansion.expand(params.parse(config)) if cell.selection)
    monkeypatch.chdir(copy.folder)
    with pytest.raises(UserError, match=r"selected-\w+\.json: damaged or missing; what is left of it was deleted"):
        cell.selection.taken_over()
    assert copy.snakemake("train_all").returncode == 0
    for kept in [path, *copy.find("results/ce4042/*/*/history.parquet")]:
        # Those that follow the winner are written again from the states of their runs, not trained
        assert kept.read_bytes() == (finished.folder / kept.relative_to(copy.folder)).read_bytes()


def test_only_jobs_on_a_gpu_ask_for_one(project: Project):
    for device, count in (("cpu", 0), ("cuda", 1)):
        planned = project.snakemake(options=("-n",), overlay=merged(SMALL, {"device": device})).stdout
        assert planned.count("rule train:") == 9
        jobs = re.split(r"\n(?:local)?rule (\w+):", planned)
        for name, job in zip(jobs[1::2], jobs[2::2], strict=True):
            assert (f"gpu={count if name == 'train' else ''}" in job) == (name == "train")


def test_jobs_of_the_numpy_backend_ask_for_none(tmp_path: Path):
    """Alone and in batches."""
    for size, jobs in ((1, 2), (2, 1)):
        overlay = {"device": "cuda", "cells_per_job": size}
        planned = (
            tiny(tmp_path / str(size), overlay, sweep(settings={"backend": "numpy"}))
            .snakemake(options=("-n",), overlay={})
            .stdout
        )
        training = [job for job in re.split(r"\n(?=(?:local)?rule )", planned) if "output: results/tiny/sweep/" in job]
        assert len(training) == jobs and all("gpu=0" in job for job in training), planned


def test_the_profile_for_slurm_is_taken_as_it_is_shipped(project: Project):
    answer = project.snakemake(options=("-n", "--workflow-profile", "profiles/slurm"))
    assert answer.returncode == 0 and "This was a dry-run" in answer.stdout, answer.stdout


def test_a_cell_that_raises_stops_no_other_and_is_shown(tmp_path: Path):
    """Only the one that would take over the winner of those that failed is not trained."""
    widths = sweep(grid={"width": [2, 3, 10**14, 10**15]})
    project = tiny(tmp_path, widths, {"studies": {STUDY: {"experiments": {"following": FOLLOWING}}}})
    answer = project.snakemake(overlay={})
    assert answer.returncode == 1
    assert "The report of what is there: reports/index.html" in answer.stdout
    assert len(project.find("results/tiny/*/*/run.json")) == 2
    text = Links(project.folder / "reports/tiny/index.html").text
    assert text.count(": failed – there is not enough memory") == 2
    assert "2 of 5 trained, 2 failed, 1 missing" in text
    listed = project.regrade("cells", overlay={}).stdout
    assert [listed.count(state) for state in ("done  ", "failed  ", "missing  ")] == [2, 2, 1]


def test_a_report_with_cells_missing_says_so(project: Project):
    folder = project.regrade("cells").stdout.split()[1]
    assert project.snakemake(f"{folder}/run.json").returncode == 0
    answer = project.regrade("report")
    assert answer.returncode == 0, answer.stdout
    text = Links(project.folder / "reports/ce4042/index.html").text
    assert "1 of 9 trained, 8 missing" in text
    assert "8 of 9 cells are not finished" in (project.folder / "ro-crate-metadata.json").read_text()
    assert "Figure 6 (Best test accuracy for each pair of filter numbers.) is missing" in text


def test_pins_are_the_same_everywhere():
    pins = re.findall(r"^[\w.-]+==[\w.]+$", (ROOT / "requirements.txt").read_text(), re.M)
    assert len(pins) > 10
    for path in (ROOT / "workflow/envs").glob("*.yaml"):
        assert set(re.findall(r"[\w.-]+==[\w.]+", path.read_text())) <= set(pins), path


def test_the_lock_has_all_that_the_pins_pull_in():
    """At the versions that are installed here, which `make setup` took from it."""
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.M))
    locked = {canonicalize_name(name): version for name, version in locked.items()}
    pins = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1].isalpha()]
    waiting, seen = [(pin, "") for pin in pins], set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        assert name in locked, f"{requirement}: run make lock"
        assert requirement.specifier.contains(locked[name], prereleases=True), f"{requirement}: run make lock"
        for inner in {"", *requirement.extras} - {done for other, done in seen if other == name}:
            seen.add((name, inner))
            waiting += [(Requirement(line), inner) for line in metadata.requires(name) or []]
    assert len(seen) > len(pins)
    installed = {name: metadata.version(name).split("+")[0] for name, _ in seen}
    assert installed == {name: locked[name] for name in installed}
