"""Where a study's page leads from a number: to the cell's page, its curves, its file, another cell beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, urlencode

from regrade.bundle import RUNS
from regrade.cells.layout import HISTORY
from regrade.reporting import COMPARE
from regrade.reporting.evidence import Evidence
from regrade.reporting.pages.rendering import cell_page
from regrade.statistics import BUNDLE

# From a study's page to the working directory
ROOT = "../../"
# An address names at most this many cells; else it is that of all cells of the experiment
MOST_NAMED, ALL = 6, "*"
_CURVE = re.compile(r"(train|test|validation)_(accuracy|loss)")


@dataclass(frozen=True)
class Places:
    """The folders of all `cells`, of those with `curves`, and of those whose own `files` are here."""

    cells: frozenset[str]
    curves: frozenset[str]
    files: frozenset[str]

    def of(self, folder: str, metric: str = "") -> list[tuple[str, str]]:
        """Words and addresses for a number of a cell: its curve, and the file that it is from."""
        links = [("curve", self.curve([folder], metric))] if folder in self.curves else []
        return [*links, ("file", self.file(folder))]

    def among(self, folders: Sequence[str]) -> list[tuple[str, str]]:
        """Words and addresses for a number that these cells give together."""
        if len(folders) == 1:
            return [("cell", cell_page(folders[0])), *self.of(folders[0])] if folders[0] in self.cells else []
        if not self.curves.issuperset(folders):
            return []
        if len(folders) == 2:
            return [("compare", compared(*folders))]
        experiments = {PurePosixPath(folder).parent for folder in folders}
        return [("curves", self.curve(folders))] if len(experiments) == 1 else []

    def curve(self, folders: Sequence[str], metric: str = "") -> str:
        """The explorer with the curves of cells of one experiment, of the metric if it is one of a curve."""
        named = _CURVE.match(metric)
        chosen = [("metric", named[2]), ("split", named[1])] if named else []
        names = [PurePosixPath(folder).name for folder in folders] if len(folders) <= MOST_NAMED else [ALL]
        cells = [("cell", name) for name in names]
        return _address("", [("explore", PurePosixPath(folders[0]).parent.name), *cells, *chosen], "explorer")

    def file(self, folder: str) -> str:
        """The cell's histories; the runs in the bundle where its own files are not here."""
        here = f"{ROOT}{folder}/{HISTORY}" if folder in self.files else f"{BUNDLE}/{RUNS}"
        return quote(here, safe="/=+.")


def places(evidence: Evidence) -> Places:
    """The places of a study's cells."""
    folders = {cell.folder.as_posix(): cell for cell in evidence.cells}
    return Places(
        frozenset(folders),
        frozenset(folder for folder, cell in folders.items() if len(evidence.curve(cell))),
        frozenset(folder for folder, cell in folders.items() if evidence.files(cell)),
    )


def compared(first: str, second: str = "") -> str:
    """The page that compares two cells, given by their folders; with one, the other is yet to be chosen."""
    return _address(COMPARE, [("first", _short(first)), *([("second", _short(second))] if second else [])])


def _short(folder: str) -> str:
    return "/".join(PurePosixPath(folder).parts[-2:])


def _address(page: str, query: list[tuple[str, str]], fragment: str = "") -> str:
    return f"{page}?{urlencode(query, safe='/=')}{'#' + fragment if fragment else ''}"
