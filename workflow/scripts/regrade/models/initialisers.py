"""Initial parameters by the conventions of Keras (the same in all its releases) and of PyTorch.

Each run's are from its own random stream.
"""

import math

import torch

from regrade.models.layer import Context


def kernel(context: Context, shape: tuple[int, ...], fan_in: int, fan_out: int) -> torch.Tensor:
    """Initial kernels (runs, *shape).

    keras: uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
    torch: uniform in ±1 / sqrt(fan_in), PyTorch's default for linear and convolutional layers.
    """
    limit = math.sqrt(6 / (fan_in + fan_out)) if context.as_keras else 1 / math.sqrt(fan_in)
    return _uniform(context, shape, limit)


def bias(context: Context, units: int, fan_in: int) -> torch.Tensor:
    """Initial biases (runs, units). keras: zero. torch: uniform in ±1 / sqrt(fan_in)."""
    if context.as_keras:
        return torch.zeros(len(context.initial), units)
    return _uniform(context, (units,), 1 / math.sqrt(fan_in))


def normal(context: Context, shape: tuple[int, ...]) -> torch.Tensor:
    """Parameters (runs, *shape) from the standard normal distribution."""
    return torch.stack([torch.randn(shape, generator=stream) for stream in context.initial])


def normal_pair(
    context: Context, inputs: int, units: int, deviation: float, zero_bias: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel and bias of a linear layer from normal distributions of mean 0, or the bias of zeros (`zero_bias`)."""
    kernel = normal(context, (inputs, units)).mul_(deviation)
    bias = torch.zeros(len(context.initial), units) if zero_bias else normal(context, (units,)).mul_(deviation)
    return kernel, bias


def linear_pair(context: Context, inputs: int, units: int) -> list[torch.Tensor]:
    """Kernel and bias as of PyTorch's linear layer from `inputs` to `units`: uniform in ±1 / sqrt(inputs)."""
    limit = 1 / math.sqrt(inputs)
    return [_uniform(context, shape, limit) for shape in ((inputs, units), (units,))]


def recurrent_kernels(context: Context, inputs: int, units: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Initial input kernels (runs, inputs, width) and recurrent kernels (runs, units, width) of `width` gates · units.

    keras: Glorot uniform over the whole input kernel; the recurrent kernel orthogonal (Saxe et al. 2014).
    torch: both uniform in ±1 / sqrt(units).
    """
    if context.as_keras:
        return kernel(context, (inputs, width), inputs, width), _orthogonal(context, units, width)
    limit = 1 / math.sqrt(units)
    return _uniform(context, (inputs, width), limit), _uniform(context, (units, width), limit)


def recurrent_bias(context: Context, units: int, width: int, forget: bool) -> torch.Tensor:
    """Initial biases (runs, width) of a recurrent layer.

    keras: zero, but one for the forget gate, the second of an LSTM's (`forget`). torch: uniform in ±1 / sqrt(units).
    """
    if not context.as_keras:
        return _uniform(context, (width,), 1 / math.sqrt(units))
    bias = torch.zeros(len(context.initial), width)
    if forget:
        bias[:, units : 2 * units] = 1
    return bias


def embedding(context: Context, shape: tuple[int, int]) -> torch.Tensor:
    """Initial embeddings (runs, vocabulary, units). keras: uniform in ±0.05. torch: normal, standard deviation 1."""
    if context.as_keras:
        return _uniform(context, shape, 0.05)
    return normal(context, shape)


def _orthogonal(context: Context, rows: int, columns: int) -> torch.Tensor:
    """Matrices with orthonormal rows (there are at least as many columns), as Keras draws them."""
    normal = torch.stack([torch.randn(columns, rows, generator=stream) for stream in context.initial])
    q, r = torch.linalg.qr(normal)
    return (q * r.diagonal(dim1=1, dim2=2).sign()[:, None]).transpose(1, 2).contiguous()


def _uniform(context: Context, shape: tuple[int, ...], limit: float) -> torch.Tensor:
    return torch.stack([torch.rand(shape, generator=stream) for stream in context.initial]).mul_(2).sub_(1).mul_(limit)
