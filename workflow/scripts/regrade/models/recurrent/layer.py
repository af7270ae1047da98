"""The recurrent layer of a network: one or more cells of one kind, one upon another."""

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models import initialisers
from regrade.models.embedding import pick
from regrade.models.layer import Context, Layer, State
from regrade.models.recurrent.gru import GruResetAfter, GruResetBefore
from regrade.models.recurrent.lstm import Lstm
from regrade.models.recurrent.steps import CLIP, RELU, SIGMOID, TANH, Project
from regrade.models.recurrent.vanilla import Vanilla

if TYPE_CHECKING:
    from regrade.config import layer_specs


GATES = {"gru": 3, "lstm": 4, "rnn": 1}
# The hard sigmoid, slope · x + offset between 0 and 1, as Keras had it before TensorFlow 2 (Keras 3 has another slope)
HARD_SLOPE, HARD_OFFSET = 0.2, 0.5
# PyTorch's CPU kernels work on blocks of this many numbers and treat the rest of a tensor by other code, which rounds
# differently. With the examples filled up until units · examples is a multiple of it, no run's numbers fall into such a
# rest. Two is the least, since a product with a dimension of 1 may be rounded differently (models/products.py).
BLOCK, LEAST = 32, 2


class Recurrent(Layer):
    """One or more recurrent layers, from a state of zeros; the top layer's last state, or all of them."""

    def __init__(self, spec: "layer_specs.RecurrentSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        steps, inputs = shape
        self.spec, self.stackable = spec, context.stackable
        self.hard = spec.recurrent_activation == "hard_sigmoid"
        self.output_shape = (spec.units,) if spec.output == "last" else (steps, spec.units)
        width = GATES[spec.cell] * spec.units
        # A second bias, inside the recurrent product: PyTorch always has it, Keras only where the reset acts after it
        self.two_biases = not context.as_keras or (spec.cell == "gru" and spec.reset_after)
        for number in range(1, spec.layers + 1):
            for name, values in self._initial(context, inputs, width).items():
                self.register_parameter(f"{name}{number}", torch.nn.Parameter(values))
            inputs = spec.units

    def _initial(self, context: Context, inputs: int, width: int) -> dict[str, torch.Tensor]:
        """The parameters of one layer at the start."""
        units, lstm = self.spec.units, self.spec.cell == "lstm"
        parameters = {}
        if self.spec.initial == "linear":
            parameters["kernel"], parameters["bias"] = initialisers.linear_pair(context, inputs, width)
            parameters["recurrent"], second = initialisers.linear_pair(context, units, width)
        else:
            parameters["kernel"], parameters["recurrent"] = initialisers.recurrent_kernels(
                context, inputs, units, width
            )
            parameters["bias"] = initialisers.recurrent_bias(context, units, width, forget=lstm)
            # Left out by Keras' conventions only, by which it is zero and nothing is drawn for it
            second = initialisers.recurrent_bias(context, units, width, forget=False)
        return parameters | {"recurrent_bias": second} if self.two_biases else parameters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, steps, features), or ids (runs, examples, steps) → (runs, examples, [steps,] units)."""
        vectors = x.is_floating_point()
        if self.spec.cell == "lstm" and not self.hard and vectors:
            every_state, _ = self._library_lstm(x)
            return every_state if self.spec.output == "states" else every_state[:, :, -1]
        examples = x.shape[1]
        multiple = max(BLOCK // math.gcd(self.spec.units, BLOCK), LEAST)
        if self.stackable and examples % multiple:
            x = functional.pad(x, [0, 0] * (x.dim() - 2) + [0, multiple - examples % multiple])
        inputs = x.permute(2, 0, 3, 1).contiguous() if vectors else x
        if self.stackable and vectors and inputs.shape[2] == 1:
            # A second feature of zeros: a product with a dimension of 1 may be rounded differently (models/products.py)
            inputs = functional.pad(inputs, [0, 0, 0, 1])
        steps = {"gru": GruResetBefore, "lstm": Lstm, "rnn": Vanilla}[self.spec.cell]
        gates = CLIP if self.hard else SIGMOID
        squash = gates if self.spec.cell != "rnn" else RELU if self.spec.nonlinearity == "relu" else TANH
        for number in range(1, self.spec.layers + 1):
            kernel, recurrent, bias, second = self._layer(number)
            inside: list[torch.Tensor] = []
            if self.spec.cell == "gru" and self.spec.reset_after and second is not None:
                # What the reset gate does not act on needs no bias of its own inside the product
                steps, (second, of_new) = GruResetAfter, second.split([2 * self.spec.units, self.spec.units], dim=1)
                second, inside = functional.pad(second, [0, 0, 0, self.spec.units]), [of_new]
            bias = bias if second is None else bias + second
            if self.hard:
                kernel, recurrent, bias = self._hard(kernel, recurrent, bias)
            if vectors or number > 1:
                filled = functional.pad(kernel, [0, inputs.shape[2] - kernel.shape[2]])
                projected = Project.apply(inputs, filled, bias)
            else:
                projected = _look_up(inputs, kernel, bias)
            every = self.spec.output == "states" or number < self.spec.layers
            inputs = steps.apply(projected, recurrent, every, squash, *inside)
        states = inputs[..., :examples]
        return states.permute(1, 3, 0, 2) if self.spec.output == "states" else states.transpose(1, 2)

    def _layer(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Kernel, recurrent kernel, bias and second bias of a layer, with the width before the inputs and the units."""
        kernel, recurrent = getattr(self, f"kernel{number}"), getattr(self, f"recurrent{number}")
        second = getattr(self, f"recurrent_bias{number}")[:, :, None] if self.two_biases else None
        return kernel.transpose(1, 2), recurrent.transpose(1, 2), getattr(self, f"bias{number}")[:, :, None], second

    def _hard(self, kernel: torch.Tensor, recurrent: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The same with the hard sigmoid's slope and offset in the rows of the gates: all that is left is to clip.

        So nothing is done for it at each step. Rows of the cell's own tanh stay as they are.
        """
        slope, offset = bias.new_full(bias.shape[1:], HARD_SLOPE), bias.new_full(bias.shape[1:], HARD_OFFSET)
        own = slice(2 * self.spec.units, 3 * self.spec.units)  # third of the gates in Keras' order, of LSTM and GRU
        slope[own], offset[own] = 1, 0
        return kernel * slope, recurrent * slope, bias * slope + offset

    def step(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        """The states at every step of x (runs, rows, steps, features), and what the next call goes on from.

        `state`: what the last call gave; None at the beginning. ValueError for other cells than the LSTM with sigmoids.
        """
        if self.spec.cell != "lstm":
            raise ValueError(f"texts are continued by an LSTM only, not by {self.spec.cell}")
        if self.hard:
            raise ValueError("texts are continued by an LSTM with the usual sigmoid only")
        return self._library_lstm(x, state)

    def _library_lstm(self, x: torch.Tensor, before: State | None = None) -> tuple[torch.Tensor, State]:
        """States (runs, rows, steps, units) by PyTorch's own LSTM, whose gates are in the same order, run by run.

        It is faster than what is written out below, but takes vectors only, not ids. `before`: for each run, the pair
        of states and cells to begin with; the second value are the pairs to go on from.
        """
        layers = [self._layer(number) for number in range(1, self.spec.layers + 1)]
        outputs, after = [], []
        for run, vectors in enumerate(x):
            weights = []
            for kernel, recurrent, bias, second in layers:
                none = torch.zeros_like(bias[run, :, 0])
                biases = [bias[run, :, 0], none if second is None else second[run, :, 0]]
                weights += [kernel[run].contiguous(), recurrent[run].contiguous(), *biases]
            zeros = x.new_zeros(len(layers), x.shape[1], self.spec.units)
            start = before[run] if before else (zeros, zeros)
            states, last, cell = torch.lstm(vectors, start, weights, True, len(layers), 0.0, True, False, True)
            outputs.append(states)
            after.append((last, cell))
        return outputs[0][None] if len(outputs) == 1 else torch.stack(outputs), after


def _look_up(ids: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """What the products of one-hot vectors with the kernel are: its columns. (steps, runs, width, examples)."""
    columns = (kernel + bias).transpose(1, 2)
    first = torch.arange(len(kernel), device=ids.device)[:, None, None] * columns.shape[1]
    picked = pick(columns.flatten(0, 1), (ids + first).permute(2, 0, 1))
    return picked.transpose(2, 3).contiguous()
