"""Means over seeds with their uncertainty."""

import numpy as np
from numpy.typing import ArrayLike

from regrade.statistics.estimate import LEVEL, estimate


def mean_interval(values: ArrayLike, level: float = LEVEL) -> tuple[float, float, float]:
    """Mean, lower and upper bound of Student's t interval for the mean over seeds.

    The bounds are NaN for fewer than two values, and for equal ones, which say nothing about their spread.
    """
    ours = estimate(np.asarray(values, dtype=float))
    return ours.value, *ours.interval(level)
