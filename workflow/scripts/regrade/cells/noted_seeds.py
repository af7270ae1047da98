"""With which seeds a cell was last trained, kept while a job trains it again: Snakemake deletes its record before."""

from collections.abc import Iterable
from pathlib import Path

from regrade.cells.cell import Cell
from regrade.cells.layout import STATES
from regrade.core.errors import UserError
from regrade.core.files import read_json, short_hash, write_json


def path(cell: Cell) -> Path:
    """The file of the note."""
    return STATES / "seeds" / f"{short_hash(cell.folder.as_posix())}.json"


def read(cell: Cell) -> list[int]:
    """The seeds; none where there is no note, or it is damaged."""
    try:
        return list(read_json(path(cell))["seeds"])
    except (FileNotFoundError, UserError, KeyError):
        return []


def write(cell: Cell, seeds: Iterable[int]) -> None:
    """Note the seeds."""
    write_json(path(cell), {"seeds": list(seeds)})
