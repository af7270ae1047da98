"""The variance between seeds that the cells of an experiment have in common."""

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from regrade.statistics.estimate import Pooled

# Fewer cells, or fewer seeds of each, say little about how their variances differ
LEAST_CELLS, LEAST_SEEDS = 4, 3
# Variances are pooled unless Bartlett's test doubts at this level that they are equal
DOUBT = 0.2


def pooled(values: Sequence[NDArray[np.float64]]) -> Pooled | None:
    """What the cells' values, an array of seeds each, say about the variance of any one; None if they cannot be pooled.

    The degrees of freedom are those of Smyth's (2004) prior, at most those of the cells themselves: the less the cells'
    variances differ, the more they count. None for few cells or seeds, for cells whose seeds all agree, and where
    Bartlett's (1937) test finds the variances too unlike.
    """
    several = [one for one in values if len(one) >= LEAST_SEEDS]
    variances = np.array([one.var(ddof=1) for one in several])
    if len(several) < LEAST_CELLS or not (variances > 0).all():
        return None
    if scipy.stats.bartlett(*several).pvalue < DOUBT:
        return None
    df = np.array([len(one) - 1 for one in several], dtype=float)
    total = float(df.sum())
    return Pooled(float(df @ variances) / total, total, min(_prior_df(variances, df), total))


def _prior_df(variances: NDArray[np.float64], df: NDArray[np.float64]) -> float:
    """Degrees of freedom of the scaled inverse chi-squared that variances come from, by moments of their logarithms."""
    deviations = np.log(variances) - scipy.special.digamma(df / 2) + np.log(df / 2)
    excess = float(deviations.var(ddof=1) - scipy.special.polygamma(1, df / 2).mean())
    if excess <= scipy.special.polygamma(1, 1e6):
        return float("inf")
    return 2 * float(scipy.optimize.brentq(lambda half: scipy.special.polygamma(1, half) - excess, 1e-3, 1e6))
