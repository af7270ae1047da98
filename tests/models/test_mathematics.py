"""The mathematics against independent implementations in float64."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from regrade.bundle.metrics import summarise
from regrade.statistics.intervals import mean_interval
from regrade.training import optimizers
from scipy import signal, special, stats
from support.runs import network

pytestmark = pytest.mark.usefixtures("double")
CONVENTIONS = ["keras", "tensorflow_2_3", "keras_2_0", "torch"]
LAYERS = [
    {"kind": "convolution", "filters": 3, "kernel": 3, "activation": "relu"},
    {"kind": "max_pooling", "size": 2},
    {"kind": "flatten"},
    {"kind": "dense", "units": 5, "activation": "relu"},
    {"kind": "dense", "units": 4},
]


def numpy_logits(parameters: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """The network of LAYERS by scipy's correlation and numpy's matrix product. images (rows, 2, 9, 9)."""
    maps = np.stack(
        [
            [
                sum(signal.correlate2d(image[c], kernel[c], mode="valid") for c in range(2)) + bias
                for kernel, bias in zip(parameters["convolution1.kernel"], parameters["convolution1.bias"], strict=True)
            ]
            for image in images
        ]
    )
    maps = np.maximum(maps, 0)[:, :, :6, :6].reshape(len(images), 3, 3, 2, 3, 2).max(axis=(3, 5))
    hidden = np.maximum(maps.reshape(len(images), -1) @ parameters["dense1.kernel"] + parameters["dense1.bias"], 0)
    return hidden @ parameters["dense2.kernel"] + parameters["dense2.bias"]


@pytest.mark.parametrize("runs", [1, 3])
def test_network_and_gradients_equal_numpy(runs: int):
    made = network(LAYERS, (2, 9, 9), runs, "keras")
    random = np.random.default_rng(1)
    images, labels = random.normal(size=(runs, 6, 2, 9, 9)), random.integers(0, 4, (runs, 6))
    logits = made(torch.from_numpy(images))
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(labels).flatten(), reduction="none"
    )
    losses.view(runs, 6).mean(1).sum().backward()
    for run in range(runs):
        parameters = {name: value.detach()[run].numpy().copy() for name, value in made.named_parameters()}
        np.testing.assert_allclose(
            logits[run].detach().numpy(), numpy_logits(parameters, images[run]), rtol=1e-12, atol=1e-12
        )

        def loss(parameters=parameters, run=run) -> float:
            logits = numpy_logits(parameters, images[run])
            return -special.log_softmax(logits, axis=1)[np.arange(6), labels[run]].mean()

        for name, value in made.named_parameters():
            index = tuple(random.integers(0, size) for size in value.shape[1:])
            step, kept = 1e-6, parameters[name][index]
            parameters[name][index] = kept + step
            above = loss()
            parameters[name][index] = kept - step
            below = loss()
            parameters[name][index] = kept
            assert value.grad[(run, *index)].item() == pytest.approx((above - below) / (2 * step), abs=1e-7), name


def test_layer_outputs_are_those_of_the_forward_pass_with_activations():
    made = network(LAYERS, (2, 9, 9))
    x = torch.randn(1, 5, 2, 9, 9)
    outputs = made.outputs(x)
    assert list(outputs) == ["convolution1", "max_pooling1", "flatten1", "dense1", "dense2"]
    assert (outputs["convolution1"] >= 0).all()
    torch.testing.assert_close(outputs["dense2"], made(x), rtol=0, atol=0)


def test_parameter_counts_of_the_baseline_are_those_of_keras():
    layers = [
        {"kind": "convolution", "filters": 50, "kernel": 9, "activation": "relu"},
        {"kind": "max_pooling", "size": 2},
        {"kind": "convolution", "filters": 60, "kernel": 5, "activation": "relu"},
        {"kind": "max_pooling", "size": 2},
        {"kind": "flatten"},
        {"kind": "dense", "units": 300},
        {"kind": "dense", "units": 10},
    ]
    counts = [parameter[0].numel() for parameter in network(layers, (3, 32, 32)).parameters()]
    assert counts == [50 * 3 * 81, 50, 60 * 50 * 25, 60, 960 * 300, 300, 300 * 10, 10]


@pytest.mark.parametrize("conventions", CONVENTIONS)
def test_initialisers(conventions: str):
    layers = [{"kind": "convolution", "filters": 8, "kernel": 5}, {"kind": "flatten"}, {"kind": "dense", "units": 30}]
    made = network(layers, (4, 12, 12), runs=200, conventions=conventions)
    fans = {"convolution1": (4 * 25, 8 * 25), "dense1": (8 * 64, 30)}
    for name, (fan_in, fan_out) in fans.items():
        layer = made.get_submodule(name)
        limit = 1 / math.sqrt(fan_in) if conventions == "torch" else math.sqrt(6 / (fan_in + fan_out))
        for tensor, bound in ((layer.kernel, limit), (layer.bias, limit if conventions == "torch" else 0)):
            values = tensor.detach().numpy().ravel()
            if bound:
                assert stats.kstest(values[:20000], stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-4
            else:
                assert not values.any()
        assert not torch.equal(layer.kernel[0], layer.kernel[1]), "each run has its own"


@pytest.mark.parametrize(("zero_bias", "deviation"), [(False, None), (False, 0.3), (True, 1e-4)])
def test_normal_initial_values(zero_bias: bool, deviation: float | None):
    layer = {"kind": "dense", "units": 40, "initial": "normal", "zero_bias": zero_bias, "deviation": deviation}
    made = network([layer], (30,), runs=50).dense1
    normal = stats.norm(0, deviation or 1).cdf
    assert stats.kstest(made.kernel.detach().numpy().ravel(), normal).pvalue > 1e-4
    biases = made.bias.detach().numpy()
    if zero_bias:
        assert not biases.any()
    else:
        assert stats.kstest(biases.ravel(), normal).pvalue > 1e-4
    assert not torch.equal(made.kernel[0], made.kernel[1])


def test_releases_of_keras_have_the_same_initial_values():
    layers = [
        {"kind": "embedding", "units": 4},
        {"kind": "recurrent", "cell": "lstm", "units": 6, "layers": 2},
        {"kind": "dense", "units": 3},
    ]
    first, *others = (network(layers, (7,), 2, name, vocabulary_size=9) for name in CONVENTIONS if name != "torch")
    for other in others:
        for (name, mine), (same, theirs) in zip(first.named_parameters(), other.named_parameters(), strict=True):
            assert name == same and torch.equal(mine, theirs)


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_dropout_keeps_the_mean_and_is_off_in_evaluation(rate):
    """Each input is dropped on its own, whatever happens to others, in other runs and other batches."""
    made = network([{"kind": "dropout", "rate": rate}], (1001,), runs=2)
    x = torch.ones(2, 51, 1001)
    masked, next_batch = made.train()(x), made(x)
    zero, kept = masked.unique().tolist()
    assert zero == 0 and kept == pytest.approx(1 / (1 - rate), rel=1e-4)
    assert masked.mean(dim=(1, 2)).tolist() == pytest.approx([1, 1], abs=0.02)
    one, other_run, later = (mask.flatten() for mask in (masked[0], masked[1], next_batch[0]))
    for other in (other_run, later, *(one.roll(by) for by in (1, 2, 3, 4, 1001))):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / len(one) ** 0.5
    assert made.eval()(x) is x


def test_dropout_of_nearly_nothing_and_nearly_everything():
    x = torch.ones(1, 1000, 1000)
    nothing, everything = (
        network([{"kind": "dropout", "rate": rate}], (1000,)).train()(x) for rate in (1e-9, 1 - 1e-9)
    )
    assert torch.equal(nothing, x)
    assert everything.mean().item() == pytest.approx(1, abs=0.9) and (everything == 0).float().mean() > 0.999


def test_batch_normalization_equals_pytorchs_in_training_and_after():
    """Outputs and gradients of several batches, the running statistics after them, and the evaluation with these."""
    runs, channels = 2, 3
    made = network([{"kind": "batch_normalization"}], (channels, 4, 5), runs, "torch")
    (ours,) = made.children()
    random = np.random.default_rng(12)
    peers = [torch.nn.BatchNorm2d(channels) for _ in range(runs)]
    for parameter, name in ((ours.scale, "weight"), (ours.shift, "bias")):
        parameter.data = torch.from_numpy(random.normal(size=(runs, channels)))
        for run, peer in enumerate(peers):
            getattr(peer, name).data = parameter.data[run].clone()
    for rows, training in ((6, True), (2, True), (6, True), (1, False), (6, False)):
        inputs, weights = (torch.from_numpy(random.normal(1, 2, (runs, rows, channels, 4, 5))) for _ in range(2))
        x = inputs.clone().requires_grad_()
        outputs = made.train(training)(x)
        made.zero_grad()
        (outputs * weights).sum().backward()
        for run, peer in enumerate(peers):
            there = inputs[run].clone().requires_grad_()
            expected = peer.train(training)(there)
            peer.zero_grad()
            (expected * weights[run]).sum().backward()
            pairs = [(outputs, expected), (x.grad, there.grad)]
            pairs += [(ours.scale.grad, peer.weight.grad), (ours.shift.grad, peer.bias.grad)]
            pairs += [(ours.mean, peer.running_mean), (ours.variance, peer.running_var)]
            for mine, theirs in pairs:
                torch.testing.assert_close(mine[run].detach(), theirs.detach(), rtol=1e-10, atol=1e-12)


def test_padded_pooling_equals_pytorchs():
    made = network([{"kind": "max_pooling", "size": 3, "stride": 2, "padding": 1}], (2, 8, 7), 2)
    x = torch.randn(2, 4, 2, 8, 7) - 5  # all negative: a padding of zeros would win
    expected = torch.nn.MaxPool2d(3, 2, 1)(x.flatten(0, 1)).unflatten(0, (2, 4))
    torch.testing.assert_close(made(x), expected, rtol=0, atol=0)


def test_a_bag_is_the_mean_without_padding():
    made = network([{"kind": "bag", "units": 4}], (11,), runs=2, vocabulary_size=30)
    table = made.bag1.table.detach().numpy().copy()
    ids = np.random.default_rng(9).integers(0, 6, (2, 5, 11))
    ids[:, 0, 1:], ids[:, 1] = 0, 3
    known = (ids > 0)[..., None]
    rows = np.stack([table[run][ids[run]] for run in range(2)])
    outputs = made(torch.from_numpy(ids))
    np.testing.assert_allclose(outputs.detach().numpy(), (rows * known).sum(2) / known.sum(2), rtol=1e-12)
    weights = np.random.default_rng(10).normal(size=outputs.shape)
    (outputs * torch.from_numpy(weights)).sum().backward()
    expected = np.zeros_like(table)
    for run, row, step in np.argwhere(ids > 0):
        expected[run, ids[run, row, step]] += weights[run, row] / (ids[run, row] > 0).sum()
    np.testing.assert_allclose(made.bag1.table.grad.numpy(), expected, rtol=1e-12, atol=1e-14)


def reference(name: str, conventions: str, gradients: np.ndarray, lr: float, momentum: float) -> np.ndarray:
    """Parameters (beginning at zero) after these gradients, by the published formulas."""
    w, m, v = np.zeros((3, *gradients.shape[1:]))
    for t, g in enumerate(gradients, start=1):
        match name, conventions:
            case "sgd", _:
                m = momentum * m - lr * g
                w = w + m
            case "rmsprop", "keras":
                v = 0.9 * v + 0.1 * g**2
                w = w - lr * g / np.sqrt(v + 1e-7)
            case "rmsprop", "tensorflow_2_3":
                v = 0.9 * v + 0.1 * g**2
                w = w - lr * g / (np.sqrt(v) + 1e-7)
            case "rmsprop", "keras_2_0":
                v = 0.9 * v + 0.1 * g**2
                w = w - lr * g / (np.sqrt(v) + 1e-8)
            case "rmsprop", "torch":
                v = 0.99 * v + 0.01 * g**2
                w = w - lr * g / (np.sqrt(v) + 1e-8)
            case "adagrad", "keras":
                v = (v if t > 1 else 0.1) + g**2
                w = w - lr * g / np.sqrt(v + 1e-7)
            case "adagrad", "tensorflow_2_3":
                v = (v if t > 1 else 0.1) + g**2
                w = w - lr * g / (np.sqrt(v) + 1e-7)
            case "adagrad", "keras_2_0":
                v = v + g**2
                w = w - lr * g / (np.sqrt(v) + 1e-8)
            case "adagrad", "torch":
                v = v + g**2
                w = w - lr * g / (np.sqrt(v) + 1e-10)
            case "adam", _:
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
                correction = np.sqrt(1 - 0.999**t)
                epsilon = {"keras_2_0": 1e-8, "torch": 1e-8 * correction}.get(conventions, 1e-7)
                w = w - lr * correction / (1 - 0.9**t) * m / (np.sqrt(v) + epsilon)
    return w


@pytest.mark.parametrize("conventions", CONVENTIONS)
@pytest.mark.parametrize(("name", "momentum"), [("sgd", 0), ("sgd", 0.1), ("rmsprop", 0), ("adam", 0), ("adagrad", 0)])
def test_optimizers_after_200_steps(name: str, momentum: float, conventions: str):
    # Gradients around the size of epsilon, where it matters where that stands; from zero, so that small steps count
    gradients = np.random.default_rng(3).normal(size=(200, 2, 10)) * np.logspace(-8, 1, 10)
    parameter = torch.nn.Parameter(torch.zeros(2, 10))
    optimizer = optimizers.make(name, conventions, [parameter], 0.01, momentum)
    for gradient in gradients:
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    expected = reference(name, conventions, gradients, 0.01, momentum)
    np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-9)


def test_adam_with_another_order_in_memory():
    start, gradient = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randn(2, 3, 4, 5, dtype=torch.float64)
    changed = []
    for order in (torch.contiguous_format, torch.channels_last):
        parameter = torch.nn.Parameter(start.clone(memory_format=order))
        parameter.grad = gradient.clone()
        optimizers.make("adam", "torch", [parameter], 0.01, 0).step()
        changed.append(parameter.detach())
    torch.testing.assert_close(changed[1], changed[0], rtol=1e-12, atol=0)


def test_three_accuracies_by_hand():
    random = np.random.default_rng(5)
    correct = random.random((30, 41)) < 0.5  # epochs × test rows
    even = np.arange(41) % 2 == 0
    history = pd.DataFrame(
        {
            "epoch": np.arange(1, 31),
            "train_loss": 0.0,
            "train_accuracy": 0.0,
            "test_loss": 0.0,
            "test_accuracy": correct.mean(1),
            "test_correct_even": correct[:, even].sum(1),
            "test_correct_odd": correct[:, ~even].sum(1),
            "seconds": 1.0,
        }
    )
    by_even, by_odd = (max(range(30), key=lambda epoch: (correct[epoch, half].sum(), -epoch)) for half in (even, ~even))
    summary = summarise(history, 41, "test")
    assert summary["test_accuracy_best_epoch"] == correct.mean(1).max()
    assert summary["test_accuracy_cross_fitted"] == (correct[by_even, ~even].sum() + correct[by_odd, even].sum()) / 41
    assert summary["test_accuracy_last_epoch"] == correct[-1].mean()
    assert summary["best_epoch"] == correct.mean(1).argmax() + 1


def test_interval_of_the_mean_is_that_of_scipy():
    values = np.random.default_rng(6).normal(size=5)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((values.mean(), expected.low, expected.high))
    assert np.isnan(mean_interval(values[:1])[1:]).all()
