"""A network: the layers that params.yaml lists, built one after another."""

import importlib
from typing import TYPE_CHECKING

import torch

from regrade.models.layer import Activation, Context

if TYPE_CHECKING:
    from regrade.config import layer_specs


class Network(torch.nn.Module):
    """The networks of several runs, with equal layers and parameters of their own.

    Layers are named by kind and position within the kind: convolution1, max_pooling1, convolution2, …
    """

    def __init__(self, specs: "list[layer_specs.Layer]", shape: tuple[int, ...], context: Context):
        """Build the layers for examples of `shape`. ValueError when a layer gets an input it cannot take."""
        super().__init__()
        counts: dict[str, int] = {}
        for spec in specs:
            counts[spec.kind] = counts.get(spec.kind, 0) + 1
            # By name, not by import: a cell depends on the modules of its own layers only
            made = getattr(
                importlib.import_module(f"regrade.models.{spec.module}"), type(spec).__name__.removesuffix("Spec")
            )
            try:
                layer = made(spec, shape, context)
            except ValueError:
                raise ValueError(f"the layer {spec.kind} cannot take its input of shape {shape}") from None
            if min(layer.output_shape) < 1:
                raise ValueError(f"the layer {spec.kind} leaves nothing of its input of shape {shape}")
            shape = layer.output_shape
            self.add_module(f"{spec.kind}{counts[spec.kind]}", layer)
            if getattr(spec, "activation", None) not in (None, "linear"):
                self.add_module(f"{spec.kind}{counts[spec.kind]}_activation", Activation(spec.activation, shape))
        self.output_shape = shape
        self._order = _activate_after_pooling(list(self.children()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, *input shape) → (runs, examples, *output shape), logits in most networks."""
        for layer in self._order:
            x = layer(x)
        return x

    def step(self, x: torch.Tensor, states: dict | None) -> tuple[torch.Tensor, dict]:
        """As `forward`, going on from where the last call ended; what the next call goes on from comes with it.

        `states`: what the last call gave; None at the beginning.
        """
        after = {}
        for name, layer in self.named_children():
            if hasattr(layer, "step"):
                x, after[name] = layer.step(x, states and states[name])
            else:
                x = layer(x)
        return x, after

    def outputs(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The output of every layer by name, after its activation: (runs, examples, *shape)."""
        outputs = {}
        for name, layer in self.named_children():
            x = layer(x)
            outputs[name.removesuffix("_activation")] = x
        return outputs


def _activate_after_pooling(order: list[torch.nn.Module]) -> list[torch.nn.Module]:
    """The layers in the order of execution: an activation before a max pooling goes behind it.

    An increasing function of the maximum is the maximum of the function's values, at a fraction of the elements.
    """
    for i in range(len(order) - 1):
        if isinstance(order[i], Activation) and order[i + 1].commutes_with_activation:
            order[i], order[i + 1] = order[i + 1], order[i]
    return order
