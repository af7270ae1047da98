"""Embedding of token ids."""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models import initialisers
from regrade.models.layer import Context, Layer, each_run

if TYPE_CHECKING:
    from regrade.config import layer_specs


class Embedding(Layer):
    """A row of the table (runs, ids, units) for each token id."""

    def __init__(self, spec: "layer_specs.EmbeddingSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        (steps,) = shape
        table = initialisers.embedding(context, (context.vocabulary_size, spec.units))
        if spec.initial == "word_vectors":
            assert context.word_vectors is not None, "the data come with the word vectors that a network asks for"
            # Ids without a fitted vector (padding, start, unknown) keep their random one
            fitted = context.word_vectors.isfinite().all(1)
            table[:, fitted] = context.word_vectors[fitted]
        self.table = torch.nn.Parameter(table)
        self.output_shape = (steps, spec.units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ids (runs, examples, steps) → vectors (runs, examples, steps, units)."""
        return rows_of(self.table, x)


class Bag(Layer):
    """The mean of the table's rows that an example's ids name, without those of id 0, padding (Joulin et al. 2016)."""

    def __init__(self, spec: "layer_specs.BagSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        (_,) = shape
        self.table = torch.nn.Parameter(initialisers.embedding(context, (context.vocabulary_size, spec.units)))
        self.output_shape = (spec.units,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ids (runs, examples, steps) → means (runs, examples, units)."""
        # A weighted sum is four times faster than a mean that PyTorch itself takes without the padding
        counted = (x != 0).to(self.table.dtype)
        weights = counted / counted.sum(2, keepdim=True).clamp(min=1)
        # Run by run: the gradient of one bag over all runs would add up in an order that depends on how many there are
        runs = zip(x, each_run(self.table), weights, strict=True)
        means = [functional.embedding_bag(*run[:2], mode="sum", per_sample_weights=run[2]) for run in runs]
        return torch.stack(means)


def rows_of(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The rows of each run's table (runs, ids, units) that `ids` (runs, …) name: (runs, …, units)."""
    first_rows = torch.arange(len(ids), device=ids.device).view(-1, *[1] * (ids.dim() - 1)) * table.shape[1]
    return pick(table.flatten(0, 1), ids + first_rows)


def pick(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The rows of a table (rows, units) that `ids` (…) name: (…, units)."""
    if table.is_cuda:
        return functional.embedding(ids, table)  # its gradient is added up in the same order every time
    # The gradient of a selection is added up in less than half the time
    return table.index_select(0, ids.flatten()).unflatten(0, ids.shape)
