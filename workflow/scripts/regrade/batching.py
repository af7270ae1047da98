"""Which cells share a training job."""

from collections.abc import Iterable

from regrade import datasets
from regrade.cells import Cell
from regrade.files import digest


def batches(every: Iterable[Cell], size: int) -> dict[str, tuple[Cell, ...]]:
    """Batches of at most `size` cells, but more than one, by the name of the rule that trains them.

    The cells of a batch stand in one experiment and have their data, their winner and their code in common, so that
    what Snakemake compares to decide on a rerun is the same in batches of any size. What is finished plays no part: the
    batches must be the same whenever the workflow is read, in each job again. The name says who is in the batch.
    """
    alike: dict[tuple, list[Cell]] = {}
    for cell in every:
        vectors = datasets.word_vectors_folder(cell.identity) if "word_vectors" in cell.identity else None
        winner = cell.selection.path if cell.selection else None
        key = (cell.study, cell.experiment, datasets.folder(cell.data), vectors, winner, cell.code)
        alike.setdefault(key, []).append(cell)
    chunks = [tuple(group[i : i + size]) for group in alike.values() for i in range(0, len(group), size)]
    return {_name(chunk): chunk for chunk in chunks if len(chunk) > 1}


def _name(batch: tuple[Cell, ...]) -> str:
    return f"train_{batch[0].study}_{batch[0].experiment}_{digest([cell.name for cell in batch])}"
