"""Convolution and pooling over images (channels, height, width)."""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models import initialisers
from regrade.models.layer import Context, Layer, each_run

if TYPE_CHECKING:
    from regrade.config import layer_specs


FEW_POSITIONS = 16


class Convolution(Layer):
    """Cross-correlation with square kernels and stride 1; the kernel (runs, filters, channels, size, size)."""

    def __init__(self, spec: "layer_specs.ConvolutionSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        channels, height, width = shape
        size, filters = spec.kernel, spec.filters
        area = size * size
        kernel = initialisers.kernel(context, (filters, size, size, channels), channels * area, filters * area)
        kernel = kernel.permute(0, 1, 4, 2, 3)
        # A CPU's convolutions are faster with the channels last in memory, except on maps of a few positions
        few = height * width <= FEW_POSITIONS
        self.order = torch.contiguous_format if few else torch.channels_last
        self.kernel = torch.nn.Parameter(kernel.contiguous() if few else kernel)
        self.bias = torch.nn.Parameter(initialisers.bias(context, filters, channels * area))
        self.padding, narrower = spec.padding, size - 1 - 2 * spec.padding
        self.output_shape = (filters, height - narrower, width - narrower)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, channels, height, width) → (runs, examples, filters, height, width), as padded."""
        if x.is_cuda:
            return torch.stack(
                [self._alone(*run) for run in zip(*map(each_run, (x, self.kernel, self.bias)), strict=True)]
            )
        if len(x) == 1:
            ordered = x[0].contiguous(memory_format=self.order)
            return functional.conv2d(ordered, self.kernel.squeeze(0), self.bias.squeeze(0), padding=self.padding)[None]
        grouped = x.transpose(0, 1).flatten(1, 2)
        kernels, biases = self.kernel.flatten(0, 1), self.bias.flatten()
        maps = functional.conv2d(grouped, kernels, biases, padding=self.padding, groups=len(x))
        return maps.unflatten(1, (len(x), -1)).transpose(0, 1)

    def _alone(self, x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """One run's maps. Without groups and with the columns last in memory a GPU is fastest (docs/performance.md)."""
        return functional.conv2d(x.contiguous(), kernel.contiguous(), bias, padding=self.padding)


class MaxPooling(Layer):
    """Maximum over squares; what is left over at the right and lower edge is dropped."""

    commutes_with_activation = True

    def __init__(self, spec: "layer_specs.MaxPoolingSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        channels, height, width = shape
        self.size, self.stride, self.padding = spec.size, spec.stride or spec.size, spec.padding
        self.output_shape = (
            channels,
            *((side + 2 * self.padding - self.size) // self.stride + 1 for side in (height, width)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, channels, height, width) → the same with fewer rows and columns."""
        return functional.max_pool2d(x.flatten(0, 1), self.size, self.stride, self.padding).unflatten(0, x.shape[:2])
