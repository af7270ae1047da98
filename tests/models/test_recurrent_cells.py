"""Recurrent cells against plain loops with autograd, and against PyTorch's own, in float64."""

import pytest
import torch
from support.runs import network
from torch import Tensor, nn

pytestmark = pytest.mark.usefixtures("double")
RUNS, ROWS, STEPS, INPUTS, UNITS, IDS = 2, 5, 9, 3, 4, 7


def hard_sigmoid(x: Tensor) -> Tensor:
    return (0.2 * x + 0.5).clamp(0, 1)


def lstm_step(x: Tensor, state: tuple[Tensor, Tensor], recurrent: Tensor, bias: Tensor | float) -> tuple:
    before, cell = state
    i, f, c, o = (x + before @ recurrent + bias).chunk(4, dim=1)
    cell = hard_sigmoid(f) * cell + hard_sigmoid(i) * torch.tanh(c)
    return hard_sigmoid(o) * torch.tanh(cell), cell


def gru_step(x: Tensor, state: tuple[Tensor], recurrent: Tensor, bias: Tensor | float, after: bool) -> tuple:
    (before,) = state
    x_z, x_r, x_h = x.chunk(3, dim=1)
    of_z, of_r, of_h = recurrent.chunk(3, dim=1)
    b_z, b_r, b_h = bias.chunk(3)
    z, r = hard_sigmoid(x_z + before @ of_z + b_z), hard_sigmoid(x_r + before @ of_r + b_r)
    new = torch.tanh(x_h + (r * (before @ of_h + b_h) if after else (r * before) @ of_h + b_h))
    return (z * before + (1 - z) * new,)


