"""What the training of cells took so far, from their results and from what their jobs say while they train."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from regrade.cells import prune
from regrade.cells.cell import Cell
from regrade.cells.layout import RECORD, STATES
from regrade.cells.progress import Progress, configuration_of
from regrade.core.errors import UserError
from regrade.core.files import read_json


@dataclass(frozen=True)
class Measured:
    """What is known of a cell's job. `pace`: seconds per epoch of a run, in the mean over the runs that have one.

    `processor`: what trained it, None if not known; `here`: whether it trains on this machine. Of a finished cell also
    `seconds`, that all its runs trained, `memory`, the most that its process held, and `disk`, both in bytes.
    """

    pace: float
    processor: dict[str, Any] | None = None
    here: bool = False
    seconds: float | None = None
    memory: float | None = None
    disk: float | None = None


def of_all(cells: Iterable[Progress]) -> dict[Path, Measured]:
    """What is known of each cell that has trained an epoch, by the cell's folder."""
    known = {one.cell.folder: _finished(one.cell) if one.state == "done" else _unfinished(one) for one in cells}
    return {folder: measured for folder, measured in known.items() if measured}


def _unfinished(cell: Progress) -> Measured | None:
    paces = [run.pace for run in cell.runs if run.pace is not None]
    here = cell.heartbeat is not None and cell.heartbeat.host == socket.gethostname()
    return Measured(fmean(paces), here=here) if paces else None


def _finished(cell: Cell) -> Measured | None:
    """None where it was deleted just now, or is damaged: whoever needs it will say so."""
    try:
        record = read_json(cell.folder / RECORD)
        runs = [run for run in record["runs"] if run["epochs"]]
        if not runs:
            return None
        configuration = configuration_of(cell)
        states = prune.size(STATES / configuration.hash) if configuration else 0
        return Measured(
            pace=fmean(run["train_seconds"] / run["epochs"] for run in runs),
            processor=runs[-1].get("processors", [None])[-1],
            seconds=sum(run["train_seconds"] for run in runs),
            memory=_memory(runs),
            disk=prune.size(cell.folder) + states,
        )
    except (OSError, UserError, KeyError):
        return None


def _memory(runs: list[dict[str, Any]]) -> float | None:
    """The most that the process held; not known where it trained on a GPU, whose own memory was recorded."""
    held = [run["peak_memory_bytes"] for run in runs if run.get("device", "").startswith("CPU")]
    return max(held, default=None)
