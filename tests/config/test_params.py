"""Bad parameters are one clear sentence with the key's path, before any job starts."""

import importlib
import inspect
import itertools
import pkgutil
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel
from regrade import config
from regrade.cells import expansion
from regrade.config import overlays, params
from regrade.core import yaml_files
from regrade.core.errors import UserError
from regrade.core.files import read_json
from regrade.datasets import registry
from regrade.datasets.text.word_vectors import WordVectors
from regrade.reporting.exports import docs
from regrade.reporting.exports.schema import schema
from snakemake.cli import parse_config
from support.project import ROOT, SMALL, Project, merged
from support.tiny import PARAMS, sweep, tiny

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
    "unknown scale": ("scale", "paperr", "scale: 'paperr' is not one of paper, quick, demo"),
    "wrong type": ("threads", "two", "threads: 'two' should be a whole number"),
    "text for a number": (f"{BASELINE}.settings.lr", "1e-", f"{BASELINE}.settings.lr: '1e-' should be a number"),
    "negative": (f"{BASELINE}.settings.epochs", -1, f"{BASELINE}.settings.epochs: -1 should be greater than 0"),
    "misspelt optimizer": (
        f"{BASELINE}.settings.optimizer",
        "sgdd",
        f"{BASELINE}.settings.optimizer: 'sgdd' is not one of 'sgd', 'rmsprop', 'adam' or 'adagrad'",
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
    "no hours": ("settle.hours", 0, "settle.hours: 0 should be greater than 0"),
    "look that is not planned": ("settle.looks", [20, 15], "settle.looks: 15 is none of the planned looks, [5, 10, 20"),
    "unknown dataset": (
        f"{BASELINE}.settings.dataset",
        "cifar",
        f"{BASELINE}: there is no dataset 'cifar' (did you mean 'cifar10'?)",
    ),
    "unknown network": (
        f"{BASELINE}.settings.network",
        "vgg",
        f"{BASELINE}: network 'vgg' is not one of the study's networks",
    ),
    "unknown layer": (f"{CNN}.9", "flaten", f"{CNN}.9: 'flaten' is not one of 'rescale', "),
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
    "selection from nowhere": (
        f"{OPTIMIZERS}.select.from",
        "a2_filter",
        f"{OPTIMIZERS}.select.from: there is no experiment 'a2_filter' (did you mean 'a2_filters'?)",
    ),
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


MISTAKES |= {
    "fraction under a cap": (f"{BASELINE}.settings.epochs", 10.5, f"{BASELINE}.settings.epochs: 10.5 should be a"),
    "text under a cap": (f"{BASELINE}.settings.epochs", "ten", f"{BASELINE}.settings.epochs: 'ten' should be a"),
    "not finite": (f"{BASELINE}.settings.lr", float("inf"), f"{BASELINE}.settings.lr: Infinity"),
    "huge": (f"{BASELINE}.settings.lr", 1e300, f"{BASELINE}.settings.lr: 1e+300 should be less than"),
    "evaluations without end": (
        f"{BASELINE}.settings.evaluate_every",
        1e-300,
        f"{BASELINE}.settings.evaluate_every: 1e-300 should be greater than or equal to 0.001",
    ),
    "large seed": ("seeds", [0, 2**31], "seeds.1: 2147483648 should be less than 2147483648"),
    "no value": (
        f"{BASELINE}.settings.lr",
        None,
        f"{BASELINE}.settings.lr: there is no value; give a number, a text or",
    ),
    "a list for a value": (
        f"{BASELINE}.settings.lr",
        [0.1, 0.2],
        "lr: [0.1, 0.2] should be a number, a text or true or",
    ),
    "no number": (f"{BASELINE}.settings.lr", float("nan"), f"{BASELINE}.settings.lr: NaN is not a finite number"),
    "no mapping": (STUDY, None, f"{STUDY}: there is no value; give a mapping of keys to values"),
    "a text for settings": (f"{BASELINE}.settings", "lr", "settings: 'lr' should be a mapping of keys to values"),
    "odd name": (f"{STUDY}.networks.My-Net", ["flatten"], "'My-Net' does not have the form of a name; take a-z, 0-9"),
    "one class": (
        "datasets.mine",
        {"format": "table", "label": "a", "classes": [0], "split": {"test_share": 0.5, "seed": 1}},
        "datasets.mine.classes: must have 2 entries or more, not 1",
    ),
    "no number in an own layer": (
        f"{CNN}.9",
        {"module": {"import": "a:B", "width": [1, float("nan")]}},
        f"{CNN}.9.module.width.1: NaN is not a finite number",
    ),
    "more seeds of no study": (
        "more_seeds",
        [{"study": "ce4024", "experiment": "a1_baseline", "seeds": [7]}],
        "more_seeds.0.study: there is no study 'ce4024' (did you mean 'ce4042'?)",
    ),
    "more seeds of no experiment": (
        "more_seeds",
        [{"study": "ce4042", "experiment": "a2_filter", "seeds": [7]}],
        "more_seeds.0.experiment: there is no experiment 'a2_filter' (did you mean 'a2_filters'?)",
    ),
    "more seeds of no cell": (
        "more_seeds",
        [{"study": "ce4042", "experiment": "a2_filters", "cells": {"filters1": 11}, "seeds": [7]}],
        "more_seeds.0.cells: ce4042.a2_filters has no cell with filters1=11; give settings of a cell, or remove it",
    ),
    "no more seeds": (
        "more_seeds",
        [{"study": "ce4042", "experiment": "a2_filters", "seeds": []}],
        "more_seeds.0.seeds: must not be empty",
    ),
    "more seeds below 0": (
        "more_seeds",
        [{"study": "ce4042", "experiment": "a2_filters", "seeds": [-1]}],
        "more_seeds.0.seeds.0: -1 should be greater than or equal to 0",
    ),
    "kept model of no seed": ("keep_models", [7], "keep_models: 7 is not one of the seeds"),
    "kept model of no seed at full protocol": (
        "studies.vudl.experiments.q2_language_models.keep_models",
        {"demo": [19], "paper": [19]},
        "keep_models.paper: 19 is not one of the seeds",
    ),
    "a dataset with the name of a rule": (
        "datasets.all",
        {"format": "table", "label": "a", "files": {"a": {"urls": ["a"]}}, "split": {"test_share": 0.5, "seed": 1}},
        "datasets.all: this name is taken by the rule prepare_all; rename the dataset",
    ),
    "vectors of sequences of words": (
        "studies.csci5622.experiments.q3_pretrained.settings.ngrams",
        2,
        "starts from word vectors, but sequences of words (ngrams) have none; set ngrams: 1, or leave out initial",
    ),
    "set by scales": (f"{BASELINE}.settings.train_rows_cap", 5, f"{BASELINE}: there is no setting 'train_rows_cap'"),
    "too many held out": (
        f"{BASELINE}.settings.validation_rows",
        10000,
        f"{BASELINE}.settings.validation_rows: 10000 of 10000 training rows cannot be held out",
    ),
    "padding of a pooling": (
        f"{CNN}.2",
        {"max_pooling": {"size": 2, "padding": 2}},
        f"{CNN}.2.max_pooling: a padding of 2 is more than half of the size 2",
    ),
    "kernel larger than the image": (
        f"{CNN}.1.convolution.kernel",
        40,
        f"{CNN}.1.convolution: leaves nothing of numbers of shape (3, 32, 32)",
    ),
    "pixels as they are": (
        f"{CNN}.0",
        {"dropout": {"rate": 0.1}},
        f"{CNN}.0.dropout: cannot take bytes of shape (3, 32",
    ),
    "gray-scale of gray": (
        CNN,
        [
            "grayscale",
            "grayscale",
            *({"convolution": {"filters": filters, "kernel": 5}} for filters in ("$filters1", "$filters2")),
            "flatten",
            {"dropout": {"rate": "$dropout"}},
            {"dense": {"units": 10}},
        ],
        f"{CNN}.1.grayscale: cannot take bytes of shape (1, 32, 32); it needs images of three channels, red, green and",
    ),
    "gates of a vanilla cell": (
        f"{STUDY}.networks.gru.1",
        {"recurrent": {"cell": "rnn", "units": 3, "recurrent_activation": "hard_sigmoid"}},
        f"{STUDY}.networks.gru.1.recurrent: recurrent_activation is for the gates of gru and lstm, and rnn has none",
    ),
    "function of a GRU": (
        f"{STUDY}.networks.gru.1",
        {"recurrent": {"cell": "gru", "units": 3, "nonlinearity": "relu"}},
        f"{STUDY}.networks.gru.1.recurrent: nonlinearity is for rnn only, not for gru; remove it",
    ),
    "deviation of no normal distribution": (
        f"{CNN}.9.dense.deviation",
        0.1,
        f"{CNN}.9.dense: deviation and zero_bias belong to initial: normal; add that, or remove them",
    ),
    "too few outputs": (f"{CNN}.9.dense.units", 7, f"{CNN}: ends with numbers of shape (7), but there are 10 classes"),
    "nothing to train": (
        "studies.comp576.networks.cnn",
        [{"rescale": {"divisor": 255}}, "flatten"],
        "studies.comp576.networks.cnn: no layer has anything to train",
    ),
    "tokens to a layer of pixels": (
        f"{STUDY}.networks.gru.0",
        {"dropout": {"rate": 0.1}},
        f"{STUDY}.networks.gru.0.dropout: cannot take ids of shape (100)",
    ),
    "rows of whole texts": (
        "studies.vudl.experiments.q1_tuning.settings",
        {"dataset": "imdb", "optimizer": "adam", "batch_size": 8, "epochs": 1, "validation_rows": 10},
        "q1_tuning.settings.batch_size: the texts of imdb are read whole here, so a batch needs batch_tokens",
    ),
    "batch of tokens of images": (
        "studies.cs324.experiments.p1_cifar_mlp.settings",
        {"dataset": "cifar10", "network": "image_mlp", "optimizer": "sgd", "lr": 1, "epochs": 1, "batch_tokens": 9},
        "p1_cifar_mlp.settings.batch_tokens: only texts that are read whole",
    ),
    "numpy with other layers": (
        "studies.cs324.networks.mlp_pytorch.0",
        "flatten",
        "networks.mlp_pytorch.0: the numpy backend has dense layers",
    ),
    "chosen by what is not evaluated": (
        "studies.csci5622.experiments.q3_best.select.by",
        "test_accuracy_best_epoch",
        "q3_best.select.by: q3_candidates evaluates validation rows",
    ),
    "name of a rule": ("studies.all", {}, "studies.all"),
    "long name": (f"{EXPERIMENTS}.{'x' * 65}", {"title": "a"}, "should have at most 64 characters"),
    "setting with the name of a column": (
        f"{CNN}.9.dense.units",
        "$seeds",
        "the setting $seeds has a name that is taken",
    ),
    "impossible options": ("datasets.moons.options.rows", "many", "settings.rows: 'many' should be a whole number"),
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
        expansion.expand(params.parse(changed(path, value)))
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
            f"overlay.yaml: {BASELINE}.settings.optimizer: 'sgdd' is not one of 'sgd', 'rmsprop', 'adam' or 'adagrad'"
            in answer.stdout
        )
    assert not project.find("results/**/*")
    assert not project.find("data/**/*")


# Texts of a file, and what is meant
NUMBERS = {
    **{"0.00001": 1e-05, "1e-05": 1e-05, "1E-5": 1e-05, "'1e-05'": 1e-05, ".1e-4": 1e-05, "+1.0e-05": 1e-05},
    **{"1e3": 1000, "1000.0": 1000, "1_000": 1000, "010": 10, "1.5": 1.5, "-.5": -0.5},
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_what_python_and_yaml_1_2_say(text: str):
    value = yaml_files.number(yaml_files.parse(text, "a file"))
    assert value == NUMBERS[text] and type(value) is type(NUMBERS[text])


@pytest.mark.parametrize("text", ["yes", "1:30", "2024-02-29", "1e", "e5", "1__", "0x10", "."])
def test_other_texts_are_texts(text: str):
    assert yaml_files.number(yaml_files.parse(text, "a file")) == text


def test_a_cell_has_one_name_however_its_numbers_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def names(lr: str, epochs: str) -> set[str]:
        text = yaml.safe_dump(merged(PARAMS, sweep(grid={"lr": ["LR", 1], "epochs": ["EPOCHS"], "width": [2]})))
        Path("params.yaml").write_text(text.replace("EPOCHS", epochs).replace("LR", lr))
        return {cell.name for cell in expansion.expand(params.parse(overlays.merged()))}

    monkeypatch.chdir(tmp_path)
    assert len(names("0.00001", "10")) == 2
    for lr, epochs in (("1e-05", "1e1"), ("'1e-05'", "'10'"), ("1.0E-5", "10.0")):
        assert names(lr, epochs) == names("0.00001", "10")


def test_dvc_writes_parameters_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from dvc.utils.hydra import apply_overrides

    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    before = yaml_files.read("params.yaml")
    apply_overrides("params.yaml", [f"{BASELINE}.settings.lr=0.00001", "checkpoint_seconds=1e-7"])
    assert "lr: 1e-05\n" in Path("params.yaml").read_text()
    changed_one = overlays.merged()
    assert changed_one["studies"]["ce4042"]["experiments"]["a1_baseline"]["settings"]["lr"] == 0.00001
    monkeypatch.chdir(ROOT)
    overlays.merge(before, {"checkpoint_seconds": 1e-7})
    before["studies"]["ce4042"]["experiments"]["a1_baseline"]["settings"]["lr"] = 0.00001
    assert changed_one == before


# One call of each front door for all of these
VALUES = (
    *(
        "seeds=[0, 1e0]",
        "cells_per_job=1e1",
        "checkpoint_seconds=1e-05",
        "device='cpu'",
        "keep_models=[]",
        "threads=+1",
    ),
    *("scales={small: {at_most: {epochs: 1E0}}}", "scales={small: {data: stand_in}}"),
    "studies={tiny: {title: 2 ü, experiments: {sweep: {grid: {width: [3, 1_0], lr: [.5e-1, 1e-05]}}}}}",
)


def test_front_doors_understand_the_same(tmp_path: Path):
    project = tiny(tmp_path)
    overlay = ("--configfile", project.overlay(sweep(settings={"epochs": 3})), "--config", *VALUES)
    planned = project.run("snakemake", "-n", *overlay, "--", "train_all")
    listed = project.run(sys.executable, "-m", "regrade", "cells", *overlay)
    assert planned.returncode == 0, planned.stdout
    folders = set(re.findall(r"results/tiny/sweep/[^/]+(?=/run.json)", planned.stdout))
    assert folders == set(re.findall(r"results/tiny/sweep/\S+", listed.stdout)), listed.stdout
    assert len(folders) == 4 and any("lr=1e-05+" in f"{folder}+" or "lr=1e-05-" in folder for folder in folders)
    answer = project.run("snakemake", "--cores", "1", *overlay, "--", f"{min(folders)}/run.json")
    assert answer.returncode == 0, answer.stdout
    assert project.run(sys.executable, "-m", "regrade", "cells", *overlay).stdout.count("done ") == 4


def test_examples_of_config_in_the_documentation_are_understood():
    examples = []
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for line in re.findall(r"[^`\n]*--config [^`\n]*", page.read_text(encoding="utf-8")):
            words = shlex.split(line[line.index("--config ") :], comments=True)[1:]
            examples.append(list(itertools.takewhile(lambda word: re.match(r"\w+=", word), words)))
    assert len([one for one in examples if one]) > 5
    for values in examples:
        parse_config(values)  # Snakemake's own, which sees them first
        params.parse(overlays.merged([ROOT / "params.yaml"], values))


LOST = {
    "params.yaml": "scale: small\nscale: small\n",
    "overlay.yaml": "studies:\n  tiny: {title: a, title: b}\n",
    "workflow/studies/tiny/claims.yaml": "claims: []\ndiscrepancies: []\nclaims: []\n",
    "workflow/studies/tiny/reported.csv": "source,experiment,cell,metric,value,note,value\n",
}


def test_nothing_that_is_there_twice_is_lost(tmp_path: Path):
    for name, content in LOST.items():
        project = tiny(tmp_path / Path(name).stem)
        (project.folder / "overlay.yaml").write_text("threads: 1\n")
        path = project.folder / name
        path.write_text(content + (path.read_text() if name == "params.yaml" else ""))
        for command in (("snakemake", "-n"), (sys.executable, "-m", "regrade", "cells")):
            answer = project.run(*command, "--configfile", "overlay.yaml")
            assert answer.returncode == 1, name
            assert "is there twice; remove one" in answer.stdout and name in answer.stdout, answer.stdout
            assert "Traceback" not in answer.stdout


def test_schema_is_the_one_of_the_models():
    assert read_json(params.schema_path()) == schema(), "run: regrade schema"


def test_tables_of_the_docs_are_those_of_the_models():
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text("utf-8")
        assert docs.filled(text) == text, f"{page.name}; run: regrade docs"


def models() -> set[type[BaseModel]]:
    """The models in regrade/config/, and those of the datasets' own settings."""
    modules = [
        importlib.import_module(f"{config.__name__}.{found.name}") for found in pkgutil.iter_modules(config.__path__)
    ]
    every = {each for module in modules for each in vars(module).values() if inspect.isclass(each)}
    every |= {model for name in registry.NAMES for model in registry.models(name)} | {WordVectors}
    return {each for each in every if issubclass(each, BaseModel)}


def choices(annotation: object) -> set[str]:
    """The texts that a value may be."""
    return {one for part in get_args(annotation) for one in ([part] if isinstance(part, str) else choices(part))}


@pytest.mark.parametrize("model", sorted(models(), key=str), ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_field_is_described_with_all_values_that_it_may_have(model: type[BaseModel]):
    for key, (field, text) in docs.fields(model).items():
        assert text, key
        assert all(f"`{choice}`" in text for choice in choices(field.annotation)), key
