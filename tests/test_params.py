"""Bad parameters are one clear sentence with the key's path, before any job starts."""

import pytest
import yaml
from conftest import ROOT, SMALL, Project, merged
from regrade import cells, params
from regrade.errors import UserError
from regrade.files import read_json

STUDY = "studies.ce4042"
EXPERIMENTS = f"{STUDY}.experiments"
BASELINE = f"{EXPERIMENTS}.a1_baseline"
FILTERS = f"{EXPERIMENTS}.a2_filters"
OPTIMIZERS = f"{EXPERIMENTS}.a3_optimizers"
CNN = f"{STUDY}.networks.image_cnn"

# What is changed in params.yaml: where, to which value, and what the sentence must say
MISTAKES = {
    "unknown key": ("scael", "demo", "scael: there is no such key"),
    "unknown key deep": (f"{BASELINE}.setings", {}, f"{BASELINE}.setings: there is no such key"),
    "unknown scale": ("scale", "paperr", "scale: 'paperr' is none of paper, quick, demo"),
    "wrong type": ("threads", "two", "threads: 'two' should be a whole number"),
    "text for a number": (f"{BASELINE}.settings.lr", "1e-", f"{BASELINE}.settings.lr: '1e-' should be a valid number"),
    "negative": (f"{BASELINE}.settings.epochs", -1, f"{BASELINE}.settings.epochs: -1 should be greater than 0"),
    "misspelt optimizer": (
        f"{BASELINE}.settings.optimizer",
        "sgdd",
        f"{BASELINE}.settings.optimizer: 'sgdd' is none of 'sgd', 'rmsprop', 'adam' or 'adagrad'",
    ),
    "misspelt setting": (
        f"{BASELINE}.settings.filter1",
        3,
        f"{BASELINE}: there is no setting 'filter1' (did you mean 'filters1'?)",
    ),
    "empty grid": (f"{FILTERS}.grid", {}, f"{FILTERS}.grid: must not be empty"),
    "empty list in grid": (f"{FILTERS}.grid.filters1", [], f"{FILTERS}.grid.filters1: must not be empty"),
    "duplicate in grid": (
        f"{FILTERS}.grid.filters1",
        [10, 10],
        f"{FILTERS}: the cell filters1=10, filters2=20 is there twice",
    ),
    "duplicate cell": (
        f"{OPTIMIZERS}.cells",
        [{"optimizer": "adam"}, {"optimizer": "adam"}],
        f"{OPTIMIZERS}: the cell optimizer=adam is there twice",
    ),
    "grid and cells": (f"{FILTERS}.cells", [{"filters1": 3}], f"{FILTERS}: has both grid and cells"),
    "uneven cells": (f"{OPTIMIZERS}.cells", [{"optimizer": "adam"}, {"lr": 0.1}], "do not all name the same settings"),
    "duplicate seeds": ("seeds", [0, 1, 0], "seeds: 0 is there twice"),
    "no seeds": ("seeds", [], "seeds: must not be empty"),
    "unknown dataset": (
        f"{BASELINE}.settings.dataset",
        "cifar",
        f"{BASELINE}: dataset 'cifar' is none of cifar10, dbpedia, ",
    ),
    "unknown network": (
        f"{BASELINE}.settings.network",
        "vgg",
        f"{BASELINE}: network 'vgg' is none of the study's networks",
    ),
    "unknown layer": (f"{CNN}.9", "flaten", f"{CNN}.9: 'flaten' is none of the layers"),
    "two kinds in a layer": (
        f"{CNN}.9",
        {"flatten": {}, "dense": {}},
        f"{CNN}.9: a layer is one kind with its settings",
    ),
    "wrong value in a layer": (
        f"{CNN}.9",
        {"dense": {"units": "ten"}},
        f"{CNN}.9.dense.units: 'ten' should be a whole number",
    ),
    "missing value in a layer": (f"{CNN}.9", {"dense": {}}, f"{CNN}.9.dense.units: this key is missing"),
    "unknown name in a layer": (
        f"{CNN}.9",
        {"dense": {"units": "$width"}},
        f"{CNN}.9.dense.units: the experiment has no setting 'width'",
    ),
    "circular like": (f"{BASELINE}.like", "a2_filters", "a1_baseline → a2_filters → a1_baseline leads back to itself"),
    "unknown like": (
        f"{FILTERS}.like",
        "a1_baselin",
        f"{FILTERS}.like: there is no experiment 'a1_baselin' (did you mean 'a1_baseline'?)",
    ),
    "unknown selected setting": (f"{OPTIMIZERS}.select.settings", ["width"], "a2_filters has no setting 'width'"),
    "selection from itself": (f"{OPTIMIZERS}.select.from", "a3_optimizers", "leads back to itself"),
    "momentum of adam": (
        f"{OPTIMIZERS}.cells",
        [{"optimizer": "adam", "momentum": 0.5}],
        "momentum 0.5 with the optimizer adam: only sgd has a momentum",
    ),
    "bad checksum": (
        "datasets.cifar10.files",
        {"cifar-10-python.tar.gz": {"urls": ["x"], "sha256": "12"}},
        "cifar-10-python.tar.gz.sha256: '12' does not have the form",
    ),
    "missing file": ("datasets.cifar10.files", {}, "datasets: no address of cifar10/cifar-10-python.tar.gz"),
}


def changed(path: str, value: object) -> dict:
    """params.yaml with `value` at a dotted path."""
    config = yaml.safe_load((ROOT / "params.yaml").read_text())
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    here = config
    for key in parents:
        here = here[key]
    here[last] = value
    return config


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_sentence_with_the_path(mistake: str):
    path, value, expected = MISTAKES[mistake]
    with pytest.raises(UserError) as raised:
        cells.expand(params.parse(changed(path, value)))
    sentence = str(raised.value)
    assert sentence.startswith("params.yaml: ")
    assert expected in sentence
    assert "\n" not in sentence


def test_front_doors_refuse_before_any_job_starts(project: Project):
    wrong = {"settings": {"optimizer": "sgdd"}}
    overlay = merged(SMALL, {"studies": {"ce4042": {"experiments": {"a1_baseline": wrong}}}})
    for answer in (project.snakemake(overlay=overlay), project.regrade("cells", overlay=overlay)):
        assert answer.returncode == 1
        assert (
            f"params.yaml: {BASELINE}.settings.optimizer: 'sgdd' is none of 'sgd', 'rmsprop', 'adam' or 'adagrad'"
            in answer.stdout
        )
    assert not project.find("results/**/*")
    assert not project.find("data/**/*")


def test_schema_is_the_one_of_the_models():
    assert read_json(params.schema_path()) == params.schema(), "run: python -m regrade schema"
