"""What is done to the inputs before the first layer that learns: rescaling, normalising, colours to gray."""

from typing import TYPE_CHECKING

import torch

from regrade.models.layer import Context, Layer

if TYPE_CHECKING:
    from regrade.config import layer_specs

# Weights of red, green and blue in the luma of ITU-R 601-2 (.299, .587, .114), in parts of 2 ** 16, as Pillow has them
LUMA = (19595, 38470, 7471)
BITS = 16


def _once(x: torch.Tensor) -> torch.Tensor:
    """The inputs, once where they are the same for all runs, as evaluated rows are."""
    return x[:1] if x.stride(0) == 0 else x


class Rescale(Layer):
    """Division by a constant; whole numbers become float32."""

    def __init__(self, spec: "layer_specs.RescaleSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        self.divisor, self.output_shape = spec.divisor, shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        return _once(x).to(torch.get_default_dtype(), copy=True).div_(self.divisor).expand(x.shape)


class Normalize(Layer):
    """(x - mean) / deviation; whole numbers become float32."""

    def __init__(self, spec: "layer_specs.NormalizeSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        self.mean, self.deviation, self.output_shape = spec.mean, spec.deviation, shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        return torch.sub(_once(x), self.mean).div_(self.deviation).expand(x.shape)


class Grayscale(Layer):
    """The luma of red, green and blue, the three channels of an image.

    Of whole numbers, it is rounded to one, bit by bit as by Pillow's convert("L"), which torchvision's Grayscale calls.
    """

    def __init__(self, spec: "layer_specs.GrayscaleSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        channels, height, width = shape
        if channels != len(LUMA):
            raise ValueError(f"grayscale needs three channels, red, green and blue, but there are {channels}")
        self.output_shape = (1, height, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, 3, height, width) → (runs, examples, 1, height, width)."""
        red, green, blue = _once(x).unbind(2)
        if x.is_floating_point():
            luma = sum(colour * (weight / 2**BITS) for colour, weight in zip((red, green, blue), LUMA, strict=True))
        else:
            total = red.int().mul_(LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
            luma = total.add_(2 ** (BITS - 1)).bitwise_right_shift_(BITS).to(x.dtype)
        return luma.unsqueeze(2).expand(len(x), -1, -1, -1, -1)
