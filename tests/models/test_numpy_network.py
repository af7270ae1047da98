"""The network in numpy against PyTorch's autograd, against finite differences, and through the training loop."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.models.network import Network
from regrade.models.numpy_mlp import Layer, NumpyMlp
from regrade.training import losses
from regrade.training.learners.numpy import Learner
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support import runs
from support.project import copy_workflow
from support.runs import CPU, advanced, context, timeless

pytestmark = pytest.mark.usefixtures("double")
RUNS, INPUTS, CLASSES = 3, 4, 3
CASES = [
    ("cross_entropy", "relu", "linear"),
    ("cross_entropy", "tanh", "linear"),
    ("squared_error", "sigmoid", "sigmoid"),
    ("squared_error", "relu", "linear"),
]


def mlp(activation: str, last: str = "linear", units: int = 6) -> list[dict]:
    return [
        {"kind": "dense", "units": units, "activation": activation},
        {"kind": "dense", "units": 5, "activation": activation},
        {"kind": "dense", "units": CLASSES, "activation": last},
    ]


def configuration(network: list[dict], **settings) -> Configuration:
    return runs.configuration(network, **{"lr": 0.05, "batch_size": 1, "epochs": 4} | settings)


def both(this: Configuration) -> tuple[NumpyMlp, Network]:
    """The same networks, once as the backend makes them, once PyTorch's, with parameters of a common size."""
    numpy = Learner(this, (INPUTS,), context(range(RUNS)), CPU).network
    peer = Network(this.network, (INPUTS,), context(range(RUNS)))
    for (layer, part), parameter in zip(parts(numpy), peer.parameters(), strict=True):
        np.testing.assert_array_equal(getattr(layer, part), parameter.detach().numpy())
        values = np.random.default_rng(parameter.numel()).normal(0, 0.7, parameter.shape)
        setattr(layer, part, values)
        parameter.data = torch.from_numpy(values.copy())
    return numpy, peer


def parts(network: NumpyMlp) -> list[tuple[Layer, str]]:
    return [(layer, part) for layer in network.layers for part in ("kernel", "bias")]