def looped(cell: str, after: bool, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """States (rows, steps, units) of two layers, one run's, for x (rows, steps, features)."""
    for layer in "12":
        kernel, recurrent, bias, second = (
            parameters[name + layer] for name in ("kernel", "recurrent", "bias", "recurrent_bias")
        )
        zeros = torch.zeros(len(x), UNITS)
        state, states = (zeros, zeros) if cell == "lstm" else (zeros,), []
        for step in range(x.shape[1]):
            projected = x[:, step] @ kernel + bias
            if cell == "lstm":
                state = lstm_step(projected, state, recurrent, second)
            else:
                state = gru_step(projected, state, recurrent, second, after)
            states.append(state[0])
        x = torch.stack(states, dim=1)
    return x


@pytest.mark.parametrize("output", ["last", "states"])
@pytest.mark.parametrize("over", ["vectors", "ids"])
@pytest.mark.parametrize(("cell", "after"), [("lstm", True), ("gru", True), ("gru", False)])
def test_hard_sigmoids_equal_a_plain_loop(cell: str, after: bool, over: str, output: str):
    spec = {"kind": "recurrent", "cell": cell, "units": UNITS, "layers": 2, "reset_after": after, "output": output}
    spec |= {"recurrent_activation": "hard_sigmoid"}
    tokens = [{"kind": "tokens", "level": "char", "one_hot": IDS, "embedding": 1}] if over == "ids" else []
    shape = (STEPS,) if over == "ids" else (STEPS, INPUTS)
    made = network([*tokens, spec], shape, RUNS, vocabulary_size=IDS)
    torch.manual_seed(3)
    for parameter in made.parameters():  # so wide that some gates are shut or open, and most are neither
        parameter.data = torch.randn(parameter.shape)
    x = torch.randint(0, IDS, (RUNS, ROWS, *shape)) if over == "ids" else torch.randn(RUNS, ROWS, *shape)
    x.requires_grad_(over == "vectors")
    outputs = made(x)
    weights = torch.randn(outputs.shape)
    (outputs * weights).sum().backward()
    for run in range(RUNS):
        own = {name: value.detach()[run].clone().requires_grad_() for name, value in made.recurrent1.named_parameters()}
        there = x.detach()[run].clone().requires_grad_(over == "vectors")
        vectors = nn.functional.one_hot(there, IDS).double() if over == "ids" else there
        states = looped(cell, after, vectors, own)
        expected = states if output == "states" else states[:, -1]
        (expected * weights[run]).sum().backward()
        torch.testing.assert_close(outputs[run], expected, rtol=1e-11, atol=1e-12)
        for name, value in made.recurrent1.named_parameters():
            torch.testing.assert_close(value.grad[run], own[name].grad, rtol=1e-9, atol=1e-11)
        if over == "vectors":
            torch.testing.assert_close(x.grad[run], there.grad, rtol=1e-9, atol=1e-11)


def test_the_gates_of_that_test_are_in_all_three_parts():
    torch.manual_seed(3)
    gates = hard_sigmoid(torch.randn(1000) * (INPUTS + UNITS) ** 0.5)
    assert all(share > 0.05 for share in ((gates == 0).double().mean(), (gates == 1).double().mean()))


@pytest.mark.parametrize("output", ["last", "states"])
@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
def test_the_vanilla_cell_equals_pytorchs(nonlinearity: str, output: str):
    spec = {"kind": "recurrent", "cell": "rnn", "units": UNITS, "layers": 2, "output": output}
    made = network([spec | {"nonlinearity": nonlinearity}], (STEPS, INPUTS), RUNS)
    x = torch.randn(RUNS, ROWS, STEPS, INPUTS, requires_grad=True)
    outputs = made(x)
    weights = torch.randn(outputs.shape)
    (outputs * weights).sum().backward()
    ours = dict(made.recurrent1.named_parameters())
    pairs = {"weight_ih": "kernel", "weight_hh": "recurrent", "bias_ih": "bias", "bias_hh": "recurrent_bias"}
    for run in range(RUNS):
        peer = nn.RNN(INPUTS, UNITS, 2, nonlinearity=nonlinearity, batch_first=True)
        for name, parameter in peer.named_parameters():
            own = ours[f"{pairs[name[:-3]]}{int(name[-1]) + 1}"]
            parameter.data = (own.detach()[run].T if own.dim() == 3 else own.detach()[run]).clone()
        there = x.detach()[run].clone().requires_grad_()
        states, _ = peer(there)
        expected = states if output == "states" else states[:, -1]
        (expected * weights[run]).sum().backward()
        torch.testing.assert_close(outputs[run], expected, rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(x.grad[run], there.grad, rtol=1e-9, atol=1e-11)
        for name, parameter in peer.named_parameters():
            own = ours[f"{pairs[name[:-3]]}{int(name[-1]) + 1}"].grad[run]
            torch.testing.assert_close(own.T if own.dim() == 2 else own, parameter.grad, rtol=1e-9, atol=1e-11)


def test_a_written_out_elman_layer_with_its_second_linear_layer():
    """h ← tanh(W (x, h) + b), y = V h + c at every step."""
    layers = [
        {"kind": "recurrent", "cell": "rnn", "units": UNITS, "output": "states", "initial": "linear"},
        {"kind": "dense", "units": 3, "activation": "relu"},
        {"kind": "maximum_over_steps"},
    ]
    made = network(layers, (STEPS, INPUTS), RUNS)
    x = torch.randn(RUNS, ROWS, STEPS, INPUTS)
    outputs = made(x)
    weights = torch.randn(outputs.shape)
    (outputs * weights).sum().backward()
    for run in range(RUNS):
        own = {name: value.detach()[run].clone().requires_grad_() for name, value in made.named_parameters()}
        kernel, recurrent, bias, second = (
            own[f"recurrent1.{name}1"] for name in ("kernel", "recurrent", "bias", "recurrent_bias")
        )
        state, given = torch.zeros(ROWS, UNITS), []
        for step in range(STEPS):
            state = torch.tanh(
                torch.cat([x[run, :, step], state], dim=1) @ torch.cat([kernel, recurrent]) + bias + second
            )
            given.append(torch.relu(state @ own["dense1.kernel"] + own["dense1.bias"]))
        expected = torch.stack(given).max(0).values
        (expected * weights[run]).sum().backward()
        torch.testing.assert_close(outputs[run], expected, rtol=1e-11, atol=1e-12)
        for name, value in made.named_parameters():
            torch.testing.assert_close(value.grad[run], own[name].grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "elu"])
def test_an_activation_behind_the_maximum_equals_one_before_it(activation: str):
    made = network([{"kind": "maximum_over_steps", "activation": activation}], (STEPS, INPUTS), RUNS)
    x = torch.randn(RUNS, 50, STEPS, INPUTS) - 1
    mine, there = (x.clone().requires_grad_() for _ in range(2))
    outputs = made(mine)
    expected = {**vars(torch), "elu": nn.functional.elu}[activation](there).max(2).values
    torch.testing.assert_close(outputs, expected, rtol=0, atol=0)
    weights = torch.randn(outputs.shape)
    for values in (outputs, expected):
        (values * weights).sum().backward()
    torch.testing.assert_close(mine.grad, there.grad, rtol=1e-12, atol=0)
    assert (outputs == 0).any() == (activation == "relu")
