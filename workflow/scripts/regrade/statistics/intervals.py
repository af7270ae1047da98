"""Means over seeds with their uncertainty."""

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike


def mean_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Mean, lower and upper bound of Student's t interval for the mean over seeds.

    The bounds are NaN for fewer than two values: one run says nothing about its own spread.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return math.nan, math.nan, math.nan
    mean = values.mean()
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = scipy.special.stdtrit(len(values) - 1, (1 + level) / 2) * values.std(ddof=1) / math.sqrt(len(values))
    return mean, mean - half, mean + half
