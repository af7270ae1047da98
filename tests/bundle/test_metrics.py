"""What a history is summed up in: means over batches, activations at the lowest loss, and when a run has converged."""

import math

import pandas as pd
import pytest
import torch
from regrade.bundle import collect
from regrade.bundle.metrics import epochs_to, summarise
from regrade.config.study import Experiment
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support.runs import MLP, advanced, configuration

HISTORY = pd.DataFrame(
    {
        "epoch": [1.0, 2, 3],
        "train_loss": [3.0, 2, 1],
        "train_accuracy": [0.5, 1.0, 1.0],
        "test_loss": [math.nan, 0.5, 0.7],
        "test_accuracy": [0.4, 0.6, 0.5],
        "test_correct_even": [2, 3, 3],
        "test_correct_odd": [2, 3, 2],
        "seconds": [1.0, 1, 1],
    }
)
OF_BATCHES = {"test_loss_batch_mean": [0.9, 0.6, 0.65], "test_accuracy_batch_mean": [0.45, 0.55, 0.5]}
ACTIVATIONS = {"test_activation_mean_convolution1": [0.1, 0.2, 0.3], "test_activation_std_convolution1": [1, 2, 3]}


def test_means_over_batches_are_summed_up_where_they_are_recorded():
    without = summarise(HISTORY, 10, "test")
    found = summarise(HISTORY.assign(**OF_BATCHES), 10, "test")
    assert {name: value for name, value in found.items() if name not in without} == {
        "test_accuracy_batch_mean_best_epoch": 0.55,
        "test_accuracy_batch_mean_last_epoch": 0.5,
        "test_loss_batch_mean_best": 0.6,
        "test_loss_batch_mean_last_epoch": 0.65,
    }


def test_activations_are_those_of_the_epoch_of_the_lowest_loss():
    found = summarise(HISTORY.assign(**ACTIVATIONS), 10, "test")
    assert found["test_activation_mean_convolution1_at_lowest_loss"] == 0.2
    assert found["test_activation_std_convolution1_at_lowest_loss"] == 2
    assert found["test_activation_mean_convolution1_last_epoch"] == 0.3
    # A run whose loss was never a number
    at_once = HISTORY.assign(**ACTIVATIONS, test_loss=math.nan).iloc[:1]
    assert summarise(at_once, 10, "test")["test_activation_mean_convolution1_at_lowest_loss"] == 0.1


@pytest.mark.parametrize("evaluations", [1, 3])
def test_a_run_that_diverged_at_once_is_summed_up(evaluations: int):
    at_once = HISTORY.assign(train_loss=math.nan, test_loss=math.nan).head(evaluations)
    found = summarise(at_once, 10, "test")
    assert math.isnan(found["test_loss_best"]) and math.isnan(found["train_loss_last_epoch"])
    assert found["best_epoch"] <= evaluations
    language = at_once.drop(columns=["test_correct_even", "test_correct_odd"]).assign(valid_free=0.0)
    found = summarise(language, 10, "test")
    assert all(math.isnan(found[name]) for name in ("best_epoch", "test_loss_best", "test_loss_last_epoch"))
    assert found["valid_free_last_epoch"] == 0


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("backend", ["torch", "numpy"])
@pytest.mark.parametrize("rows", [7, 49, 93])
def test_a_run_without_a_wrong_row_has_an_accuracy_of_one(backend: str, rows: int):
    """In batches of 3, 3, … and one row, in shares that are no binary fractions."""
    ones = torch.ones(rows, dtype=torch.int64)
    inputs = torch.linspace(0, 1, 2 * rows).view(rows, 2)
    data = Data(inputs, ones, inputs, ones, classes=2)
    this = configuration(MLP, backend=backend, lr=0.5, batch_size=3, epochs=8, batch_means=True)
    history = pd.DataFrame(advanced(this, [RunState(1)], data, 8)[0].history)
    for split in ("train", "test"):
        assert history[f"{split}_accuracy"].iloc[-1] == 1
        assert epochs_to(history, 1.0, split) <= 8
    assert history["test_accuracy_batch_mean"].iloc[-1] == 1


def test_convergence_is_judged_on_the_rows_that_the_experiment_says():
    run = dict.fromkeys(("status", "commit", "dirty", "device"), "") | dict.fromkeys(
        ("seed", "epochs", "parameters", "peak_memory_bytes", "parameters_by_layer"), 0
    )
    record = {"test_rows": 10, "runs": [run]}
    expected = {("evaluated", 0.6): 2, ("evaluated", 1.0): math.nan, ("train", 1.0): 2, ("train", 0.5): 1}
    for (on, at), epoch in expected.items():
        experiment = Experiment(title="", converged_at=at, converged_on=on)
        (found,) = collect._metrics(record, HISTORY.assign(seed=0), experiment)
        assert found["epochs_to_converge"] == pytest.approx(epoch, nan_ok=True)
    with pytest.raises(ValueError, match="says on which rows converged_at is judged, but there is none; add it"):
        Experiment(title="", converged_on="train")