def batch(rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    return random.normal(size=(RUNS, rows, INPUTS)), random.integers(0, CLASSES, (RUNS, rows))


def gradients(network: NumpyMlp, x: np.ndarray, targets: np.ndarray) -> list[np.ndarray]:
    """The gradients of the summed losses, in the order of `parts`."""
    values = network.forward(x)
    return [part for pair in network.backward(values, network.losses(values[-1], targets)[1]) for part in pair]


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize(("loss", "activation", "last"), CASES)
def test_losses_and_gradients_equal_autograd(loss: str, activation: str, last: str, rows: int):
    numpy, peer = both(configuration(mlp(activation, last), loss=loss, backend="numpy"))
    x, targets = batch(rows)
    outputs = peer(torch.from_numpy(x))
    expected = losses.losses(outputs, torch.from_numpy(targets), loss)
    expected.sum().backward()
    found = numpy.forward(x)[-1]
    np.testing.assert_allclose(found, outputs.detach().numpy(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(numpy.losses(found, targets)[0], expected.detach().numpy(), rtol=1e-12, atol=1e-13)
    for mine, (name, parameter) in zip(gradients(numpy, x, targets), peer.named_parameters(), strict=True):
        np.testing.assert_allclose(mine, parameter.grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("loss", "activation", "last"), CASES)
def test_gradients_equal_finite_differences(loss: str, activation: str, last: str):
    numpy, _ = both(configuration(mlp(activation, last), loss=loss, backend="numpy"))
    x, targets = batch(7)
    random, step = np.random.default_rng(2), 1e-6

    def total() -> float:
        return numpy.losses(numpy.forward(x)[-1], targets)[0].sum()

    for mine, (layer, part) in zip(gradients(numpy, x, targets), parts(numpy), strict=True):
        values = getattr(layer, part)
        for _ in range(4):
            index = tuple(random.integers(0, size) for size in values.shape)
            kept = values[index]
            values[index] = kept + step
            above = total()
            values[index] = kept - step
            below = total()
            values[index] = kept
            assert mine[index] == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-8)


def test_large_logits_do_not_overflow():
    network = NumpyMlp([Layer(np.full((1, 1, 2), [1e4, -1e4]), np.zeros((1, 2)), "linear")], "cross_entropy")
    loss, gradient = network.losses(network.forward(np.ones((1, 1, 1)))[-1], np.array([[1]]))
    np.testing.assert_allclose(loss, [[2e4]])
    np.testing.assert_allclose(gradient, [[[1, -1]]])


def test_l2_is_for_kernels_only():
    """After one step the kernels of the two differ by lr · l2 · kernel, and the biases not at all."""
    x, targets = batch(7)
    plain, _ = both(configuration(mlp("tanh"), backend="numpy"))
    decayed = copy.deepcopy(plain)
    before = [layer.kernel.copy() for layer in plain.layers]
    plain.step(x, targets, lr=0.1, l2=0.0)
    decayed.step(x, targets, lr=0.1, l2=0.3)
    for one, other, kernel in zip(plain.layers, decayed.layers, before, strict=True):
        np.testing.assert_allclose(one.kernel - other.kernel, 0.1 * 0.3 * kernel, rtol=1e-9, atol=1e-14)
        np.testing.assert_array_equal(one.bias, other.bias)


@pytest.fixture(scope="module")
def data() -> Data:
    random = np.random.default_rng(7)

    def split(rows: int) -> list[torch.Tensor]:
        x, targets = random.normal(size=(rows, INPUTS)), random.integers(0, CLASSES, rows)
        x[:, 0] += targets
        return [torch.from_numpy(x), torch.from_numpy(targets)]

    return Data(*split(40), *split(21), classes=CLASSES)


def train(this: Configuration, seeds: list[int], data: Data) -> list[RunState]:
    """Runs trained together, whole."""
    return advanced(this, [RunState(seed) for seed in seeds], data, this.settings.epochs)


@pytest.mark.parametrize(
    "settings",
    [{}, {"l2": 0.01}, {"batch_size": 16}, {"loss": "squared_error", "lr": 0.3, "l2": 0.001}],
    ids=["cross entropy", "l2", "batches", "squared error"],
)
def test_both_backends_go_the_same_way(settings: dict, data: Data):
    network = mlp("sigmoid", "sigmoid") if "loss" in settings else mlp("relu")
    numpy, peer = (
        train(configuration(network, backend=backend, **settings), [0, 1], data) for backend in ("numpy", "torch")
    )
    for mine, other in zip(numpy, peer, strict=True):
        assert len(mine.history) == 4
        assert mine.history[-1]["train_loss"] < mine.history[0]["train_loss"]
        for row, expected in zip(timeless(mine), timeless(other), strict=True):
            assert row == pytest.approx(expected, rel=1e-9, abs=1e-12)
        for name in (name for name in mine.tensors if name.startswith(("network/", "predictions/"))):
            torch.testing.assert_close(mine.tensors[name], other.tensors[name], rtol=1e-9, atol=1e-11)
    assert timeless(numpy[0]) != timeless(numpy[1])


@pytest.mark.parametrize("batch_size", [1, 16])
def test_alone_as_among_five_bit_for_bit(batch_size: int, data: Data):
    this = configuration(mlp("tanh"), backend="numpy", l2=0.01, batch_size=batch_size)
    five, alone = (train(this, seeds, data) for seeds in ([0, 1, 2, 3, 4], [3]))
    assert timeless(five[3]) == timeless(alone[0])
    assert all(torch.equal(values, alone[0].tensors[name]) for name, values in five[3].tensors.items())


def test_resumed_equals_uninterrupted(data: Data):
    this = configuration(mlp("relu"), backend="numpy", batch_size=16)
    whole = train(this, [0, 1], data)
    resumed = advanced(this, advanced(this, [RunState(0), RunState(1)], data, 1), data, 3)
    for one, other in zip(whole, resumed, strict=True):
        assert timeless(one) == timeless(other)
        assert all(torch.equal(values, other.tensors[name]) for name, values in one.tensors.items())


def test_it_begins_with_the_normal_values_that_pytorchs_begins_with():
    drawn = {"initial": "normal", "deviation": 1e-4, "zero_bias": True}
    this = configuration([layer | drawn for layer in mlp("relu")], backend="numpy")
    numpy = Learner(this, (INPUTS,), context(range(RUNS)), CPU).network
    peer = Network(this.network, (INPUTS,), context(range(RUNS)))
    for (layer, part), parameter in zip(parts(numpy), peer.parameters(), strict=True):
        np.testing.assert_array_equal(getattr(layer, part), parameter.detach().numpy())
        assert (part == "bias") == (not parameter.any()) and parameter.abs().max() < 1e-3


def test_what_numpy_lacks_is_refused_in_one_sentence(tmp_path: Path):
    project = copy_workflow(tmp_path, ("cs324",))
    lacks = {
        "flatten": "tiny.0: the numpy backend has dense layers with linear, relu, sigmoid and tanh only",
        "one unit": "tiny.0.dense.units: the numpy backend needs an output for each class, not a single one",
    }
    networks = {"flatten": ["flatten", {"dense": {"units": 2}}], "one unit": [{"dense": {"units": 1}}]}
    for name, layers in networks.items():
        settings = {"dataset": "moons", "backend": "numpy", "network": "tiny", "epochs": 1, "evaluate_every": 1}
        experiments = {"p1_cifar_mlp": {"settings": settings}}
        overlay = {"scale": "demo", "studies": {"cs324": {"networks": {"tiny": layers}, "experiments": experiments}}}
        listed = project.regrade("cells", overlay=overlay)
        assert listed.returncode == 1
        assert f"Error: overlay.yaml: studies.cs324.networks.{lacks[name]}" in listed.stdout
    settings["momentum"] = 0.9
    listed = project.regrade("cells", overlay=overlay)
    assert listed.returncode == 1
    assert "p1_cifar_mlp.settings: the numpy backend has plain sgd only" in listed.stdout
