"""How long unfinished cells will train, as far as the epochs that were trained so far tell."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from regrade.cells.progress import Progress


def seconds_left(cells: Sequence[Progress]) -> dict[Path, float | None]:
    """Seconds that the job of each running or waiting cell still trains, by the cell's folder; None if not known.

    A run goes on at its own pace. One that has none yet is given the mean of its cell's other runs, else that of the
    cells of its experiment. Failed cells are left out: whether they are tried again is not decided.
    """
    unfinished = [cell for cell in cells if cell.state in ("running", "stopped", "queued")]
    typical = {place: _typical(cells, place) for place in {_place(cell) for cell in unfinished}}
    return {cell.cell.folder: _left(cell, typical[_place(cell)]) for cell in unfinished}


def _place(cell: Progress) -> tuple[str, str]:
    return cell.cell.study, cell.cell.experiment


def _typical(cells: Iterable[Progress], place: tuple[str, str]) -> float | None:
    """Mean pace of the runs of an experiment, each cell with the same weight."""
    return _mean([pace for cell in cells if _place(cell) == place if (pace := _mean(cell.paces)) is not None])


def _mean(paces: list[float]) -> float | None:
    return fmean(paces) if paces else None


def _left(cell: Progress, typical: float | None) -> float | None:
    own = _mean(cell.paces)
    other = typical if own is None else own
    total = 0.0
    for run in cell.runs:
        pace = other if run.pace is None else run.pace
        if run.finished:
            continue
        if pace is None:
            return None
        total += max(cell.epochs - run.epoch, 0) * pace
    return total
