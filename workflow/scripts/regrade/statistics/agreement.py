"""Whether two runs of the same cells agree: this one, and the reference run or any other bundle."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from regrade.bundle.manifest import FULL, BundledCell
from regrade.config.looks import ERROR
from regrade.config.types import Value
from regrade.statistics.measurements import Measurements
from regrade.statistics.verdicts import CONFIRMED, CONTRADICTED, holm

DECIDED = (CONFIRMED, CONTRADICTED)


@dataclass(frozen=True)
class Compared:
    """A cell in both runs: the mean accuracy after the last epoch, and the p of the hypothesis that both are equal.

    `p` is corrected for the number of cells; None where all runs gave exactly the same, or each seed the same in both.
    """

    cell: BundledCell
    ours: float
    theirs: float
    p: float | None

    @property
    def differs(self) -> bool:
        """Whether the difference is more than chance at the 5 % level."""
        return self.p is not None and self.p <= ERROR


def compare(ours: Measurements, theirs: Measurements) -> list[Compared]:
    """The cells that both ran at full protocol, each by Welch's (1947) t-test over seeds, corrected as by Holm (1979).

    Cells of fewer than two runs are left out, and those whose runs all agree on different values: such runs do not show
    how far two runs may be apart. Cells of one configuration have the same runs, and count once.
    """
    others = {_key(cell.experiment, cell.varying): cell for cell in theirs.cells}
    compared: list[Compared] = []
    p_values: list[float] = []
    distinct = {cell.same_as or cell.folder.as_posix(): cell for cell in reversed(ours.cells)}
    for cell in reversed(distinct.values()):
        other = others.get(_key(cell.experiment, cell.varying))
        if other is None or not cell.standing.name == other.standing.name == FULL:
            continue
        metric = f"{cell.evaluated}_accuracy_last_epoch"
        first, second = (of.sort_index() for of in (ours.values(cell, metric), theirs.values(other, metric)))
        if min(len(first), len(second)) < 2:
            continue
        if first.equals(second) or np.ptp([*first, *second]) == 0:
            compared.append(Compared(cell, float(first.mean()), float(second.mean()), None))
        elif not math.isnan(p := _p(first.to_numpy(), second.to_numpy())):
            compared.append(Compared(cell, float(first.mean()), float(second.mean()), p))
            p_values.append(p)
    corrected = iter(holm(p_values))
    return [one if one.p is None else Compared(one.cell, one.ours, one.theirs, next(corrected)) for one in compared]


def verdicts_that_differ(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The claims (by id) that one run confirms and the other contradicts."""
    both = [name for name in ours if ours[name] in DECIDED and theirs.get(name) in DECIDED]
    return [name for name in both if ours[name] != theirs[name]]


def _p(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Two-sided p of Welch's test; NaN where neither sample varies."""
    if np.ptp(first) == np.ptp(second) == 0:
        return math.nan
    return float(scipy.stats.ttest_ind(first, second, equal_var=False).pvalue)


def _key(experiment: str, varying: dict[str, Value]) -> tuple[str, tuple[tuple[str, Value], ...]]:
    return experiment, tuple(sorted(varying.items()))
