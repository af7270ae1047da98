"""The mean of given values under random weights: the distribution by which the limits of Gaffke (2005) are found."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

# How many steps along the line of integration at first, and at most; it ends where its parts are smaller than this
_STEPS = (64, 1024)
_NOTHING = 1e-6
# Steps are so short that what they leave out is about e^-18 of the result
_FINE = 18.0
# How near to the ends of its range the point is sought at which that line crosses the real axis
_INNER = 1e-13
# Sums of the same numbers in another order differ by rounding
_DIGITS = 13
# A probability below which no limit is asked for
_LEAST = 1e-300


@dataclass(frozen=True)
class WeightedMean:
    """The mean of `values` (rising), each there `counts` times, with weights from the uniform Dirichlet distribution.

    Its density is a B-spline whose knots are the values (Curry and Schoenberg 1966); for two values, that of a beta.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "WeightedMean":
        """The mean of these values, equal ones included; those that differ by rounding only are equal."""
        scale = np.abs(values).max() or 1.0
        distinct, counts = np.unique(np.round(values / scale, _DIGITS), return_counts=True)
        return cls(distinct * scale, counts)

    @cached_property
    def mean(self) -> float:
        """Its expectation."""
        return float(self.counts @ self.values / self.counts.sum())

    def p_below(self, bound: float) -> float:
        """The probability that it is below `bound`."""
        return 1 - self._p_above(bound) if bound > self.mean else self._p_below(bound)

    def p_above(self, bound: float) -> float:
        """The probability that it is above `bound`."""
        return 1 - self._p_below(bound) if bound < self.mean else self._p_above(bound)

    def above(self, tail: float) -> float:
        """What it is above with this probability."""
        if tail not in self._known:
            self._known[tail] = self._above(tail)
        return self._known[tail]

    @cached_property
    def _known(self) -> dict[float, float]:
        return {}

    def _above(self, tail: float) -> float:
        least, most = float(self.values[0]), float(self.values[-1])
        margin = 1e-12 * (most - least)

        def beyond(bound: float) -> float:
            return math.log(tail) - math.log(max(self.p_above(bound), _LEAST))

        if beyond(least + margin) >= 0 or beyond(most - margin) <= 0:
            return most if beyond(most - margin) <= 0 else least
        return float(scipy.optimize.brentq(beyond, least + margin, most - margin, xtol=margin))

    # With weights that are G / ΣG, for independent exponential variables G, it is below a bound where
    # Σ G · (value − bound) is below 0

    def _p_below(self, bound: float) -> float:
        if bound <= self.values[0]:
            return 0.0
        return _p_negative(self.values - bound, self.counts) if bound < self.values[-1] else 1.0

    def _p_above(self, bound: float) -> float:
        if bound >= self.values[-1]:
            return 0.0
        return _p_negative(bound - self.values, self.counts) if bound > self.values[0] else 1.0


def _p_negative(factors: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """The probability that Σ factor · (a gamma variable of this count) is negative, where its expectation is not.

    By integrating the moment generating function, divided by its argument, in the complex plane, along a vertical line
    through the saddlepoint (Daniels 1954), where it is largest on the line and hardly cancels. So small probabilities
    are as exact, relative to their size, as large ones.
    """
    factors = factors / -factors.min()

    def slope(at: float) -> float:
        return float(counts @ (factors / (1 + at * factors))) + 1 / at

    at = float(scipy.optimize.brentq(slope, _INNER, 1 - _INNER, xtol=1e-15))
    ratios = factors / (1 + at * factors)
    # Steps leave out what is as far from 0 as a period of 2π / step, at which e^(-at · period) and its like are left
    spread = math.sqrt(float(counts @ ratios**2))
    step = 2 * math.pi / max(_FINE / at, _FINE / (1 - at), math.sqrt(2 * _FINE) * spread)
    total, begin = -0.5, 0
    bases, powers = np.append(ratios, 1 / at), np.append(counts, 1)
    for end in _STEPS:
        # Parts relative to the height at the saddlepoint: products of 1 / (1 - i · along)^power, by size and angle, as
        # complex logarithms take ten times as long
        along = np.multiply.outer(step * np.arange(begin, end), bases)
        size, angle = np.exp(-np.log(1 + along**2) @ powers / 2), np.arctan(along) @ powers
        total, begin = total + float(size @ np.cos(angle)), end
        if size[-1] < _NOTHING:
            break
    height = math.exp(-float(counts @ np.log1p(at * factors))) / at
    return min(height * step / math.pi * total, 1.0)
