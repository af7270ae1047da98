"""Batch normalisation."""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models.layer import Context, Layer

if TYPE_CHECKING:
    from regrade.config import layer_specs


# Share of the old value in the running statistics, epsilon, and what the running variance divides by: rows - this
TORCH, KERAS = (0.9, 1e-5, 1), (0.99, 1e-3, 0)


class BatchNormalization(Layer):
    """Channels with mean 0 and variance 1 over the batch and all positions, then scaled and shifted.

    Channels come first, but the features of a sequence, (steps, features), come last. Outside training, the running
    mean and variance take the place of the batch's (Ioffe and Szegedy 2015).
    """

    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, spec: "layer_specs.BatchNormalizationSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        self.of_sequences = len(shape) == 2
        runs, channels = len(context.initial), shape[-1 if self.of_sequences else 0]
        self.keep, self.epsilon, self.correction = KERAS if context.as_keras else TORCH
        self.scale = torch.nn.Parameter(torch.ones(runs, channels))
        self.shift = torch.nn.Parameter(torch.zeros(runs, channels))
        self.register_buffer("mean", torch.zeros(runs, channels))
        self.register_buffer("variance", torch.ones(runs, channels))
        self.output_shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, channels, …) or (runs, examples, steps, features) → the same shape."""
        x = x.transpose(2, 3) if self.of_sequences else x
        channels = x.transpose(0, 1).flatten(1, 2)
        mean, variance = self.mean.flatten(), self.variance.flatten()
        if self.training:
            mean, variance = torch.zeros_like(mean), torch.zeros_like(variance)
        # With a momentum of 1, these are the batch's own afterwards, the variance divided by rows - 1
        normalised = functional.batch_norm(
            channels, mean, variance, self.scale.flatten(), self.shift.flatten(), self.training, 1.0, self.epsilon
        )
        if self.training:
            rows = channels.numel() // channels.shape[1]
            unbiased = variance.view_as(self.variance) * ((rows - 1) / (rows - self.correction))
            self.mean.lerp_(mean.view_as(self.mean), 1 - self.keep)
            self.variance.lerp_(unbiased, 1 - self.keep)
        normalised = normalised.unflatten(1, (len(x), -1)).transpose(0, 1)
        return normalised.transpose(2, 3) if self.of_sequences else normalised
