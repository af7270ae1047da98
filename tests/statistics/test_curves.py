"""Measures of curves, on curves made by hand; and the units of all that is measured."""

import inspect
import math

import numpy as np
import pandas as pd
import pytest
from regrade.bundle.manifest import BundledCell
from regrade.bundle.units import by_name
from regrade.checking import asked
from regrade.config import reported
from regrade.statistics.curves import MEASURES, of_diverged
from regrade.statistics.measurements import Measurements
from regrade.statistics.sample import Sample
from regrade.statistics.units import possible, unit
from support.expanded import expanded
from support.simulation import statement

# Ten evaluations, so that a tenth of them is one
CURVE = pd.DataFrame(
    {
        "epoch": [2.0 * n for n in range(1, 11)],
        "train_loss": [9.0, 7, 5, 4, 6, 3, 3.5, 5, 4, 4.5],
        "test_accuracy": [0.1, 0.12, 0.1, 0.3, 0.5, 0.9, 0.7, 0.8, 0.6, 0.75],
    }
)
LOSS, ACCURACY = {"of": "train_loss"}, {"of": "test_accuracy"}


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("epoch_of_lowest", LOSS, 12),
        ("epoch_of_highest", LOSS, 2),
        ("rise_after_lowest", LOSS, 1.5),
        ("fall_after_highest", ACCURACY, 0.15),
        ("late_gain", LOSS, 0.5),
        ("gain", ACCURACY, 0.65),
        ("gain_since", ACCURACY | {"first": 5}, 0.65),
        ("gain_since", LOSS | {"first": 19}, 0),
        ("gain_since", LOSS | {"first": 21}, math.nan),
        ("rises_between", LOSS | {"first": 2, "last": 20}, 2 + 0.5 + 1.5 + 0.5),
        ("rises_between", LOSS | {"first": 2, "last": 8}, 0),
        ("rises_between", LOSS | {"first": 2, "last": 3}, math.nan),
        ("share_above", ACCURACY | {"value": 0.6, "after": 2}, 0.5),
        ("share_above", ACCURACY | {"value": 0.6, "after": 12}, 1),
        ("share_above", ACCURACY | {"value": 0.6, "after": 21}, math.nan),
        ("largest_drop", ACCURACY | {"after": 2}, 0.2),
        ("largest_drop", ACCURACY | {"after": 20}, 0),
        ("later_fall", LOSS | {"after": 8}, 1),
        ("later_fall", LOSS | {"after": 20}, math.nan),
        ("lowest", LOSS, 3),
        ("highest", LOSS, 9),
        ("last_gap", LOSS | {"against": "test_accuracy"}, 3.75),
        ("epochs_until", ACCURACY | {"value": 0.5}, 10),
        ("epochs_until", ACCURACY | {"value": 0.95}, math.inf),
        ("value_at", LOSS | {"epoch": 6}, 5),
        ("value_at", LOSS | {"epoch": 7}, math.nan),
        # Both ends count
        ("mean_between", LOSS | {"first": 4, "last": 8}, 16 / 3),
        ("lowest_between", LOSS | {"first": 2, "last": 10}, 4),
        ("lowest_between", LOSS | {"first": 14, "last": 100}, 3.5),
        ("highest_between", LOSS | {"first": 5, "last": 20}, 6),
        ("highest_between", LOSS | {"first": 21, "last": 30}, math.nan),
        ("fluctuation", LOSS, np.std(np.diff(CURVE["train_loss"]), ddof=1)),
        ("fluctuation_between", LOSS | {"first": 2, "last": 6}, 0),
        ("fluctuation_between", LOSS | {"first": 6, "last": 10}, np.std([-1, 2], ddof=1)),
        ("fluctuation_between", LOSS | {"first": 6, "last": 8}, math.nan),
        ("last_epoch_near", ACCURACY | {"value": 0.1, "within": 0.05}, 6),
        ("last_epoch_near", ACCURACY | {"value": 0.2, "within": 0.05}, 0),
        ("rank_correlation", LOSS | {"against": "train_loss"}, 1),
    ],
)
def test_measures_of_a_curve_by_hand(name: str, arguments: dict, expected: float):
    assert MEASURES[name](CURVE, **arguments) == pytest.approx(expected, nan_ok=True)


# What a claim may give beside the curve
GIVEN = {"after": 2, "epoch": 2, "first": 2, "last": 6, "value": 1, "within": 9, "against": "test_accuracy"}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("evaluations", [1, 2, 10])
def test_a_run_that_diverged_at_once_has_no_measures(name: str, evaluations: int):
    nothing = CURVE.assign(train_loss=math.nan).head(evaluations)
    arguments = {key: GIVEN[key] for key in list(inspect.signature(MEASURES[name]).parameters)[2:]}
    assert math.isnan(MEASURES[name](nothing, of="train_loss", **arguments))


