"""Finished cells whose files Snakemake is about to delete, as it does before a job that adds seeds to them.

Their files get a second name, a hard link, until the job is done. Where it fails or is killed, the next report puts
them back.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from regrade.cells.cell import Cell
from regrade.cells.layout import FILES, RECORD, STATES
from regrade.core import integrity, locks
from regrade.core.files import atomic_folder, read_json, short_hash

# Held by the jobs that train a cell
LOCK = "lock"


def path(cell: Cell) -> Path:
    """The folder of the links."""
    return STATES / "aside" / short_hash(cell.folder.as_posix())


def keep(cells: Iterable[Cell]) -> None:
    """Set the finished ones of these cells aside, if they are undamaged and of the present code."""
    for cell in cells:
        if cell.is_finished and is_good(cell.folder, cell):
            with atomic_folder(path(cell)) as links:
                for name in FILES:
                    _link(cell.folder / name, links / name)
                (links / LOCK).touch()


@contextmanager
def replacing(cells: Iterable[Cell]) -> Iterator[None]:
    """Keep others from putting these cells back while the block trains and writes them; then drop what is aside."""
    cells = list(cells)
    with ExitStack() as until:
        for cell in cells:
            # Shared with jobs that a killed Snakemake left behind
            if _locked(cell, until, shared=True, wait=True):
                # If it was put back since Snakemake deleted it: a cell without a record is not read while it is written
                (cell.folder / RECORD).unlink(missing_ok=True)
        yield
        for cell in cells:
            shutil.rmtree(path(cell), ignore_errors=True)


def put_back(cells: Iterable[Cell]) -> None:
    """Put back the files of cells whose jobs did not finish them and no longer run. They stay aside as well."""
    for cell in cells:
        with ExitStack() as until:
            if not _locked(cell, until):
                continue
            if integrity.damaged(cell.folder, RECORD) and is_good(path(cell), cell):
                cell.folder.mkdir(parents=True, exist_ok=True)
                # The record comes last, as when a cell is written
                for name in FILES:
                    (cell.folder / name).unlink(missing_ok=True)
                    _link(path(cell) / name, cell.folder / name)


def _locked(cell: Cell, until: ExitStack, shared: bool = False, wait: bool = False) -> bool:
    """Whether what was set aside of the cell, if anything, could be locked; never on a file system without locks.

    `wait`: for another process that has it now, which is not for long while it puts a cell back.
    """
    with suppress(OSError):
        file = until.enter_context((path(cell) / LOCK).open("r+"))
        if wait:
            locks.wait(file, shared)
        return wait or locks.take(file, shared)
    return False


def is_good(folder: Path, cell: Cell) -> bool:
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
