"""From one activation of a convolutional layer back to pixels: which pattern in an image excites it.

The deconvnet of Zeiler and Fergus (2013), Visualizing and Understanding Convolutional Networks, section 2.1: of a
layer's activations all but one are set to zero, and the layers are passed in reverse order:

- unpooling puts a value where the maximum of its square was in this image (the switch), zero elsewhere;
- rectification, max(0, ·), stands for a ReLU, whatever its input was in the forward pass: this is where the deconvnet
  differs from the gradient, which is zero where that input was negative (Simonyan et al. 2013, section 4);
- filtering applies the transposed kernels: y = K x becomes x = Kᵀ y, a convolution with the kernels flipped.

The paper leaves three things open. Biases are left out, as constants are. What overlapping squares put onto one pixel
is summed, as the transpose of pooling does it. Normalisation, rescaling and gray-scale, linear outside training, are
transposed like filters, so rescaling is not undone: it divides once more, which only changes the picture's unit.
"""

import torch
from torch.nn import functional

from regrade.models.convolutional import Convolution, MaxPooling
from regrade.models.dense import Dropout
from regrade.models.inputs import BITS, LUMA, Grayscale, Normalize, Rescale
from regrade.models.inspect.activations import layers_through
from regrade.models.layer import ACTIVATIONS, Activation, Layer
from regrade.models.network import Network
from regrade.models.normalization import BatchNormalization

# Activation functions without negative values; what is projected back through others may be negative as well
NEVER_NEGATIVE = (ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"])


@torch.no_grad()
def project(
    network: Network, images: torch.Tensor, name: str, maps: torch.Tensor, positions: torch.Tensor
) -> torch.Tensor:
    """The pixels (examples, channels, height, width) that an activation of layer `name` is projected back to.

    For each of `images`, one activation, after the layer's activation function: that of the feature map `maps`
    (examples,) at `positions` (examples, 2), row and column. The projection is proportional to the activation.
    For a network of one run, in evaluation. ValueError when there is no such layer, or one on the way to it that has
    no place in a deconvnet.
    """
    layers = layers_through(network, name)
    outputs = [images[None]]
    for layer in layers:
        outputs.append(layer(outputs[-1]))
    chosen = (torch.arange(len(images)), maps, *positions.T)
    signal = torch.zeros_like(outputs[-1][0])
    signal[chosen] = outputs[-1][0][chosen]
    for layer, below in zip(reversed(layers), reversed(outputs[:-1]), strict=True):
        signal = _back(layer, below[0], signal)
    return signal


def _back(layer: Layer, below: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
    """`signal`, of the shape of the layer's output, one layer down; `below` is what the layer was given."""
    match layer:
        case Activation():
            return signal.relu() if layer.function in NEVER_NEGATIVE else signal
        case MaxPooling():
            _, switches = functional.max_pool2d(below, layer.size, layer.stride, layer.padding, return_indices=True)
            # Not max_unpool2d, which keeps one value where several squares share their maximum
            unpooled = signal.new_zeros(below.flatten(2).shape)
            return unpooled.scatter_add_(2, switches.flatten(2), signal.flatten(2)).view(below.shape)
        case Convolution():
            return functional.conv_transpose2d(signal, layer.kernel[0], padding=layer.padding)
        case BatchNormalization():
            return signal * (layer.scale[0] / (layer.variance[0] + layer.epsilon).sqrt())[:, None, None]
        case Rescale():
            return signal / layer.divisor
        case Normalize():
            return signal / layer.deviation
        case Grayscale():
            return torch.cat([signal * (weight / 2**BITS) for weight in LUMA], dim=1)
        case Dropout():
            return signal
    raise ValueError(f"{type(layer).__name__} has no place in a deconvnet")


def receptive_field(
    network: Network, shape: tuple[int, ...], name: str, position: tuple[int, int]
) -> tuple[slice, slice]:
    """The rows and the columns of an image that can change the activation of layer `name` at `position`.

    `shape`: the image's (channels, height, width). Only pixels of the image: padding is cut off, at every layer.
    ValueError when there is no such layer.
    """
    layers = layers_through(network, name)
    inputs = [shape, *(layer.output_shape for layer in layers[:-1])]
    # First and last index of the rows, and of the columns
    box = [(index, index) for index in position]
    for layer, (_, *sides) in zip(reversed(layers), reversed(inputs), strict=True):
        match layer:
            case Convolution():
                size, stride, padding = layer.kernel.shape[-1], 1, layer.padding
            case MaxPooling():
                size, stride, padding = layer.size, layer.stride, layer.padding
            case _:
                continue
        box = [
            (max(first * stride - padding, 0), min(last * stride - padding + size, side) - 1)
            for (first, last), side in zip(box, sides, strict=True)
        ]
    rows, columns = (slice(first, last + 1) for first, last in box)
    return rows, columns