INF = math.inf


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("highest", LOSS, (9, INF)),
        ("lowest", LOSS, (-INF, 3)),
        ("epoch_of_lowest", LOSS, (12, INF)),
        ("largest_drop", LOSS | {"after": 4}, (3, INF)),
        ("rises_between", LOSS | {"first": 8, "last": 20}, (2 + 0.5, INF)),
        ("rises_between", LOSS | {"first": 8, "last": 12}, (2, 2)),
        ("later_fall", LOSS | {"after": 8}, (1, INF)),
        ("later_fall", LOSS | {"after": 16}, (-INF, INF)),
        ("value_at", LOSS | {"epoch": 14}, (3.5, 3.5)),
        ("value_at", LOSS | {"epoch": 16}, (-INF, INF)),
        ("mean_between", LOSS | {"first": 4, "last": 8}, (16 / 3, 16 / 3)),
        ("mean_between", LOSS | {"first": 4, "last": 20}, (-INF, INF)),
        ("highest_between", LOSS | {"first": 5, "last": 20}, (6, INF)),
        ("lowest_between", LOSS | {"first": 2, "last": 10}, (4, 4)),
        ("lowest_between", LOSS | {"first": 8, "last": 20}, (-INF, 3)),
        ("gain", LOSS, (-INF, INF)),
        ("fluctuation", LOSS, (-INF, INF)),
        ("share_above", LOSS | {"value": 1, "after": 2}, (-INF, INF)),
        ("last_gap", LOSS | {"against": "test_accuracy"}, (-INF, INF)),
        ("epochs_until", LOSS | {"value": 9}, (2, 2)),
        ("epochs_until", LOSS | {"value": 10}, (14, INF)),
        ("last_epoch_near", LOSS | {"value": 6, "within": 1}, (10, INF)),
        ("last_epoch_near", LOSS | {"value": 3, "within": 1}, (14, INF)),
    ],
)
def test_of_a_run_that_diverged_only_what_it_was_until_then_counts(name: str, arguments: dict, expected: tuple):
    # The seventh evaluation of ten was the last with a finite loss
    cut = CURVE.head(8).assign(train_loss=[*CURVE["train_loss"].head(7), math.nan])
    assert of_diverged(name, cut, **arguments) == pytest.approx(expected)
    # However the curve would have gone on, the measure of all of it is in that range
    generator = np.random.default_rng(4)
    for _ in range(50):
        whole = CURVE.assign(train_loss=[*CURVE["train_loss"].head(7), *generator.exponential(9, 3)])
        low, high = of_diverged(name, cut, **arguments)
        assert low - 1e-9 <= MEASURES[name](whole, **arguments) <= high + 1e-9


def test_runs_that_exploded_do_not_show_that_none_does():
    cell = BundledCell(study="s", experiment="e", name="c", status="diverged")
    runs = [
        {"experiment": "e", "cell": "c", "folder": cell.folder.as_posix(), "seed": seed}
        | {"status": "diverged", "epochs": 5}
        for seed in range(10)
    ]
    curve = pd.DataFrame(
        {"epoch": range(1, 6), "gradient_norm": [1, 1.2, 3, 8, math.nan], "experiment": "e", "cell": "c"}
    )
    curves = pd.concat([curve.assign(seed=seed) for seed in range(10)])
    seen = Measurements([cell], pd.DataFrame(runs), curves).sample(
        [(cell, 1.0)], {"measure": "highest", "of": "gradient_norm"}
    )
    assert statement(seen, high=10, about="runs", closed=True).p_for == 1
    assert statement(seen, high=10, about="runs", closed=True).p_against == 1
    assert statement(seen, high=5, about="runs", closed=True).p_against == pytest.approx(2**-10)


