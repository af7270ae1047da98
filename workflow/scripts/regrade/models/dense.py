"""Fully connected layers and what goes with them."""

import math
from typing import TYPE_CHECKING

import torch

from regrade.models import initialisers
from regrade.models.layer import Context, Layer
from regrade.models.products import product

if TYPE_CHECKING:
    from regrade.config import layer_specs


class Dense(Layer):
    """x · kernel + bias, the kernel (runs, inputs, units); for each step of a sequence."""

    def __init__(self, spec: "layer_specs.DenseSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        *steps, inputs = shape
        if len(steps) > 1:
            raise ValueError(f"{len(shape)} dimensions")
        units = context.classes if spec.units == "classes" else spec.units
        if spec.initial == "normal":
            kernel, bias = initialisers.normal_pair(context, inputs, units, spec.deviation or 1.0, spec.zero_bias)
        else:
            kernel = initialisers.kernel(context, (inputs, units), inputs, units)
            bias = initialisers.bias(context, units, inputs)
        self.kernel, self.bias = torch.nn.Parameter(kernel), torch.nn.Parameter(bias)
        self.output_shape = (*steps, units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, [steps,] inputs) → (runs, examples, [steps,] units)."""
        return product(x.flatten(1, -2), self.kernel, self.bias[:, None]).view(*x.shape[:-1], -1)


class Flatten(Layer):
    """One vector per example, in the order channel, row, column."""

    def __init__(self, spec: "layer_specs.FlattenSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        self.output_shape = (math.prod(shape),)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, …) → (runs, examples, inputs)."""
        return x.flatten(2)


class Dropout(Layer):
    """Inverted dropout (Srivastava et al. 2014), each run's mask from its own stream."""

    def __init__(self, spec: "layer_specs.DropoutSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        self.rate, self.streams, self.output_shape = spec.rate, context.dropout, shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape; the identity outside training."""
        if not self.training or self.rate == 0:
            return x
        masks = torch.stack([_mask(of_run, self.rate, stream) for of_run, stream in zip(x, self.streams, strict=True)])
        return x * masks


LEVELS = 2**16  # of a number that decides on one input


def _mask(x: torch.Tensor, rate: float, stream: torch.Generator) -> torch.Tensor:
    """Zeros, with this probability to the 16th binary digit, and for the rest what keeps the mean.

    Drawn in the order in memory on a CPU, where a run's is the same alone as among others, and row by row on a GPU.

    Four inputs are decided on by one number of the stream, five times faster than by PyTorch's `bernoulli_` on a CPU.
    """
    inputs, dropped = x.numel(), math.floor(rate * LEVELS)
    drawn = torch.empty(math.ceil(inputs / 4), dtype=torch.int64, device=x.device)
    drawn.random_(-(2**63), None, generator=stream)
    mask = torch.empty_like(x, memory_format=torch.contiguous_format if x.is_cuda else torch.preserve_format)
    in_memory = mask.as_strided((inputs,), (1,))
    torch.ge(drawn.view(torch.int16)[:inputs], dropped - LEVELS // 2, out=in_memory)
    return mask.mul_(LEVELS / (LEVELS - dropped))
