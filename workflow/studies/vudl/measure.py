"""The Elman layer written out by hand, against PyTorch's own: the same outputs and gradients, and how much slower."""

import statistics
import time

import torch

# The source's best sizes; a batch of texts; rounds of the measurement of time
EMBEDDING, UNITS, ROWS, STEPS, ROUNDS = 300, 300, 32, 100, 7


class ByHand(torch.nn.Module):
    """An Elman layer as the source writes it: one linear layer on the step's input beside the state, then ReLU."""

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.linear = torch.nn.Linear(inputs + units, units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, steps, inputs) → states (rows, steps, units)."""
        state = x.new_zeros(len(x), self.linear.out_features)
        states = []
        for step in x.unbind(1):
            state = torch.relu(self.linear(torch.cat([step, state], dim=1)))
            states.append(state)
        return torch.stack(states, dim=1)


def measure() -> dict:
    """The hand-written layer against PyTorch's RNN with the same weights, on random inputs.

    `differences`: largest absolute differences of outputs and of gradients (of the inputs and of all weights), in
    float64. `time_ratio`: by hand over library, of one forward and backward pass in float32, the median over
    alternating rounds.
    """
    hand = ByHand(EMBEDDING, UNITS).double()
    library = torch.nn.RNN(EMBEDDING, UNITS, nonlinearity="relu", batch_first=True).double()
    with torch.no_grad():
        hand.linear.weight.copy_(torch.cat([library.weight_ih_l0, library.weight_hh_l0], dim=1))
        hand.linear.bias.copy_(library.bias_ih_l0 + library.bias_hh_l0)
    x = torch.randn(ROWS, STEPS, EMBEDDING, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (mine, of_mine), (theirs, of_theirs) = (_pass(layer, x) for layer in (hand, library))
    weights = torch.cat([library.weight_ih_l0.grad, library.weight_hh_l0.grad], dim=1)
    differences = {
        "outputs": mine - theirs,
        "gradients of the inputs": of_mine - of_theirs,
        "gradients of the weights": hand.linear.weight.grad - weights,
        "gradients of the bias": hand.linear.bias.grad - library.bias_ih_l0.grad,
    }
    return {
        "differences": {name: float(difference.abs().max()) for name, difference in differences.items()},
        "time_ratio": _time_ratio(hand.float(), library.float(), x.float()),
    }


def _pass(layer: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs, and the gradient of the sum of their squares by the inputs."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    outputs = layer(x)
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs
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
