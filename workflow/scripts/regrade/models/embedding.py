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


class Bag(Layer):
    """The mean of the table's rows that an example's ids name, without those of id 0, padding (Joulin et al. 2016)."""

    def __init__(self, spec: "layers.Bag", shape: tuple[int, ...], context: Context):
        super().__init__()
        (_,) = shape
        self.table = torch.nn.Parameter(initialisers.embedding(context, (context.vocabulary_size, spec.units)))
        self.output_shape = (spec.units,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ids (runs, examples, steps) → means (runs, examples, units)."""
        # Run by run: the gradient of one bag over all runs would add up in an order that depends on how many there are
        means = [functional.embedding_bag(ids, table, padding_idx=0) for ids, table in zip(x, self.table, strict=True)]
        return torch.stack(means)


def rows_of(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The rows of each run's table (runs, ids, units) that `ids` (runs, …) name: (runs, …, units)."""
    first_rows = torch.arange(len(ids), device=ids.device).view(-1, *[1] * (ids.dim() - 1)) * table.shape[1]
    return functional.embedding(ids + first_rows, table.flatten(0, 1))
