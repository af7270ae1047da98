"""What the layers of a network share."""

from dataclasses import dataclass

import torch

# What a layer goes on from in the middle of a sequence: for each run, states and cells
State = list[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Context:
    """What a layer needs to know beside its own settings.

    `initial` and `dropout`: one random stream per run, the first on the CPU, the second on the network's device.
    `classes`: how many classes the dataset has.
    `vocabulary_size`: number of different token ids, 0 for data that do not consist of ids. `word_vectors` (ids,
    units): what an embedding may start from.
    `stackable`: whether there may be other runs beside these, on whose number no result may depend (see
    `regrade.training.stacking`).
    """

    conventions: str
    initial: list[torch.Generator]
    dropout: list[torch.Generator]
    classes: int = 0
    vocabulary_size: int = 0
    word_vectors: torch.Tensor | None = None
    stackable: bool = True

    @property
    def as_keras(self) -> bool:
        """Whether the conventions are those of a release of Keras; the others are PyTorch's."""
        return self.conventions != "torch"


def each_run(values: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The part of each run (*shape) of values (runs, *shape); the only run's without a copy in the backward pass."""
    return values.unbind() if len(values) > 1 else (values.squeeze(0),)


class Layer(torch.nn.Module):
    """A layer of several runs at once.

    `forward` maps (runs, examples, *input_shape) to (runs, examples, *output_shape); parameters have the runs as their
    first dimension. No run's values depend on another's.
    """

    output_shape: tuple[int, ...]
    # Whether an increasing function before this layer may as well come after it
    commutes_with_activation = False

    def step(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State | None]:
        """`forward` for the next steps of a sequence, and the state after them; `state`: that before, None at first."""
        return self(x), None


ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "elu": torch.nn.functional.elu}


class Activation(Layer):
    """relu, tanh, sigmoid or elu (alpha 1); all of them increase with their input."""

    def __init__(self, name: str, shape: tuple[int, ...]):
        super().__init__()
        self.function, self.output_shape = ACTIVATIONS[name], shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Element-wise; any shape."""
        return self.function(x)
