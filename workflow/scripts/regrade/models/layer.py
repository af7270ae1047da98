"""What the layers of a network share."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Context:
    """What a layer needs to know beside its own settings.

    `initial` and `dropout`: one random stream per run, the first on the CPU, the second on the network's device.
    `vocabulary_size`: number of different token ids, for data that consist of them.
    """

    conventions: str
    initial: list[torch.Generator]
    dropout: list[torch.Generator]
    vocabulary_size: int | None = None


class Layer(torch.nn.Module):
    """A layer of several runs at once.

    `forward` maps (runs, examples, *input_shape) to (runs, examples, *output_shape); parameters have the runs as their
    first dimension. No run's values depend on another's.
    """

    output_shape: tuple[int, ...]
    # Whether a rectifier before this layer may as well come after it
    commutes_with_rectifier = False


class Activation(Layer):
    """Rectifier, max(0, x)."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.output_shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Element-wise; any shape."""
        return torch.relu(x)
