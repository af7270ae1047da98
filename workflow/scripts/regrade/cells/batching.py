"""Which cells share a training job."""

from collections.abc import Hashable, Iterable

from regrade.cells.cell import Cell
from regrade.core.files import short_hash


def batches(every: Iterable[Cell], size: int) -> dict[str, tuple[Cell, ...]]:
    """Batches of two to `size` cells, by the name of the rule that trains them.

    The cells of a batch belong to one experiment and have their data, winner and code in common, so that what
    Snakemake compares to decide on a rerun is the same in batches of any size. What is finished plays no part: every
    job reads the workflow again and must see the same batches. The name is made from the cells in the batch. Cells that
    a reduced scale leaves at full protocol have jobs of their own: each takes longer than many others.
    """
    alike: dict[Hashable, list[Cell]] = {}
    for cell in every:
        if cell.in_full:
            continue
        winner = cell.selection.path if cell.selection else None
        key = (cell.study, cell.experiment, tuple(cell.needed_data.folders), winner, cell.code)
        alike.setdefault(key, []).append(cell)
    chunks = [tuple(group[i : i + size]) for group in alike.values() for i in range(0, len(group), size)]
    return {_name(chunk): chunk for chunk in chunks if len(chunk) > 1}


def _name(batch: tuple[Cell, ...]) -> str:
    return f"train_{batch[0].study}_{batch[0].experiment}_{short_hash([cell.name for cell in batch])}"
