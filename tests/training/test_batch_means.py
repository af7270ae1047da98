"""What evaluations record as means over batches: losses, accuracies and statistics of activations, against numpy."""

import numpy as np
import pytest
import torch
from regrade.cells import feasible
from regrade.config.settings import Settings
from regrade.training import job
from regrade.training.batch_means import batch_mean, mean_and_deviation, mean_over
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support.runs import MLP, advanced, configuration, points, timeless

pytestmark = pytest.mark.usefixtures("elsewhere", "double")
CNN = [
    {"kind": "convolution", "filters": 3, "kernel": 3, "padding": 1, "activation": "relu"},
    {"kind": "max_pooling", "size": 2},
    {"kind": "convolution", "filters": 2, "kernel": 2, "activation": "tanh"},
    {"kind": "flatten"},
    {"kind": "dense", "units": "classes"},
]
# Test rows in batches of 8, the last one of 5
ROWS, TESTED, SIZE = 20, 21, 8
BATCHES = [slice(0, 8), slice(8, 16), slice(16, 21)]


def images() -> Data:
    draw = np.random.default_rng(2)
    parts = [part for rows in (ROWS, TESTED) for part in (draw.normal(size=(rows, 2, 6, 6)), draw.integers(0, 3, rows))]
    tensors = [torch.from_numpy(part) for part in parts]
    return Data(*(t.to(torch.get_default_dtype()) if t.is_floating_point() else t for t in tensors), classes=3)


@pytest.mark.parametrize("backend", ["torch", "numpy"])
def test_losses_and_accuracies_are_means_of_each_batchs_own(backend: str):
    this = configuration(MLP, batch_size=SIZE, backend=backend, batch_means=True)
    data, (state,) = points(ROWS, tested=TESTED), [RunState(0)]
    trainer = job.make_trainer(this, [state], data)
    trainer.advance()
    outputs = trainer.learner.outputs(data.evaluation_inputs[None])[0].numpy()
    targets = data.evaluation_targets.numpy()
    losses = np.log(np.exp(outputs).sum(1)) - outputs[np.arange(TESTED), targets]
    correct = outputs.argmax(1) == targets
    (row,) = state.history
    assert row["test_loss_batch_mean"] == pytest.approx(np.mean([losses[batch].mean() for batch in BATCHES]))
    assert row["test_accuracy_batch_mean"] == pytest.approx(np.mean([correct[batch].mean() for batch in BATCHES]))
    # The usual numbers are of all rows alike, and no others
    assert row["test_loss"] == pytest.approx(losses.mean()) and row["test_accuracy"] == correct.mean()
    assert row["test_accuracy_batch_mean"] != row["test_accuracy"]


def test_held_out_rows_have_them_in_place_of_test_rows():
    this = configuration(MLP, batch_size=SIZE, batch_means=True, validation_rows=3)
    (row,) = timeless(advanced(this, [RunState(0)], points(ROWS), 1)[0])
    assert {"validation_loss_batch_mean", "validation_accuracy_batch_mean"} <= row.keys()


def test_activations_are_recorded_before_pooling():
    this = configuration(CNN, batch_size=SIZE, activation_statistics=True)
    data, (state,) = images(), [RunState(0)]
    trainer = job.make_trainer(this, [state], data)
    trainer.advance()
    kernel1, bias1, kernel2, bias2 = (value[0] for value in list(trainer.learner.network.parameters())[:4])
    convolve, x = torch.nn.functional.conv2d, data.evaluation_inputs
    first = convolve(x, kernel1, bias1, padding=1).relu()
    second = convolve(torch.nn.functional.max_pool2d(first, 2), kernel2, bias2).tanh()
    (row,) = state.history
    for name, values in (("convolution1", first), ("convolution2", second)):
        parts = [values.detach().numpy()[batch] for batch in BATCHES]
        assert row[f"test_activation_mean_{name}"] == pytest.approx(np.mean([part.mean() for part in parts]))
        assert row[f"test_activation_std_{name}"] == pytest.approx(np.mean([part.std(ddof=1) for part in parts]))
        blank = (values.detach().numpy() == 0).all(axis=(2, 3)).sum(1)
        assert row[f"test_activation_blank_{name}"] == pytest.approx(
            np.mean([blank[batch].mean() for batch in BATCHES])
        )
    # What else is recorded does not change with it
    (other,) = advanced(configuration(CNN, batch_size=SIZE), [RunState(0)], data, 1)
    (without,) = timeless(other)
    assert len(row) == len(without) + 7
    assert all(row[name] == pytest.approx(value, rel=1e-12) for name, value in without.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_runs_alone_as_among_five_and_resumed(dtype: torch.dtype):
    torch.set_default_dtype(dtype)
    both = {"batch_means": True, "epochs": 3, "batch_size": SIZE}
    for this, data in (
        (configuration(MLP, **both), points(ROWS, tested=TESTED)),
        (configuration(CNN, activation_statistics=True, **both), images()),
    ):
        if dtype == torch.float32:
            data = Data(data.train_inputs.float(), data.train_targets, data.evaluation_inputs.float(), data.evaluation_targets, classes=data.classes)  # fmt: skip
        five = advanced(this, [RunState(seed) for seed in range(5)], data, 3)
        (resumed,) = advanced(this, advanced(this, [RunState(3)], data, 1), data, 2)
        assert timeless(five[3]) == timeless(resumed) != timeless(five[2])


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_stacked_activations_have_the_bits_of_lone_ones(order: torch.memory_format):
    """Convolutions of several runs are stacked on a GPU only; their numbers are summed in the same order everywhere."""
    draw = torch.Generator().manual_seed(4)
    batches = []
    for rows in (16, 16, 7):
        maps = torch.randn(rows, 5 * 3, 11, 9, generator=draw, dtype=torch.float32).contiguous(memory_format=order)
        batches.append(maps.unflatten(1, (5, 3)).transpose(0, 1))
    before = [batch.clone() for batch in batches]
    stacked = mean_over([mean_and_deviation(batch) for batch in batches])
    losses = torch.rand(5, 39, generator=draw)
    for run in range(5):
        alone = mean_over([mean_and_deviation(batch[run : run + 1]) for batch in batches])
        assert torch.equal(alone[:, 0], stacked[:, run])
        assert torch.equal(batch_mean(losses[run : run + 1].clone(), 16)[0], batch_mean(losses, 16)[run])
    assert all(torch.equal(batch, old) for batch, old in zip(batches, before, strict=True)), "measured, not changed"
    expected = torch.std_mean(batches[0][0].double())
    torch.testing.assert_close(mean_and_deviation(batches[0])[:, 0], torch.stack(expected[::-1]))


@pytest.mark.parametrize("name", ["batch_means", "activation_statistics"])
def test_batches_by_tokens_have_none(name: str):
    settings = {"dataset": "imdb", "network": "n", "optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_tokens": 100}
    with pytest.raises(ValueError, match=f"{name} is of batches of batch_size rows, but batches go by batch_tokens"):
        Settings(**settings, **{name: True})


def test_activations_need_a_convolution():
    this = configuration(MLP, activation_statistics=True, train_rows=4)
    with pytest.raises(feasible.Impossible, match="n has no convolution to take them of; remove it") as error:
        feasible.check(this)
    assert error.value.at == "settings.activation_statistics"
