"""Palindromes drawn afresh in each epoch, and the RNN that learns them, against a plain loop of PyTorch's own layers."""

import itertools
import math

import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.core.errors import UserError
from regrade.datasets.identity import DataIdentity
from regrade.datasets.sources import palindromes
from regrade.models.network import Network
from regrade.training import job
from regrade.training.learners.torch import Learner
from regrade.training.loading import load
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support.runs import CPU, advanced, configuration, context, timeless, watched

pytestmark = pytest.mark.usefixtures("elsewhere", "double")
RNN = [
    {"kind": "recurrent", "cell": "rnn", "units": 12, "initial": "linear"},
    {"kind": "dense", "units": "classes"},
]


def palindromes_on_disk(length: int = 5) -> DataIdentity:
    options = {"sequence_length": length, "test_draws": 30}
    identity = DataIdentity(dataset="palindromes", data="real", options=options)
    palindromes.prepare({}, palindromes.Options(**options)).save(identity.folder, {})
    return identity


def on_palindromes(identity: DataIdentity, **settings) -> Configuration:
    settings = {"train_rows": 24, "optimizer": "rmsprop", "lr": 0.01, "batch_size": 8, "clip_norm": 1.0} | settings
    return configuration(RNN, identity, dataset="palindromes", **settings)


def doubled(data: Data) -> Data:
    """The same in float64."""
    draw = data.draw

    def drawn(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, targets = draw(rows, generator)
        return inputs.double(), targets

    inputs = [data.train_inputs.double(), data.train_targets, data.evaluation_inputs.double(), data.evaluation_targets]
    return Data(*inputs, draw=drawn, classes=data.classes)


def test_every_epoch_has_new_palindromes_and_they_are_those_of_the_seed():
    identity = palindromes_on_disk()
    this = on_palindromes(identity, epochs=3)
    data = doubled(load(this, CPU))

    def batches(seeds: list[int]) -> torch.Tensor:
        trainer = job.make_trainer(this, [RunState(seed) for seed in seeds], data)
        seen = watched(trainer, "recurrent1")
        for _ in range(3):
            trainer.advance()
        assert [batch.shape[1] for batch in seen] == [8] * 9
        return torch.cat(seen, dim=1)

    five, alone = batches([0, 1, 2, 3, 4]), batches([3])
    assert torch.equal(five[3], alone[0])
    parts = [*five[0].split(24), *five[1].split(24)]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(parts, 2))
    # Ten times as many digits as rows could be the same by chance
    assert len({tuple(row) for row in five[:, :, :, 0].flatten(0, 1).tolist()}) > 200


def test_runs_on_palindromes_alone_as_among_five_and_resumed():
    identity = palindromes_on_disk()
    this = on_palindromes(identity, epochs=4)
    data = doubled(load(this, CPU))
    five = advanced(this, [RunState(seed) for seed in range(5)], data, 4)
    (resumed,) = advanced(this, advanced(this, [RunState(3)], data, 1), data, 3)
    assert timeless(five[3]) == timeless(resumed)
    assert all(torch.equal(five[3].tensors[name], resumed.tensors[name]) for name in resumed.tensors)


@pytest.mark.parametrize("mistake", [{"train_rows": None}, {"validation_rows": 5}])
def test_palindromes_need_a_number_of_rows_and_cannot_be_held_out(mistake: dict):
    identity = palindromes_on_disk()
    with pytest.raises(UserError, match="the training rows of palindromes are drawn afresh in each epoch"):
        load(on_palindromes(identity, **mistake), CPU)


def test_the_rnn_is_a_plain_loop_of_three_linear_layers():
    """Steps of RMSprop with clipped gradients, as the homework's own code takes them."""
    this = on_palindromes(palindromes_on_disk())
    learner = Learner(this, (5, 1), context([0, 1], classes=10), CPU)
    plain = []
    for run in range(2):
        values = {name: value.detach()[run].clone() for name, value in learner.network.named_parameters()}
        linear = [torch.nn.Linear(1, 12), torch.nn.Linear(12, 12), torch.nn.Linear(12, 10)]
        names = [("kernel1", "bias1"), ("recurrent1", "recurrent_bias1"), ("kernel", "bias")]
        for layer, part, (kernel, bias) in zip(linear, ["recurrent1", "recurrent1", "dense1"], names, strict=True):
            layer.weight.data, layer.bias.data = values[f"{part}.{kernel}"].T.clone(), values[f"{part}.{bias}"]
        plain.append((linear, torch.optim.RMSprop(torch.nn.ModuleList(linear).parameters(), lr=0.01)))
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        drawn = [palindromes.draw(8, 5, generator) for _ in range(2)]
        x, targets = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        loss, _ = learner.learn(x.double(), targets)
        for run, ((to_state, between, to_output), optimizer) in enumerate(plain):
            state = torch.zeros(8, 12)
            for step in range(5):
                state = torch.tanh(to_state(x[run, :, step].double()) + between(state))
            expected = torch.nn.functional.cross_entropy(to_output(state), targets[run])
            optimizer.zero_grad()
            expected.backward()
            own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(own, 1.0)
            optimizer.step()
            assert loss[run].item() / 8 == pytest.approx(expected.item(), rel=1e-9)
    for run, ((to_state, between, to_output), _) in enumerate(plain):
        ours = {name: value.detach()[run] for name, value in learner.network.named_parameters()}
        for name, value in {
            "recurrent1.kernel1": to_state.weight.T,
            "recurrent1.bias1": to_state.bias,
            "recurrent1.recurrent1": between.weight.T,
            "recurrent1.recurrent_bias1": between.bias,
            "dense1.kernel": to_output.weight.T,
            "dense1.bias": to_output.bias,
        }.items():
            torch.testing.assert_close(ours[name], value.detach(), rtol=1e-8, atol=1e-10, msg=name)


def test_the_rnn_begins_as_pytorchs_linear_layers():
    made = Network(configuration(RNN).network, (5, 1), context(list(range(300)), classes=10)).recurrent1
    for parameter, inputs in ((made.kernel1, 1), (made.bias1, 1), (made.recurrent1, 12), (made.recurrent_bias1, 12)):
        limit = 1 / math.sqrt(inputs)
        values = parameter.detach()
        assert 0.99 * limit < values.abs().max() <= limit
        assert values.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
