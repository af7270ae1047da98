"""Several runs stacked in one network: each is clipped, trained and resumed as if alone, or else they are not stacked."""

import numpy as np
import pytest
import torch
from regrade.training import stacking
from regrade.training.learners.torch import Learner
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support.runs import CPU, MLP, advanced, configuration, context, points, timeless

pytestmark = pytest.mark.usefixtures("elsewhere", "double")
OVER_TEXTS = {
    "bag": [{"kind": "bag", "units": 7}, {"kind": "dense", "units": 1}],
    "convolution and lstm": [
        {"kind": "embedding", "units": 7},
        {"kind": "sequence_convolution", "filters": 5, "kernel": 3, "activation": "relu"},
        {"kind": "sequence_pooling", "size": 4, "stride": 4},
        {"kind": "recurrent", "cell": "lstm", "units": 6, "output": "states"},
        {"kind": "maximum_over_steps"},
        {"kind": "dense", "units": 1},
    ],
    "gru states": [
        {"kind": "embedding", "units": 7},
        {"kind": "recurrent", "cell": "gru", "units": 6, "output": "states", "reset_after": False},
        {"kind": "dense", "units": 3, "activation": "tanh"},
        {"kind": "flatten"},
        {"kind": "dense", "units": "classes"},
    ],
}


def test_the_norm_is_clipped_for_each_run_alone():
    """The first run's gradient is too long, the second's is not."""
    limit = 0.5
    random = np.random.default_rng(1)
    x = torch.from_numpy(random.normal(size=(2, 6, 3)) * [[[10.0]], [[0.01]]])
    targets = torch.from_numpy(random.integers(0, 4, (2, 6)))
    this = configuration(MLP, lr=1.0, batch_size=6, clip_norm=limit)
    learner = Learner(this, (3,), context([0, 1], classes=4), CPU)
    before = [parameter.detach().clone() for parameter in learner.network.parameters()]
    learner.learn(x, targets)
    lengths = []
    for run in range(2):
        kernel1, bias1, kernel2, bias2 = (torch.nn.Parameter(value[run].clone()) for value in before)
        outputs = torch.tanh(x[run] @ kernel1 + bias1) @ kernel2 + bias2
        torch.nn.functional.cross_entropy(outputs, targets[run]).backward()
        own = [kernel1, bias1, kernel2, bias2]
        lengths.append(torch.nn.utils.clip_grad_norm_(own, limit).item())
        for parameter, old, value in zip(learner.network.parameters(), before, own, strict=True):
            torch.testing.assert_close(old[run] - parameter.detach()[run], value.grad, rtol=1e-9, atol=1e-12)
    assert lengths[0] > limit > lengths[1]


@pytest.mark.parametrize("name", OVER_TEXTS)
def test_runs_over_texts_alone_as_among_five_and_resumed(name: str):
    """In float32, as in earnest."""
    torch.set_default_dtype(torch.float32)
    random = np.random.default_rng(5)
    parts = [random.integers(0, high, size) for size in (45, 21) for high, size in ((12, (size, 15)), (2, size))]
    data = Data(*map(torch.from_numpy, parts), classes=2, vocabulary_size=12)
    this = configuration(OVER_TEXTS[name], optimizer="adagrad", l2=0.01, clip_norm=0.5, batch_size=16, epochs=3)
    five = advanced(this, [RunState(seed) for seed in range(5)], data, 3)
    (resumed,) = advanced(this, advanced(this, [RunState(3)], data, 1), data, 2)
    assert timeless(five[3]) == timeless(resumed)
    assert all(torch.equal(five[3].tensors[name], resumed.tensors[name]) for name in resumed.tensors)
    assert timeless(five[3]) != timeless(five[2])


@pytest.mark.parametrize(("gates", "together"), [(None, False), ("sigmoid", False), ("hard_sigmoid", True)])
def test_only_the_librarys_lstm_over_vectors_is_trained_run_by_run(gates: str | None, together: bool):
    lstm = {"kind": "recurrent", "cell": "lstm", "units": 6, "recurrent_activation": gates}
    states = [RunState(0), RunState(1)]
    groups = stacking.groups(configuration([lstm, MLP[1]]), states, CPU)
    assert groups == ([states] if together else [[state] for state in states])


@pytest.mark.parametrize("layer", [{"activation": "sigmoid"}, {"activation": "elu"}, {"kind": "batch_normalization"}])
def test_what_pytorch_rounds_by_its_position_is_not_stacked_on_a_cpu(layer: dict):
    """PyTorch's sigmoid, elu and batch normalisation of vectors: with them, stacked runs would depend on each other."""
    states = [RunState(0), RunState(1)]
    assert stacking.groups(configuration(MLP), states, CPU) == [states]
    first = layer if "kind" in layer else MLP[0] | layer
    assert stacking.groups(configuration([first, MLP[1]]), states, CPU) == [[state] for state in states]
    if "kind" not in layer:
        this = configuration([first, MLP[1]], backend="numpy")
        assert stacking.groups(this, states, CPU) == [states]


def test_running_statistics_are_among_what_a_run_goes_on_from():
    this = configuration([MLP[0], {"kind": "batch_normalization"}, MLP[1]], optimizer="adam", epochs=3)
    (whole,) = advanced(this, [RunState(0)], points(30), 3)
    (resumed,) = advanced(this, advanced(this, [RunState(0)], points(30), 1), points(30), 2)
    assert timeless(whole) == timeless(resumed)
    assert all(torch.equal(values, resumed.tensors[name]) for name, values in whole.tensors.items())
    assert whole.tensors["buffers/batch_normalization1.variance"].ne(1).all()
