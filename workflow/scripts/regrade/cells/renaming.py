"""Results of versions in which a cell's seeds were part of its name: found by what their records say, and renamed."""

from pathlib import Path

from pydantic import ValidationError

from regrade.cells import noted_seeds
from regrade.cells.cell import Cell
from regrade.cells.configuration import Configuration
from regrade.cells.layout import RECORD
from regrade.cells.progress import configuration_of
from regrade.core.errors import UserError
from regrade.core.files import read_json, write_json


def earlier(cell: Cell) -> Path | None:
    """The folder of the same cell under an earlier name; of several, the one with the most seeds.

    The record must have the same settings, configuration and scale. None where there is no such folder, the cell has
    results under its present name, or it follows a winner that is not known.
    """
    configuration = configuration_of(cell)
    if cell.is_finished or configuration is None:
        return None
    seeds: dict[Path, int] = {}
    for folder in cell.folder.parent.glob("*"):
        if folder.name[:-8] != cell.name[:-8]:
            continue
        try:
            record = read_json(folder / RECORD)
            recorded = Configuration.model_validate(record["configuration"])
        except (OSError, UserError, KeyError, ValidationError):
            continue
        same = record["scale"] == cell.scale and record["varying"] == cell.varying
        if same and recorded.hash == configuration.hash:
            seeds[folder] = len(record["runs"])
    return max(seeds, key=lambda folder: seeds[folder], default=None)


def rename(folder: Path, cell: Cell) -> None:
    """Give the results in `folder`, and the log of their training, the cell's present name.

    UserError where files are in the way.
    """
    if cell.folder.exists() and any(cell.folder.iterdir()):
        raise UserError(f"{cell.folder} has files of a cell that is not finished; move them away, and rename again")
    record = read_json(folder / RECORD)
    write_json(folder / RECORD, record | {"cell": cell.name})
    noted_seeds.write(cell, [run["seed"] for run in record["runs"]])
    for ending in (".log", ".benchmark.tsv"):
        if (log := Path("logs", f"{folder}{ending}")).exists():
            log.rename(Path("logs", f"{cell.folder}{ending}"))
    folder.rename(cell.folder)
