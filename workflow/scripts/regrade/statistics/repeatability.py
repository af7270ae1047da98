"""How far to trust numbers that were measured once, or chosen by looking at the test set."""

from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import label
from regrade.config.reported import ReportedNumber
from regrade.statistics.comparison import Comparison
from regrade.statistics.estimate import Estimate, estimate
from regrade.statistics.measurements import Measurements


@dataclass(frozen=True)
class Repeated:
    """A configuration that the source ran more than once: what it stated each time, and what each of our seeds gave."""

    cell: BundledCell
    where: str
    metric: str
    stated: list[float]
    measured: list[float]


def repeated(comparisons: list[Comparison], measurements: Measurements) -> list[Repeated]:
    """The configurations whose accuracy is stated several times, in one experiment or under two names."""
    groups: dict[tuple[str, str], list[tuple[BundledCell, ReportedNumber, float]]] = defaultdict(list)
    for one in comparisons:
        cell, metric = one.cell, one.row["metric"]
        # A cell that takes over a winner's settings may have taken over others in the source
        if (
            cell
            and not cell.follows
            and cell.trained_as
            and "accuracy_best_epoch" in metric
            and isinstance(one.stated, float)
        ):
            groups[cell.trained_as, metric].append((cell, one.row, one.stated))
    found = []
    for (_, metric), group in groups.items():
        if len(group) > 1:
            # Each of these cells is this configuration; the one with most runs says most of it
            cell = max((cell for cell, _, _ in group), key=lambda one: len(measurements.of(one)))
            where = "; ".join(dict.fromkeys(_named(row) for _, row, _ in group))
            stated = [stated for _, _, stated in group]
            found.append(Repeated(cell, where, metric, stated, measurements.values(cell, metric).tolist()))
    return found


def _named(row: ReportedNumber) -> str:
    return f"{row['experiment']} ({label(row['cell'])})" if row["cell"] else row["experiment"]


def peeking(runs: pd.DataFrame) -> Estimate | None:
    """The price of peeking: how much too high accuracies at the best epoch are, a mean over cells, per seed.

    The seeds that all of these cells have count, so that cells with further seeds weigh no more than others; without
    any such seed, all count. None where no trained cell has both.
    """
    if "peeking" not in runs:
        return None
    known = runs.dropna(subset=["peeking"])
    cells = runs[runs["folder"].isin(known["folder"])].groupby("seed")["folder"].nunique()
    common = known[known["seed"].isin(cells.index[cells == known["folder"].nunique()])]
    by_seed = (common if len(common) else known).groupby("seed")["peeking"].mean()
    return estimate(by_seed.to_numpy()) if len(by_seed) else None