@pytest.mark.filterwarnings("ignore:An input array is constant")
@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_within_its_range(name: str):
    arguments = {key: GIVEN[key] for key in list(inspect.signature(MEASURES[name]).parameters)[2:]}
    low, high = possible({"measure": name, "of": "test_accuracy", **arguments})
    generator = np.random.default_rng(3)
    for _ in range(200):
        # Often at its ends, where a measure is at its own
        curve = CURVE.assign(test_accuracy=generator.choice([0, 0, generator.random(), 1, 1], len(CURVE)))
        value = MEASURES[name](curve.head(generator.integers(1, 11)), of="test_accuracy", **arguments)
        assert math.isnan(value) or low <= value <= high + 1e-12


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("test_accuracy_last_epoch", (0, 1)),
        ("peeking", (0, 1)),
        ("test_loss_best", (0, math.inf)),
        ("epochs_to_converge", (0, math.inf)),
        ("test_activation_mean_convolution1_last_epoch", (-math.inf, math.inf)),
        ("test_activation_std_convolution1_last_epoch", (0, math.inf)),
        ("valid_samples_of_10", (0, 10)),
        ({"measure": "last_gap", "of": "train_accuracy", "against": "test_accuracy"}, (-1, 1)),
        ({"measure": "gain", "of": "test_loss"}, (-math.inf, math.inf)),
        ({"measure": "rise_after_lowest", "of": "test_loss"}, (0, math.inf)),
        ({"measure": "epoch_of_lowest", "of": "test_loss"}, (0, math.inf)),
    ],
)
def test_ranges(metric: str | dict, expected: tuple[float, float]):
    assert possible(metric) == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"measure": "epochs_until", "of": "test_accuracy", "value": 0.6}, "epochs"),
        ({"measure": "epoch_of_lowest", "of": "test_loss"}, "epochs"),
        ({"measure": "lowest", "of": "test_accuracy"}, "share"),
        ({"measure": "last_gap", "of": "train_loss", "against": "test_loss"}, "nats"),
        ({"measure": "rank_correlation", "of": "train_loss", "against": "epoch"}, "correlation"),
        ({"measure": "highest", "of": "gradient_norm"}, ""),
        ("test_accuracy_best_epoch", "share"),
        ("test_loss_batch_mean_best", "nats"),
        ("test_activation_mean_convolution1_at_lowest_loss", ""),
        ("test_activation_blank_convolution1_last_epoch", "maps"),
        ("activation_std", ""),
        ("best_epoch", "epochs"),
        ("epochs_to_converge", "epochs"),
        ("epochs", "epochs"),
        ("steps_to_converge", "steps"),
        ("train_seconds", "seconds"),
        ("valid_free_last_epoch", "share"),
        ("invalid_samples_of_10", "texts of ten"),
        ("trainable_parameters", "parameters"),
        # Somebody else's: an accuracy, or what only has to do with one
        ("accuracy", "share"),
        ("val_accuracy_best", "share"),
        ("epoch_accuracy", "share"),
        ("epochs_to_90_accuracy", "epochs"),
        ("steps_to_accuracy", "steps"),
        ("seconds_to_90_accuracy", "seconds"),
        ("minutes_to_test_accuracy", ""),
        ("accuracy_gap", ""),
        ("test_accuracy_best_epoch_ratio", ""),
    ],
)
def test_units(metric: str | dict, expected: str):
    assert unit(metric) == expected


def test_every_metric_and_every_measure_has_a_unit():
    every = expanded(scale="demo")
    splits = ("test", "validation")
    histories = {name for cell in every for split in splits for name in asked.history(cell, split)}
    metrics = {name for cell in every for split in splits for name in asked.summary(asked.history(cell, split), split)}
    named = histories | metrics | asked.OF_RUNS | set(reported.SPECIAL)
    assert {"gradient_norm", "valid_long", "test_activation_std_convolution2", "peeking"} <= named
    for name in named:
        assert by_name(name) is not None, name
    for name, measure in MEASURES.items():
        assert measure.__doc__ and next(iter(inspect.signature(measure).parameters)) == "history"
        assert unit({"measure": name, "of": "train_loss"}) in ("nats", "epochs", "correlation", "share"), name
    # Others may have metrics of their own
    assert unit("bleu") == "" and possible("bleu") == (-math.inf, math.inf)


@pytest.mark.parametrize("measure", ["gain", "late_gain", "last_gap"])
def test_a_fall_is_as_easily_shown_as_a_rise(measure: str):
    """A measure of an accuracy may be negative, unlike the accuracy."""
    cell = BundledCell(study="s", experiment="e", name="c", status="done")
    runs = pd.DataFrame(
        {"folder": cell.folder.as_posix(), "experiment": "e", "cell": "c", "status": "done", "seed": range(5)}
    )
    rises = np.linspace(0.2, 0.3, 5)

    def sample(side: int) -> Sample:
        curves = [
            pd.DataFrame({"epoch": range(1, 21), "seed": seed, "test_accuracy": 0.5, "train_accuracy": 0.5})
            for seed in range(5)
        ]
        for curve, rise in zip(curves, rises, strict=True):
            curve["train_accuracy"] += side * rise * np.arange(20) / 20
        of = {"of": "train_accuracy"} | ({"against": "test_accuracy"} if measure == "last_gap" else {})
        known = Measurements([cell], runs, pd.concat(curves).assign(experiment="e", cell="c"))
        return known.sample([(cell, 1.0)], {"measure": measure, **of})

    up, down = sample(1), sample(-1)
    assert np.allclose(up.low, -down.low) and up.low.min() > 0
    assert up.p_mean(0, 1) == pytest.approx(down.p_mean(0, -1))
    assert up.p_mean(0, 1) < 0.05
