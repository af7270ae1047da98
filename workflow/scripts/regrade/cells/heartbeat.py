"""What a job that trains says of itself while it does: a small file beside the states of its runs."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from regrade.cells.layout import STATES
from regrade.core import locks
from regrade.core.background import beside
from regrade.core.errors import UserError
from regrade.core.files import read_json, write_json

# Held by the job that trains the runs of a folder, see `regrade.training.store`
LOCK = "lock"
FILE = "heartbeat.json"
EVERY_SECONDS = 2
# Where locks cannot be asked for, a job that was silent for so long is taken for dead
SILENT_SECONDS = 60
# Epochs whose mean is a run's pace: enough to level them out, and the first ones of a process, which are slow, fade
RECENT = 10


class Trains(Protocol):
    """A run in training (`regrade.training.state.RunState`)."""

    seed: int
    history: list[dict[str, Any]]
    finished: bool

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""


@dataclass(frozen=True)
class Run:
    """How far a run is. `pace`: its share of the job's seconds per epoch lately; None before its first evaluation."""

    seed: int
    epoch: int
    finished: bool
    pace: float | None


@dataclass(frozen=True)
class Heartbeat:
    """What a job said last. `slurm_job`: its number on a cluster; `written`: seconds since 1970, by the job's clock."""

    host: str
    slurm_job: str | None
    written: float
    runs: tuple[Run, ...]

    @property
    def silent(self) -> float:
        """Seconds since then; none where the clocks of two machines differ by more."""
        return max(time.time() - self.written, 0)


@contextmanager
def beating(folder: Path, runs: Sequence[Trains]) -> Iterator[None]:
    """Write every few seconds how far `runs` are, which may become more, while the block trains them.

    The file goes when the block ends; an error or the end of the process leaves it, to say how far they came. Without
    a heartbeat, as on a full disk, training goes on.
    """

    def beat() -> None:
        with suppress(OSError):
            said = Heartbeat(socket.gethostname(), os.environ.get("SLURM_JOB_ID"), time.time(), _progress(runs))
            write_json(folder / FILE, asdict(said))

    def keep_beating(ended: threading.Event) -> None:
        beat()
        while not ended.wait(EVERY_SECONDS):
            beat()

    # Not by training itself, which may not come by for many minutes
    with beside(keep_beating):
        yield
    with suppress(OSError):
        (folder / FILE).unlink()


def _progress(runs: Sequence[Trains]) -> tuple[Run, ...]:
    return tuple(Run(run.seed, run.epoch, run.finished, _pace(run.history)) for run in tuple(runs))


def _pace(history: list[dict[str, Any]]) -> float | None:
    """Seconds per epoch of the last epochs."""
    rows = history[:]
    if not rows:
        return None
    first = next(place for place, row in enumerate(rows) if row["epoch"] > rows[-1]["epoch"] - RECENT)
    before = rows[first - 1]["epoch"] if first else 0
    pace: float = sum(row["seconds"] for row in rows[first:]) / (rows[-1]["epoch"] - before)
    return pace


def read_all() -> dict[str, Heartbeat]:
    """The heartbeats that there are, by the hash of the configuration that is trained."""
    try:
        heartbeats = {path.parent.name: _read(path) for path in STATES.glob(f"*/{FILE}")}
    except FileNotFoundError:  # the folder was deleted meanwhile
        return {}
    return {name: heartbeat for name, heartbeat in heartbeats.items() if heartbeat}


def _read(path: Path) -> Heartbeat | None:
    """None where the job ended meanwhile, or the file is no heartbeat."""
    try:
        content = read_json(path)
        return Heartbeat(**content | {"runs": tuple(Run(**run) for run in content["runs"])})
    except (OSError, UserError, KeyError, TypeError):
        return None


def is_alive(configuration: str, heartbeat: Heartbeat) -> bool:
    """Whether the job that wrote it still trains. Its lock tells that at once, on whichever machine it runs."""
    try:
        with (STATES / configuration / LOCK).open() as file:
            # Given back when the file is closed. A job that asks for it in that moment waits until then
            return not locks.take(file, shared=True)
    except OSError:
        return heartbeat.silent < SILENT_SECONDS
