"""How long unfinished cells will train."""

from collections.abc import Sequence
from pathlib import Path

from regrade.cells.progress import Progress
from regrade.costs import measured
from regrade.costs.model import Forecasts, Model


def seconds_left(cells: Sequence[Progress], model: Model) -> dict[Path, float | None]:
    """Seconds that the job of each running or waiting cell still trains, by the cell's folder; None if not known.

    A run goes on at its own pace; one that has none yet is forecast as by `regrade cost`, from its cell's other runs,
    from cells like it, or from operations. Failed cells are left out: whether they are tried again is not decided.
    """
    forecasts = Forecasts(model, [one.cell for one in cells], measured.of_all(cells))
    unfinished = [cell for cell in cells if cell.state in ("running", "stopped", "queued")]
    return {cell.cell.folder: _left(cell, forecasts) for cell in unfinished}


def _left(cell: Progress, forecasts: Forecasts) -> float | None:
    of_all, _ = forecasts.pace(cell.cell)
    left = [(cell.epochs - run.epoch, run.pace) for run in cell.runs if not run.finished]
    if of_all is None and any(pace is None for _, pace in left):
        return None
    other = (of_all or 0) / len(cell.cell.seeds)
    return sum(max(epochs, 0) * (other if pace is None else pace) for epochs, pace in left)
