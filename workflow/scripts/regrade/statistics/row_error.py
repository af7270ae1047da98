"""How far the mean over a sample of test rows may lie from that over all rows that there could be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

# Below this skewness the normal distribution is as good
SYMMETRIC = 1e-3


@dataclass(frozen=True)
class _Moments:
    """How a limit's distance from the mean is distributed: mean, variance, third central moment."""

    mean: float
    variance: float
    third: float

    def quantile(self, upper: float) -> float:
        """What is exceeded with the probability `upper`, for a gamma distribution with these moments (Pearson III)."""
        if not self.variance:
            return self.mean
        deviation = math.sqrt(self.variance)
        skewness = self.third / deviation**3
        if abs(skewness) < SYMMETRIC:
            return self.mean - deviation * float(scipy.special.ndtri(upper))
        shape = 4 / skewness**2
        inverse = scipy.special.gammainccinv if skewness > 0 else scipy.special.gammaincinv
        return self.mean + math.copysign(deviation, skewness) * float(inverse(shape, upper) - shape) / math.sqrt(shape)

    def tail(self, distance: float) -> float:
        """The probability of more than this, the inverse of `quantile`."""
        if not self.variance:
            return float(distance < self.mean)
        deviation = math.sqrt(self.variance)
        skewness = self.third / deviation**3
        standard = (distance - self.mean) / deviation
        if abs(skewness) < SYMMETRIC:
            return float(scipy.special.ndtr(-standard))
        shape = 4 / skewness**2
        at = max(shape + math.copysign(1, skewness) * standard * math.sqrt(shape), 0.0)
        return float((scipy.special.gammaincc if skewness > 0 else scipy.special.gammainc)(shape, at))


@dataclass(frozen=True)
class RowError:
    """The limits that rows leave for a mean, and the variance of the mean if other rows had been drawn."""

    below: _Moments
    above: _Moments
    variance: float

    def distance(self, tail: float, side: int) -> float:
        """How far below (side −1) or above (+1) the observed mean the true one may lie, but for this probability."""
        return max((self.below if side < 0 else self.above).quantile(tail), 0.0)

    def p_beyond(self, distance: float, side: int = -1) -> float:
        """The probability that the true mean is further than this below (side −1) or above (+1) the observed one."""
        return (self.below if side < 0 else self.above).tail(distance)


NONE = RowError(_Moments(0, 0, 0), _Moments(0, 0, 0), 0.0)


def row_error(samples: Sequence[tuple[NDArray[np.float64], tuple[float, float]]]) -> RowError:
    """Limits for the sum of the means over independent samples of rows: each the rows' values, and their bounds.

    The limits are Gaffke's (2005; Learned-Miller and Thomas 2019): the rows' values and one more row, which has the
    worst possible value, with weights drawn from the uniform Dirichlet distribution. For right or wrong answers these
    are the exact limits of Clopper and Pearson (1934), so that rows without a single mistake are no certainty. We take
    the distribution's first three moments, in closed form, instead of drawing from it.
    """
    if not samples:
        return NONE
    below = _total([_moments(values, low, -1) for values, (low, _) in samples])
    above = _total([_moments(values, high, 1) for values, (_, high) in samples])
    variance = sum(float(values.var(ddof=1)) / len(values) for values, _ in samples if len(values) > 1)
    return RowError(below, above, variance)


def _moments(values: NDArray[np.float64], worst: float, side: int) -> _Moments:
    """Of the distance, in the direction of `side`, of a weighted mean with a worst row from the plain mean."""
    count, mean = len(values) + 1, values.mean()
    distances = side * (np.append(values, worst) - mean)
    from_centre = distances - distances.mean()
    return _Moments(
        float(distances.mean()),
        float(np.square(from_centre).mean()) / (count + 1),
        2 * float((from_centre**3).mean()) / ((count + 1) * (count + 2)),
    )


def _total(parts: list[_Moments]) -> _Moments:
    return _Moments(
        sum(part.mean for part in parts), sum(part.variance for part in parts), sum(part.third for part in parts)
    )
