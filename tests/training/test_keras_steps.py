"""A loss and the steps of optimizers against Keras 3, an independent implementation, in float64."""

import keras
import numpy as np
import pytest
import torch
from regrade.training import losses, optimizers

pytestmark = pytest.mark.usefixtures("keras_double")
RUNS = 2


def test_a_single_output_has_the_binary_cross_entropy_of_keras():
    random = np.random.default_rng(11)
    logits, targets = random.normal(0, 5, (RUNS, 9, 1)), random.integers(0, 2, (RUNS, 9))
    logits[0, :2, 0] = (60, -60)  # where the sigmoid itself would round to 0 or 1
    x = torch.from_numpy(logits).requires_grad_()
    found = losses.losses(x, torch.from_numpy(targets), "cross_entropy")
    found.mean(1).sum().backward()
    peer = keras.losses.BinaryCrossentropy(from_logits=True)
    for run in range(RUNS):
        there = torch.from_numpy(logits[run]).requires_grad_()
        expected = peer(torch.from_numpy(targets[run].astype(float))[:, None], there)
        expected.backward()
        assert found[run].mean().item() == pytest.approx(expected.item(), rel=1e-12)
        np.testing.assert_allclose(x.grad[run].numpy(), there.grad.numpy(), rtol=1e-9, atol=1e-14)
    assert losses.classes(torch.from_numpy(logits)).tolist() == (logits[:, :, 0] > 0).astype(int).tolist()


@pytest.mark.parametrize("clip_value", [None, 0.2])
@pytest.mark.parametrize(
    ("name", "momentum"),
    [("sgd", 0.0), ("sgd", 0.1), ("sgd", 0.9), ("rmsprop", 0.0), ("adam", 0.0), ("adagrad", 0.0)],
)
def test_optimizers_equal_keras_after_20_steps(name: str, momentum: float, clip_value: float | None):
    options = {"momentum": momentum} if name == "sgd" else {}
    classes = {
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "adagrad": keras.optimizers.Adagrad,
    }
    peer = classes[name](learning_rate=0.01, clipvalue=clip_value, **options)
    random = np.random.default_rng(4)
    start = random.normal(size=(3, 8))
    variable = keras.Variable(start)
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    mine = optimizers.make(name, "keras", [parameter], 0.01, momentum)
    for gradient in random.normal(size=(20, 3, 8)) * np.logspace(-7, 1, 8):
        peer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        parameter.grad = torch.from_numpy(gradient.copy())
        if clip_value:
            torch.nn.utils.clip_grad_value_([parameter], clip_value)
        mine.step()
    np.testing.assert_allclose(parameter.detach().numpy(), variable.numpy(), rtol=1e-9)
