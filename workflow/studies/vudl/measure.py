"""The Elman layer as the source writes it, against PyTorch's: the same outputs and gradients, and how much slower."""

import statistics
import time

import torch

# The source's best sizes; a batch of texts; rounds of the measurement of time
EMBEDDING, UNITS, ROWS, STEPS, ROUNDS = 300, 300, 32, 100, 7


class ByHand(torch.nn.Module):
    """The source's Elman layer: a linear layer on the step's input and the state, ReLU, and a second linear layer."""

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.lin1 = torch.nn.Linear(inputs + units, units)
        self.lin2 = torch.nn.Linear(units, units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, steps, inputs) → outputs (rows, steps, units)."""
        state = x.new_zeros(len(x), self.lin1.out_features)
        outputs = []
        for step in x.unbind(1):
            state = torch.relu(self.lin1(torch.cat([step, state], dim=1)))
            outputs.append(self.lin2(state))
        return torch.stack(outputs, dim=1)


class Library(torch.nn.Module):
    """The same function from PyTorch's layers: an RNN with ReLU, then a linear layer on its states."""

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.rnn = torch.nn.RNN(inputs, units, nonlinearity="relu", batch_first=True)
        self.lin2 = torch.nn.Linear(units, units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, steps, inputs) → outputs (rows, steps, units)."""
        return self.lin2(self.rnn(x)[0])


def measure() -> dict:
    """The hand-written layer against PyTorch's layers with the same weights, on random inputs.

    `differences`: largest absolute differences of outputs and of gradients (of the inputs and of all weights), in
    float64, from PyTorch's RNN with ReLU and a linear layer behind it. `from_default`: that of the outputs from
    PyTorch's RNN as it is by default and in the study's networks, with tanh and nothing behind it. `time_ratio`: by
    hand over library, of one forward and backward pass in float32, the median over alternating rounds.
    """
    generator = torch.Generator().manual_seed(0)
    hand, library = ByHand(EMBEDDING, UNITS).double(), Library(EMBEDDING, UNITS).double()
    default = torch.nn.RNN(EMBEDDING, UNITS, batch_first=True).double()
    with torch.no_grad():
        for parameter in library.parameters():
            parameter.uniform_(-(UNITS**-0.5), UNITS**-0.5, generator=generator)
    default.load_state_dict(library.rnn.state_dict())
    hand.lin2.load_state_dict(library.lin2.state_dict())
    with torch.no_grad():
        hand.lin1.weight.copy_(torch.cat([library.rnn.weight_ih_l0, library.rnn.weight_hh_l0], dim=1))
        hand.lin1.bias.copy_(library.rnn.bias_ih_l0 + library.rnn.bias_hh_l0)
    x = torch.randn(ROWS, STEPS, EMBEDDING, dtype=torch.float64, generator=generator)
    (mine, of_mine), (theirs, of_theirs) = (_pass(layer, x) for layer in (hand, library))
    weights = torch.cat([library.rnn.weight_ih_l0.grad, library.rnn.weight_hh_l0.grad], dim=1)
    differences = {
        "outputs": mine - theirs,
        "gradients of the inputs": of_mine - of_theirs,
        "gradients of the first layer's weights": hand.lin1.weight.grad - weights,
        "gradients of the first layer's bias": hand.lin1.bias.grad - library.rnn.bias_ih_l0.grad,
        "gradients of the second layer's weights": hand.lin2.weight.grad - library.lin2.weight.grad,
        "gradients of the second layer's bias": hand.lin2.bias.grad - library.lin2.bias.grad,
    }
    return {
        "differences": {name: float(difference.abs().max()) for name, difference in differences.items()},
        "from_default": float((mine - default(x)[0].detach()).abs().max()),
        "time_ratio": _time_ratio(hand.float(), library.float(), x.float()),
    }


def _pass(layer: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs, and the gradient of the sum of their squares by the inputs."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    outputs = layer(x)
    outputs.square().sum().backward()
    return outputs.detach(), x.grad


def _time_ratio(first: torch.nn.Module, second: torch.nn.Module, x: torch.Tensor) -> float:
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for layer in (first, second):
            started = time.perf_counter()
            _pass(layer, x)
            seconds.append(time.perf_counter() - started)
        ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios)
