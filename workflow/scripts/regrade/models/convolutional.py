"""Convolution and pooling over images (channels, height, width)."""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models import initialisers
from regrade.models.layer import Context, Layer

if TYPE_CHECKING:
    from regrade import layers


class Convolution(Layer):
    """Cross-correlation with square kernels, stride 1, no padding; the kernel (runs, filters, channels, size, size)."""

    def __init__(self, spec: "layers.Convolution", shape: tuple[int, ...], context: Context):
        super().__init__()
        channels, height, width = shape
        size, filters = spec.kernel, spec.filters
        area = size * size
        kernel = initialisers.kernel(context, (filters, size, size, channels), channels * area, filters * area)
        # Stored with the channels last, as the CPU's convolutions want it
        self.kernel = torch.nn.Parameter(kernel.permute(0, 1, 4, 2, 3))
        self.bias = torch.nn.Parameter(initialisers.bias(context, filters, channels * area))
        self.output_shape = (filters, height - size + 1, width - size + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, channels, height, width) → (runs, examples, filters, …), each side shorter by size - 1."""
        if len(x) == 1:
            return functional.conv2d(x[0], self.kernel[0], self.bias[0])[None]
        grouped = x.transpose(0, 1).flatten(1, 2)
        maps = functional.conv2d(grouped, self.kernel.flatten(0, 1), self.bias.flatten(), groups=len(x))
        return maps.unflatten(1, (len(x), -1)).transpose(0, 1)


class MaxPooling(Layer):
    """Maximum over squares that do not overlap; what is left over at the right and lower edge is dropped."""

    commutes_with_rectifier = True

    def __init__(self, spec: "layers.MaxPooling", shape: tuple[int, ...], context: Context):
        super().__init__()
        channels, height, width = shape
        self.size = spec.size
        self.output_shape = (channels, height // spec.size, width // spec.size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, channels, height, width) → the same with height and width divided by the size."""
        return functional.max_pool2d(x.flatten(0, 1), self.size).unflatten(0, x.shape[:2])
