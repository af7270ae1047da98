"""How far numbers can be trusted that were measured once, or chosen by looking at the test set."""

from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from regrade.cells.cell import Cell
from regrade.cells.layout import label
from regrade.statistics.comparison import Comparison
from regrade.statistics.estimate import Estimate, estimate
from regrade.statistics.measurements import Measurements


@dataclass(frozen=True)
class Repeated:
    """A configuration that the source ran more than once: what it stated each time, and what each of our seeds gave."""

    cell: Cell
    where: str
    metric: str
    stated: list[float]
    measured: list[float]


def repeated(comparisons: list[Comparison], measurements: Measurements) -> list[Repeated]:
    """The configurations whose accuracy is stated several times, in one experiment or under two names."""
    groups: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for one in comparisons:
        # What a cell takes over from a winner is another thing in the source
        if one.cell and not one.cell.selection and "accuracy_best_epoch" in one.row["metric"]:
            groups[one.cell.configuration().hash, one.row["metric"]].append(one)
    return [
        Repeated(
            cell=same[0].cell,
            where="; ".join(dict.fromkeys(f"{one.row['experiment']} ({label(one.row['cell'])})" for one in same)),
            metric=metric,
            stated=[one.stated for one in same],
            measured=measurements.values(same[0].cell, metric).tolist(),
        )
        for (_, metric), same in groups.items()
        if len(same) > 1
    ]


def peeking(runs: pd.DataFrame) -> Estimate | None:
    """The price of peeking: the accuracy at the best epoch minus the cross-fitted one, a mean over cells, per seed.

    None where nothing is trained that has both.
    """
    if "peeking" not in runs:
        return None
    by_seed = runs.dropna(subset=["peeking"]).groupby("seed")["peeking"].mean()
    return estimate(by_seed.to_numpy()) if len(by_seed) else None
