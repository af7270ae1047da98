"""Initial parameters by the conventions of Keras and of PyTorch, each run's from its own random stream."""

import math

import torch

from regrade.models.layer import Context


def kernel(context: Context, shape: tuple[int, ...], fan_in: int, fan_out: int) -> torch.Tensor:
    """Initial kernels (runs, *shape).

    keras: uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
    torch: uniform in ±1 / sqrt(fan_in), PyTorch's default for linear and convolutional layers.
    """
    limit = math.sqrt(6 / (fan_in + fan_out)) if context.conventions == "keras" else 1 / math.sqrt(fan_in)
    return _uniform(context, shape, limit)


def bias(context: Context, units: int, fan_in: int) -> torch.Tensor:
    """Initial biases (runs, units). keras: zero. torch: uniform in ±1 / sqrt(fan_in)."""
    if context.conventions == "keras":
        return torch.zeros(len(context.initial), units)
    return _uniform(context, (units,), 1 / math.sqrt(fan_in))


def _uniform(context: Context, shape: tuple[int, ...], limit: float) -> torch.Tensor:
    return torch.stack([torch.rand(shape, generator=stream) for stream in context.initial]).mul_(2).sub_(1).mul_(limit)
