"""What the layers of one trained network answer to many images: their strongest activations.

Networks here have one run and are in evaluation. Images (examples, channels, height, width) are as the network takes
them, before any rescaling of its own.
"""

from dataclasses import dataclass

import torch

from regrade.models.layer import Layer
from regrade.models.network import ACTIVATION, Network

# Images at once: the outputs of all layers of a deep CNN for so many take less than 0.5 GB
BATCH = 100


@dataclass(frozen=True)
class Strongest:
    """The strongest activations of each feature map, the largest first, no more than one per image.

    `values` (maps, top). `images` (maps, top): numbers of the images. `positions` (maps, top, 2): row and column.
    """

    values: torch.Tensor
    images: torch.Tensor
    positions: torch.Tensor


def layers_through(network: Network, name: str) -> list[Layer]:
    """The layers from the first to `name` with its activation function, in the order that params.yaml has them.

    The network itself may run an activation after the pooling behind it, which changes no result; here each layer's
    own output counts. ValueError when there is no such layer.
    """
    if name not in network.layers:
        names = [layer for layer in network.layers if not layer.endswith(ACTIVATION)]
        raise ValueError(f"there is no layer {name!r}, only {', '.join(names)}")
    last = name + ACTIVATION if name + ACTIVATION in network.layers else name
    return list(network.layers.values())[: list(network.layers).index(last) + 1]


@torch.no_grad()
def strongest(network: Network, images: torch.Tensor, name: str, top: int) -> Strongest:
    """The `top` images that excite each feature map of layer `name` most, and where in the map they do so.

    Of equally strong images the first comes first. ValueError when there is no such layer or it has no maps.
    """
    layers = layers_through(network, name)
    if len(layers[-1].output_shape) != 3:
        raise ValueError(f"the layer {name!r} has no feature maps")
    maxima = []
    for batch in images.split(BATCH):
        x = batch[None]
        for layer in layers:
            x = layer(x)
        maxima.append(x[0].flatten(2).max(2))
    values, places = (torch.cat(parts).T for parts in zip(*maxima, strict=True))
    order = values.argsort(dim=1, descending=True, stable=True)[:, :top]
    places, width = places.gather(1, order), layers[-1].output_shape[2]
    return Strongest(values.gather(1, order), order, torch.stack([places // width, places % width], 2))
