"""Where the rows of an epoch come from: the training rows in fresh order, or newly drawn examples.

An epoch is one or more pieces, with an evaluation after each; a piece is a sequence of blocks (inputs (runs, rows, …),
targets (runs, rows)) of whole batches, the last batch of an epoch as short as it happens to be.
"""

from collections.abc import Callable, Iterator

import torch

Block = tuple[torch.Tensor, torch.Tensor]
# Rows are gathered for several batches at once, as many as have about this many numbers in all
BLOCK_NUMBERS = 1 << 20


def shuffled(
    inputs: torch.Tensor, targets: torch.Tensor, streams: list[torch.Generator], batch_size: int, pieces: int
) -> Iterator[Iterator[Block]]:
    """All rows once, each run's in its own order."""
    order = torch.stack([torch.randperm(len(targets), generator=stream) for stream in streams]).to(targets.device)
    per_block = _rows_of_block(inputs, len(streams), batch_size)
    for piece in _cut(order, batch_size, pieces):
        yield ((_rows(inputs, rows), targets[rows]) for rows in piece.split(per_block, dim=1))


def fresh(
    draw: Callable[[int, torch.Generator], Block],
    rows: int,
    streams: list[torch.Generator],
    batch_size: int,
    device: torch.device,
) -> Iterator[Iterator[Block]]:
    """`rows` new examples for each run, drawn from its own stream, in one piece."""
    drawn = [draw(rows, stream) for stream in streams]
    inputs, targets = (torch.stack(parts).to(device) for parts in zip(*drawn, strict=True))
    per_block = _rows_of_block(inputs[0], len(streams), batch_size)
    yield zip(inputs.split(per_block, dim=1), targets.split(per_block, dim=1), strict=True)


def similar_length(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    lengths: torch.Tensor,
    streams: list[torch.Generator],
    most_tokens: int,
    pieces: int,
) -> Iterator[Iterator[Block]]:
    """All rows once, in batches of rows of similar length, each a block, the batches in fresh order; one run only.

    inputs (rows, longest) are padded at the end; a block is as wide as its longest row. Which rows of equal length
    share a batch is drawn afresh, too.
    """
    (stream,) = streams
    drawn = torch.randperm(len(lengths), generator=stream).to(lengths.device)
    by_length = similar(lengths, most_tokens, drawn)
    shuffled_batches = [by_length[i] for i in torch.randperm(len(by_length), generator=stream).tolist()]
    for start, end in _bounds(len(by_length), pieces):
        yield ((inputs[None, rows, :width], targets[None, rows]) for rows, width in shuffled_batches[start:end])


def similar(
    lengths: torch.Tensor, most_tokens: int, order: torch.Tensor | None = None, equal: bool = False
) -> list[tuple[torch.Tensor, int]]:
    """Batches of rows from the shortest to the longest: row numbers, and the length of the batch's longest row.

    As many rows as have at most `most_tokens` tokens when all are as long as the longest; a single longer row is a
    batch of its own. `order`: in which rows of equal length are taken. `equal`: all rows of a batch are equally long.
    """
    order = torch.arange(len(lengths), device=lengths.device) if order is None else order
    order = order[lengths[order].argsort(stable=True)]
    sorted_lengths = lengths[order].tolist()
    starts = [0]
    for place, length in enumerate(sorted_lengths):
        size = place - starts[-1]
        if size and ((size + 1) * length > most_tokens or (equal and length > sorted_lengths[starts[-1]])):
            starts.append(place)
    ends = [*starts[1:], len(sorted_lengths)]
    return [(order[start:end], sorted_lengths[end - 1]) for start, end in zip(starts, ends, strict=True)]


def _rows(inputs: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """inputs[chosen], a row at a time, in the same order in memory; PyTorch's indexing copies number by number."""
    order = [0, *sorted(range(1, inputs.dim()), key=inputs.stride, reverse=True)]
    rows = inputs.permute(order).index_select(0, chosen.flatten())
    return rows.permute([order.index(i) for i in range(inputs.dim())]).unflatten(0, chosen.shape)


def _rows_of_block(inputs: torch.Tensor, runs: int, batch_size: int) -> int:
    """Rows that are gathered at once: whole batches, at least one."""
    numbers = max(inputs[0].numel(), 1) * runs * batch_size
    return batch_size * max(BLOCK_NUMBERS // numbers, 1)


def _cut(order: torch.Tensor, batch_size: int, pieces: int) -> list[torch.Tensor]:
    """`order` (runs, rows) in `pieces` pieces of nearly equally many whole batches; fewer where there are too few."""
    bounds = _bounds(-(-order.shape[1] // batch_size), pieces)
    return [order[:, start * batch_size : end * batch_size] for start, end in bounds]


def _bounds(batches: int, pieces: int) -> list[tuple[int, int]]:
    """First batch of each piece, and the first behind it."""
    ends = sorted({batches * (piece + 1) // pieces for piece in range(pieces)} - {0})
    return list(zip([0, *ends[:-1]], ends, strict=True))
