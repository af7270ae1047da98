"""What `snakemake settle` has spent so far. It outlives killed jobs, so that hours are not spent twice."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from regrade.cells.cell import Cell
from regrade.cells.layout import STATES
from regrade.core import locks
from regrade.core.errors import UserError
from regrade.core.files import read_json, short_hash, write_json

PATH = STATES / "settle.json"
LOCK = STATES / "settle.lock"


@dataclass
class Round:
    """Further seeds that were trained between two gradings.

    `hours`: that it took; `verdicts`: how many are expected to be added; `cells`, `runs`: how many train; `before`,
    `after`: the claims with a verdict, as "study claim"; `after` is None until it is graded.
    """

    hours: float
    verdicts: float
    cells: int
    runs: int
    before: list[str]
    after: list[str] | None = None


@dataclass
class Ledger:
    """The rounds so far, of these cells (`digest`)."""

    cells: str
    rounds: list[Round] = field(default_factory=list)

    @property
    def hours(self) -> float:
        """Spent so far."""
        return sum(one.hours for one in self.rounds)

    def write(self) -> None:
        """Keep it."""
        write_json(PATH, asdict(self))


def digest(every: Iterable[Cell]) -> str:
    """Of the cells and the code that trains them: hours that were spent on others do not count."""
    return short_hash(sorted([cell.folder.as_posix(), cell.code] for cell in every))


@contextmanager
def opened(every: Iterable[Cell]) -> Iterator[Ledger]:
    """The ledger of these cells, during the block for this process alone. UserError while another one has it."""
    STATES.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as file:
        try:
            if not locks.take(file):
                raise UserError("another `snakemake settle` is still running here; wait for it, or stop it")
        except OSError as error:
            # Snakemake's own lock is there, too
            if not locks.are_missing(error):
                raise
        yield _read(PATH, digest(every))


def _read(path: Path, cells: str) -> Ledger:
    try:
        content: dict[str, Any] = read_json(path)
        if content["cells"] == cells:
            return Ledger(cells, [Round(**one) for one in content["rounds"]])
    except FileNotFoundError:
        pass
    return Ledger(cells)
