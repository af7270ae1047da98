"""What the plan refuses is what no training job could do, and names that are taken are those that the code uses."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from regrade.cells import expansion, feasible
from regrade.cells.configuration import Configuration
from regrade.checking import asked
from regrade.config import params, reported
from regrade.core.errors import UserError
from regrade.datasets import registry
from regrade.datasets.form import Form
from regrade.reporting import ASSETS
from regrade.reporting.tables import comparisons
from regrade.statistics import comparison
from regrade.training import job
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support.expanded import WORDS, expanded, experiment, of
from support.project import ROOT
from support.runs import configuration

OPTIONS = {
    "ndfa": {"another_word": 0.5, "draw_seed": 1} | WORDS,
    "brackets": {"pair_inside": 0.3, "pair_after": 0.0, "draw_seed": 1} | WORDS,
    "moons": {"rows": 20, "draw": 1, "noise": 0.1},
    "circles": {"rows": 20, "draw": 1, "noise": 0.1, "factor": 0.5},
    "classification": {"rows": 20, "draw": 1, "class_sep": 1.0, "flip_y": 0.0},
    "palindromes": {"sequence_length": 5, "test_draws": 10},
    "dbpedia": {"level": "word", "max_length": 30},
}


@pytest.mark.parametrize("name", registry.NAMES)
def test_datasets_are_what_they_say_beforehand(name: str):
    module = registry.module(name)
    options = module.Options(**{k: v for k, v in OPTIONS.get(name, {}).items() if k in module.Options.model_fields})
    form, prepared = module.form(options), module.stand_in(options)
    inputs = prepared.test_inputs
    assert form.classes == len(prepared.classes)
    if isinstance(inputs, np.ndarray):
        assert form.shape == inputs.shape[1:]
        assert {"uint8": "bytes", "float32": "numbers", "int32": "ids"}[str(inputs.dtype)] == form.values
    else:
        assert form.shape == (None,) and form.values == "ids"


FORMS = [Form((3, 8, 8), 10, "bytes"), Form((1, 6, 6), 3), Form((2,), 2), Form((6, 1), 4), Form((9,), 2, "ids")]


def layer(rng: random.Random) -> dict:
    """Any layer, with small numbers."""
    few = lambda: rng.randint(1, 4)  # noqa: E731
    kinds = [
        *({"kind": "normalize", "mean": 2, "deviation": 3}, {"kind": "grayscale"}),
        *({"kind": "rescale", "divisor": 2}, {"kind": "flatten"}, {"kind": "dropout", "rate": 0.5}),
        *({"kind": "convolution", "filters": few(), "kernel": few(), "padding": rng.randint(0, 2)},) * 2,
        {"kind": "max_pooling", "size": few() + 1, "stride": few(), "padding": rng.randint(0, 1)},
        *({"kind": "batch_normalization"}, {"kind": "maximum_over_steps"}, {"kind": "image_rows"}),
        *({"kind": "dense", "units": rng.choice([1, few(), "classes"])},) * 3,
        {"kind": "tokens", "level": rng.choice(["char", "word"]), "one_hot": 12, "embedding": few()},
        *({"kind": "embedding", "units": few()}, {"kind": "bag", "units": few()}),
        {"kind": "sequence_convolution", "filters": few(), "kernel": few()},
        {"kind": "sequence_pooling", "size": few(), "stride": few()},
        {"kind": "recurrent", "cell": "gru", "units": few(), "output": rng.choice(["last", "states"])},
    ]
    return rng.choice(kinds)


def data(form: Form) -> Data:
    """Five rows of this form."""
    shape, generator = (5, *form.shape), torch.Generator().manual_seed(1)
    inputs = torch.randint(0, 12, shape, generator=generator, dtype=torch.uint8)
    inputs = {"bytes": inputs, "ids": inputs.int(), "numbers": inputs.float()}[form.values]
    targets = torch.arange(5) % form.classes
    return Data(inputs, targets, inputs, targets, form.classes, vocabulary_size=12)


def works(this: Configuration, form: Form) -> bool:
    """Whether the network can be built and takes a step."""
    try:
        job.make_trainer(this, [RunState(0)], data(form)).advance()
    except Exception:
        return False
    return True


def test_what_is_refused_cannot_be_trained_and_what_is_not_can(monkeypatch: pytest.MonkeyPatch):
    rng, outcomes, wrong = random.Random(15), [], []
    first = {"bytes": ["rescale", "normalize", "grayscale", "flatten"], "ids": ["tokens", "embedding", "bag"]}
    while len(outcomes) < 1500:
        form = rng.choice(FORMS)
        layers = [layer(rng) for _ in range(rng.randint(1, 4))]
        if form.values in first and layers[0]["kind"] not in first[form.values] and rng.random() < 0.9:
            continue  # hardly any of these can be trained
        this = configuration(layers, loss=rng.choice(["cross_entropy", "squared_error"]), epochs=1, batch_size=5)
        monkeypatch.setattr(registry, "form", lambda _, form=form: form)
        try:
            feasible.check(this)
            allowed = True
        except feasible.Impossible:
            allowed = False
        outcomes.append(allowed)
        if allowed != works(this, form):
            wrong.append((allowed, form, layers))
    assert not wrong, "\n".join(map(str, wrong))
    assert outcomes.count(True) > 50


def test_a_row_alone_in_its_batch_is_said_before_training():
    layers = [{"kind": "batch_normalization"}, {"kind": "dense", "units": 2}]
    for size, rows in ((1, 4), (4, 5)):
        this = configuration(
            layers, {"dataset": "moons", "options": OPTIONS["moons"]}, batch_size=size, train_rows=rows
        )
        with pytest.raises(feasible.Impossible, match=f"{rows} rows in batches of {size} leave one alone"):
            feasible.check(this)
    five = data(Form((2,), 2))
    with pytest.raises(UserError, match="has batch_normalization, which needs more than one row in a batch, but 5"):
        job.make_trainer(configuration(layers), [RunState(0)], five)


def test_which_layers_can_be_trained():
    for kind in asked.LAYERS.values():
        module = __import__(f"regrade.models.{kind.module}", fromlist=["layers"])
        source = (
            Path(module.__file__)
            .read_text()
            .split(f"class {kind.__name__.removesuffix('Spec')}(")[1]
            .split("\nclass ")[0]
        )
        assert kind.trainable == ("Parameter(" in source), kind


def test_histories_have_the_columns_that_claims_may_name():
    for classes in (2, 3):
        columns = recorded([{"kind": "dense", "units": classes}], Form((2,), classes), "p1_toy")
        assert columns == ({"test_f1"} if classes == 3 else set())


def test_histories_have_the_columns_that_settings_ask_for():
    convolution = {"kind": "convolution", "filters": 2, "kernel": 3}
    network = [convolution, {"kind": "max_pooling", "size": 2}, convolution, {"kind": "flatten"}, {"kind": "dense", "units": 3}]  # fmt: skip
    asked = {"batch_means": True, "activation_statistics": True, "gradient_norm": True}
    assert recorded(network, Form((1, 12, 12), 3), "cnn_tuning", **asked) == {"test_f1"}


def recorded(network: list[dict], form: Form, name: str, **settings) -> set[str]:
    """The columns that claims about an experiment with these settings may name, but a history has not."""
    state = RunState(0)
    job.make_trainer(configuration(network, epochs=1, **settings), [state], data(form)).advance()
    cell, *_ = of(name, expanded(lambda config: experiment(config, name)["settings"].update(settings)))
    columns = set(asked.history(cell, "test"))
    assert set(state.history[0]) <= columns
    return columns - set(state.history[0])


def test_metrics_of_reported_numbers_are_those_of_the_code():
    of_runs = {*reported.LOWEST, *reported.ACTIVATIONS, reported.MEAN_UNTIL, reported.EPOCH_SECONDS}
    measured = {*comparison._TEXTS, *comparison._SPECIAL, *of_runs}
    assert set(reported.SPECIAL) == measured and set(reported.TEXTS) == set(comparison._TEXTS)


def test_names_that_are_taken_are_those_of_rules_folders_and_columns():
    rules = {
        line.split()[1].strip(":")
        for path in [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*")]
        if path.suffix == ".smk" or path.name == "Snakefile"
        for line in path.read_text().splitlines()
        if line.startswith("rule ")
    }
    studies = {name.removeprefix("train_") for name in rules if name.startswith("train_")} | {ASSETS}
    assert studies == set(params.NOT_STUDIES)
    assert {name.removeprefix("prepare_") for name in rules if name.startswith("prepare_")} == set(params.NOT_DATASETS)
    assert {*comparisons.COLUMNS, *reported.SELECTORS, "experiment", "winner"} <= expansion.NOT_SETTINGS
