"""When runs are evaluated, and on which rows: every few epochs, within an epoch, and on rows held out of the training."""

import numpy as np
import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.core.errors import UserError
from regrade.datasets import prepared
from regrade.datasets.identity import DataIdentity
from regrade.datasets.sources import moons
from regrade.training import job
from regrade.training.loading import load
from regrade.training.state import RunState
from regrade.training.trainer import Data
from safetensors.numpy import load_file, save_file
from support.runs import CPU, MLP, advanced, configuration, points, timeless, watched

pytestmark = pytest.mark.usefixtures("elsewhere", "double")


def epochs(this: Configuration, data: Data) -> list[float]:
    (state,) = states = [RunState(0)]
    trainer = job.make_trainer(this, states, data)
    while state.epoch < this.settings.epochs:
        advanced_from = len(state.history)
        trainer.advance()
        assert len(state.history) > advanced_from
        assert state.epoch > 0, "it does not get on"
    return [row["epoch"] for row in state.history]


def test_evaluations_every_ten_epochs_and_after_the_last():
    assert epochs(configuration(MLP, epochs=25, evaluate_every=10), points(9)) == [10, 20, 25]


@pytest.mark.parametrize(
    ("rows", "every", "expected"),
    [
        (32, 0.5, [0.5, 1.0, 1.5, 2.0]),
        (30, 0.25, [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]),
        # Fewer batches than evaluations asked for: as many as there are batches, the last at the end of the epoch
        (4, 0.5, [1, 2]),
        (9, 0.1, [1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2]),
    ],
)
def test_evaluations_within_an_epoch(rows: int, every: float, expected: list[float]):
    assert epochs(configuration(MLP, evaluate_every=every), points(rows)) == pytest.approx(expected)


def test_every_row_is_seen_once_between_two_ends_of_an_epoch():
    trainer = job.make_trainer(configuration(MLP, evaluate_every=0.5), [RunState(0), RunState(1)], points(30))
    seen = watched(trainer)
    for _ in range(2):
        seen.clear()
        trainer.advance()
        orders = torch.cat(seen, dim=1)[:, :, 0]
        assert [batch.shape[1] for batch in seen] == [4] * 7 + [2]
        assert all(sorted(order.tolist()) == list(range(30)) for order in orders)


def test_resumed_equals_uninterrupted_between_evaluations():
    for every, times in ((2, 2), (0.5, 3)):
        this = configuration(MLP, epochs=5, evaluate_every=every)
        whole, resumed = [RunState(0)], [RunState(0)]
        advanced(this, whole, points(30), times)
        for _ in range(times):
            advanced(this, resumed, points(30), 1)
        assert timeless(whole[0]) == timeless(resumed[0])


@pytest.mark.parametrize("every", [0.3, 2.5])
def test_evaluations_that_divide_no_epoch_are_refused(every: float):
    with pytest.raises(ValueError, match=f"evaluate_every {every}: neither whole epochs nor a whole part of one"):
        configuration(MLP, evaluate_every=every)


# Rows held out


def moons_on_disk() -> dict:
    """Forty training and ten test points, prepared; their identity."""
    options = {"rows": 50, "draw": 1, "noise": 0.1}
    identity = DataIdentity(dataset="moons", data="real", options=options)
    moons.prepare({}, moons.Options(**options)).save(identity.folder, {})
    return identity


def remove_the_test_split(identity: DataIdentity) -> None:
    path = identity.folder / prepared.TENSORS
    kept = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("test_")}
    save_file(kept, path)


def test_held_out_rows_are_the_last_training_rows_and_never_trained_on():
    identity = moons_on_disk()
    rows, targets = prepared.load(identity.folder, "train")
    remove_the_test_split(identity)
    for settings, end in (({}, 40), ({"train_rows": 30}, 30), ({"train_rows_cap": 20}, 20)):
        this = configuration(MLP, identity, validation_rows=7, **settings)
        data = load(this, CPU)
        np.testing.assert_array_equal(data.train_inputs.numpy(), rows[: end - 7])
        np.testing.assert_array_equal(data.train_targets.numpy(), targets[: end - 7])
        np.testing.assert_array_equal(data.evaluation_inputs.numpy(), rows[end - 7 : end])
        np.testing.assert_array_equal(data.evaluation_targets.numpy(), targets[end - 7 : end])
    (row,) = timeless(advanced(configuration(MLP, validation_rows=7), [RunState(0)], points(20), 1)[0])
    assert {"validation_loss", "validation_accuracy", "validation_correct_even", "validation_correct_odd"} <= row.keys()
    assert not [name for name in row if name.startswith("test_")]
    with pytest.raises(UserError, match="test_targets"):
        load(configuration(MLP, identity), CPU)


def test_more_rows_held_out_than_there_are_is_one_sentence():
    identity = moons_on_disk()
    with pytest.raises(UserError, match="validation_rows is 40, but there are 40 training rows; hold out fewer"):
        load(configuration(MLP, identity, validation_rows=40), CPU)
