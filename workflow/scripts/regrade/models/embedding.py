"""Embedding of token ids."""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models import initialisers
from regrade.models.layer import Context, Layer

if TYPE_CHECKING:
    from regrade import layers


class Embedding(Layer):
    """A row of the table (runs, ids, units) for each token id."""

    def __init__(self, spec: "layers.Embedding", shape: tuple[int, ...], context: Context):
        super().__init__()
        (steps,) = shape
        table = initialisers.embedding(context, (context.vocabulary_size, spec.units))
        if spec.initial == "word_vectors":
            # What no vector was fitted for (padding, start, unknown) keeps its random one
            fitted = context.word_vectors.isfinite().all(1)
            table[:, fitted] = context.word_vectors[fitted]
        self.table = torch.nn.Parameter(table)
        self.output_shape = (steps, spec.units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ids (runs, examples, steps) → vectors (runs, examples, steps, units)."""
        return rows_of(self.table, x)


def rows_of(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The rows of each run's table (runs, ids, units) that `ids` (runs, …) name: (runs, …, units)."""
    first_rows = torch.arange(len(ids), device=ids.device).view(-1, *[1] * (ids.dim() - 1)) * table.shape[1]
    return functional.embedding(ids + first_rows, table.flatten(0, 1))
