"""How far the mean over a sample of test rows may lie from that over all rows that there could be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from regrade.statistics.weighted import WeightedMean

# Below this skewness the normal distribution is as good
SYMMETRIC = 1e-3
# The least probability that is computed for several samples
LEAST = 1e-15
# A sample of rows: what each contributes, and the bounds of these numbers
Contributions = tuple[NDArray[np.float64], tuple[float, float]]


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
class _Side:
    """How far the limits of some samples are from their means on one side.

    Of one sample the distribution is exact. The distance of a sum is the larger of two: that of a distribution with the
    first three moments of the sum, and the samples' own distances, added in squares.
    """

    samples: tuple[WeightedMean, ...]

    def distance(self, tail: float) -> float:
        if len(self.samples) < 2:
            return max([sample.above(tail) for sample in self.samples], default=0.0)
        return max(self._moments.quantile(tail), self._in_squares(tail))

    def p_beyond(self, distance: float) -> float:
        if len(self.samples) < 2:
            return max([sample.p_above(distance) for sample in self.samples], default=float(distance < 0))
        return max(self._moments.tail(distance), self._p_in_squares(distance))

    def _in_squares(self, tail: float) -> float:
        return math.hypot(*(max(sample.above(tail), 0.0) for sample in self.samples))

    def _p_in_squares(self, distance: float) -> float:
        if distance >= self._in_squares(LEAST):
            return LEAST
        if distance <= self._in_squares(0.5):
            return 0.5
        ends = math.log(LEAST), math.log(0.5)
        return math.exp(scipy.optimize.brentq(lambda log: self._in_squares(math.exp(log)) - distance, *ends))

    @cached_property
    def _moments(self) -> _Moments:
        parts = [_moments(sample) for sample in self.samples]
        return _Moments(*(sum(of_parts) for of_parts in zip(*parts, strict=True)))


@dataclass(frozen=True)
class RowError:
    """The limits that samples of rows leave for the sum of their means."""

    samples: tuple[Contributions, ...] = ()

    @cached_property
    def variance(self) -> float:
        """The variance of the sum if other rows had been drawn."""
        return sum(float(values.var(ddof=1)) / len(values) for values, _ in self.samples if len(values) > 1)

    def distance(self, tail: float, side: int) -> float:
        """How far below (side −1) or above (+1) the observed mean the true one may lie, but for this probability."""
        return max((self._below if side < 0 else self._above).distance(tail), 0.0)

    def p_beyond(self, distance: float, side: int = -1) -> float:
        """The probability that the true mean is further than this below (side −1) or above (+1) the observed one."""
        return (self._below if side < 0 else self._above).p_beyond(distance)

    @cached_property
    def _below(self) -> _Side:
        return _Side(tuple(_distances(values, low, -1) for values, (low, _) in self.samples))

    @cached_property
    def _above(self) -> _Side:
        return _Side(tuple(_distances(values, high, 1) for values, (_, high) in self.samples))


NONE = RowError()


def row_error(samples: Sequence[Contributions]) -> RowError:
    """Limits for the sum of the means over independent samples of rows.

    The limits are Gaffke's (2005; Learned-Miller and Thomas 2019): the rows' values and one more row, which has the
    worst possible value, with weights drawn from the uniform Dirichlet distribution. For right or wrong answers these
    are the exact limits of Clopper and Pearson (1934), so that rows without a single mistake are no certainty.
    """
    return RowError(tuple(samples)) if samples else NONE


def _distances(values: NDArray[np.float64], worst: float, side: int) -> WeightedMean:
    """The distance, in the direction of `side`, of a weighted mean with a worst row from the plain mean."""
    return WeightedMean.of(side * (np.append(values, worst) - values.mean()))


def _moments(weighted: WeightedMean) -> tuple[float, float, float]:
    count, mean = float(weighted.counts.sum()), weighted.mean
    second, third = (float(weighted.counts @ (weighted.values - mean) ** power) / count for power in (2, 3))
    return mean, second / (count + 1), 2 * third / ((count + 1) * (count + 2))
