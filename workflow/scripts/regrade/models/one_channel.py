"""Convolution of a sequence that is given as an image of one channel."""

from typing import TYPE_CHECKING

import torch

from regrade.models import initialisers
from regrade.models.layer import Context
from regrade.models.sequence import SequenceConvolution

if TYPE_CHECKING:
    from regrade.config import layer_specs


class OneChannelConvolution(SequenceConvolution):
    """What `SequenceConvolution` computes, as a convolution of an image with kernels as wide as the image.

    Only the initial kernels differ. Keras' fan-out of an image convolution counts every position of a kernel, here
    steps and features; that of a convolution along a sequence counts steps only.
    """

    def __init__(self, spec: "layer_specs.OneChannelConvolutionSpec", shape: tuple[int, ...], context: Context):
        super().__init__(spec, shape, context)
        size, features, filters = self.kernel.shape[1:]
        area = size * features
        # In place of those that a convolution along a sequence has drawn
        self.kernel = torch.nn.Parameter(initialisers.kernel(context, (size, features, filters), area, area * filters))
