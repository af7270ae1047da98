"""Finished cells whose files Snakemake is about to delete, as it does before a job that adds seeds to them.

Their files get a second name, a hard link, until the job is done. Where it is killed, the cell is put back as it was.
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from regrade.cells.cell import Cell
from regrade.cells.layout import FILES, RECORD, STATES
from regrade.core import integrity
from regrade.core.files import atomic_folder, read_json, short_hash


def path(cell: Cell) -> Path:
    """The folder of the links."""
    return STATES / "aside" / short_hash(cell.folder.as_posix())


def keep(cells: Iterable[Cell]) -> None:
    """Set the finished ones of these cells aside, if they are undamaged and of the present code."""
    for cell in cells:
        if cell.is_finished and _is_good(cell.folder, cell):
            with atomic_folder(path(cell)) as links:
                for name in FILES:
                    _link(cell.folder / name, links / name)


def put_back(cells: Iterable[Cell]) -> None:
    """Where a job did not finish one of these cells, put back what was set aside; it stays aside as well."""
    for cell in cells:
        aside = path(cell)
        if aside.exists() and integrity.damaged(cell.folder, RECORD) and _is_good(aside, cell):
            cell.folder.mkdir(parents=True, exist_ok=True)
            # The record comes last, as when a cell is written
            for name in FILES:
                (cell.folder / name).unlink(missing_ok=True)
                _link(aside / name, cell.folder / name)


def forget(cells: Iterable[Cell]) -> None:
    """Drop what was set aside of these cells, which are finished."""
    for cell in cells:
        shutil.rmtree(path(cell), ignore_errors=True)


def _is_good(folder: Path, cell: Cell) -> bool:
    """Whether a folder's files are undamaged results of the present code. False where they are gone meanwhile."""
    with suppress(FileNotFoundError):
        return not integrity.damaged(folder, RECORD) and read_json(folder / RECORD).get("code") == cell.code
    return False


def _link(present: Path, further: Path) -> None:
    """A second name for a file; a copy where the file system has none."""
    try:
        os.link(present, further)
    except OSError:
        shutil.copy2(present, further)
