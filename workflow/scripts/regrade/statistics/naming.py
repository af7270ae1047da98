"""How claims.yaml and reported.csv name cells and their settings."""

import itertools
from collections.abc import Iterator, Sequence

from regrade.bundle.manifest import BundledCell
from regrade.cells.cell import Cell
from regrade.config.claims import Reference, Test
from regrade.config.reported import SELECTORS, ReportedNumber
from regrade.config.types import Value


def settings(reference: Reference) -> dict[str, Value]:
    """What a claim's reference says of the cells' settings."""
    return {key: value for key, value in reference.items() if key not in ("experiment", "winner")}


def combinations(test: Test, cells: Sequence[BundledCell | Cell]) -> Iterator[dict[str, Value]]:
    """Every combination of the values that a test is made for each of; `cells`: those of its experiment."""
    values = {
        key: list(dict.fromkeys(cell.varying[key] for cell in cells if key in cell.varying)) if some == "all" else some
        for key, some in test.each.items()
    }
    for combination in itertools.product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def of_row(row: ReportedNumber) -> dict[str, Value]:
    """What a row of reported.csv says of the cell's settings."""
    return {key: value for key, value in row["cell"].items() if key not in SELECTORS}


def other_settings(cell: BundledCell, row: ReportedNumber) -> dict[str, Value]:
    """The settings in which a trained cell is not what a row of reported.csv names, with the cell's values."""
    # Those that vary are the row's, or the row would name another cell
    stated = {key: value for key, value in cell.valued(of_row(row)).items() if key not in cell.varying}
    ours = cell.settings
    return {key: ours.get(key, "none") for key, value in stated.items() if ours.get(key) != value}
