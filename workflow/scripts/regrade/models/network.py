"""A network: the layers that params.yaml lists, built one after another."""

import importlib
from collections import Counter
from typing import TYPE_CHECKING

import torch

from regrade.models.layer import Activation, Context, Layer, State

if TYPE_CHECKING:
    from regrade.config import layer_specs


# A layer's activation function has the layer's name with this behind it
ACTIVATION = "_activation"


class Network(torch.nn.Module):
    """The networks of several runs, with equal layers and parameters of their own.

    Layers are named by kind and position within the kind: convolution1, max_pooling1, convolution2, … `layers` has
    them by name in the order of params.yaml, activation functions as layers of their own.
    """

    def __init__(self, specs: "list[layer_specs.Layer]", shape: tuple[int, ...], context: Context):
        """Build the layers for examples of `shape`. ValueError when a layer gets an input it cannot take."""
        super().__init__()
        self.layers: dict[str, Layer] = {}
        counts: Counter[str] = Counter()
        for spec in specs:
            counts[spec.kind] += 1
            name = f"{spec.kind}{counts[spec.kind]}"
            # By name, not by import: a cell depends on the modules of its own layers only
            module = importlib.import_module(f"regrade.models.{spec.module}")
            try:
                layer = getattr(module, type(spec).__name__.removesuffix("Spec"))(spec, shape, context)
            except ValueError:
                raise ValueError(f"the layer {spec.kind} cannot take its input of shape {shape}") from None
            if min(layer.output_shape) < 1:
                raise ValueError(f"the layer {spec.kind} leaves nothing of its input of shape {shape}")
            shape = layer.output_shape
            self.layers[name] = layer
            activation = getattr(spec, "activation", None)
            if activation not in (None, "linear"):
                self.layers[name + ACTIVATION] = Activation(activation, shape)
        for name, layer in self.layers.items():
            self.add_module(name, layer)
        self.output_shape = shape
        self._order = _activate_after_pooling(list(self.layers.values()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, *input shape) → (runs, examples, *output shape), logits in most networks."""
        for layer in self._order:
            x = layer(x)
        return x

    def step(
        self, x: torch.Tensor, states: dict[str, State | None] | None
    ) -> tuple[torch.Tensor, dict[str, State | None]]:
        """`forward` for the next steps of a sequence, and the layers' states after them.

        `states`: those after the steps before, from the last call; None at the beginning.
        """
        after = {}
        for name, layer in self.layers.items():
            x, after[name] = layer.step(x, None if states is None else states[name])
        return x, after

    def outputs(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The output of every layer by name, after its activation: (runs, examples, *shape)."""
        outputs = {}
        for name, layer in self.layers.items():
            x = layer(x)
            outputs[name.removesuffix(ACTIVATION)] = x
        return outputs


def _activate_after_pooling(order: list[Layer]) -> list[Layer]:
    """The layers in the order of execution: an activation before a max pooling goes behind it.

    An increasing function of the maximum is the maximum of the function's values, at a fraction of the elements.
    """
    for i in range(len(order) - 1):
        if isinstance(order[i], Activation) and order[i + 1].commutes_with_activation:
            order[i], order[i + 1] = order[i + 1], order[i]
    return order
