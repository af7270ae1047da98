"""How good forecasts were: what finished cells took, beside what would have been forecast before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from regrade.cells.cell import Cell
from regrade.costs.model import Forecasts

# The middle of cells: four of five
_MIDDLE = 0.1, 0.9


@dataclass(frozen=True)
class Accuracy:
    """Actual over forecast of `cells`: the median, and between which numbers four of five are."""

    cells: int
    ratio: float
    low: float
    high: float


def of(ratios: Sequence[float]) -> Accuracy | None:
    """None where there are none."""
    if not ratios:
        return None
    low, high = np.quantile(ratios, _MIDDLE)
    return Accuracy(len(ratios), median(ratios), float(low), float(high))


def ratios(cells: Iterable[Cell], forecasts: Forecasts) -> dict[str, list[float]]:
    """Actual over forecast time of finished cells, by where the forecast comes from; and of memory.

    A forecast is that of before the cell was trained: with all that is known of other cells, and without what is known
    of the cell itself. `operations`: without what is known of any cell.
    """
    of_cells: dict[str, list[float]] = {"operations": [], "like": [], "memory": []}
    alone = Forecasts(forecasts.model, [], {})
    for cell in cells:
        known = forecasts.known.get(cell.folder)
        if known is None or known.seconds is None:
            continue
        before, others = alone.of(cell), forecasts.of(cell, apart=True)
        for basis, forecast in (("operations", before), ("like", others)):
            if forecast.basis == basis and forecast.seconds:
                of_cells[basis].append(known.seconds / forecast.seconds)
        if known.memory and before.memory:
            of_cells["memory"].append(known.memory / before.memory)
    return of_cells
