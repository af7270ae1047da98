"""What several runs gave for one number, and what that says about a range."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regrade.statistics.estimate import NOISE, Estimate, Pooled, estimate
from regrade.statistics.row_error import row_error
from regrade.statistics.share import Share, p_most
from regrade.statistics.weighted import WeightedMean

# What each row of a sample contributes to the number, (seeds, rows), and the bounds of these contributions
Rows = tuple[NDArray[np.float64], tuple[float, float]]


@dataclass(frozen=True)
class Sample:
    """A number of each of several runs, by seed: it lies between `low` and `high`, which are equal where it is known.

    A run that has not reached an accuracy in its 50 epochs needs 50 to infinitely many; of one that diverged, a loss is
    between minus and plus infinity. `rows`: independent samples of test rows whose means add up to the number.
    `bounds`: of a share of one cell. `pooled`: the variance of other cells, for sums of this kind. `exact`: the number
    is the same whatever the seed, such as a count of parameters. `rotated`: it is of a winner that other seeds chose.
    """

    seeds: tuple[int, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rows: tuple[Rows, ...] = ()
    bounds: tuple[float, float] | None = None
    pooled: Pooled | None = None
    exact: bool = False
    rotated: bool = False

    def __len__(self) -> int:
        return len(self.seeds)

    def take(self, positions: list[int]) -> "Sample":
        """The runs at these positions; a position may be there several times."""
        return replace(
            self,
            seeds=tuple(self.seeds[at] for at in positions),
            low=self.low[positions],
            high=self.high[positions],
            rows=tuple((values[positions], bounds) for values, bounds in self.rows),
        )

    @property
    def known(self) -> int:
        """How many runs have a number that is known."""
        return int(np.sum(self.low == self.high))

    @property
    def unknown(self) -> int:
        """How many runs have a number of which nothing is known."""
        return int(np.sum(np.isinf(self.low) & np.isinf(self.high)))

    @cached_property
    def mean(self) -> Estimate:
        """The mean; runs that are only known to be beyond a value count with it, unknown ones not at all."""
        value = np.where(np.isfinite(self.low), self.low, self.high)
        return self._estimate(value[np.isfinite(value)])

    @property
    def known_mean(self) -> float:
        """The mean over the runs whose number is known; NaN where there are none."""
        known = self.low[self.low == self.high]
        return float(known.mean()) if len(known) else math.nan

    @property
    def may_be(self) -> tuple[bool, bool]:
        """Whether the mean over these runs may be below, and above, `mean`, for what is not known of some of them."""
        unknown = np.isinf(self.low) & np.isinf(self.high)
        counted = np.where(np.isfinite(self.low), self.low, self.high)
        return bool(np.any(unknown | (self.low < counted))), bool(np.any(unknown | (self.high > counted)))

    @property
    def open_ends(self) -> tuple[bool, bool]:
        """Whether some runs are only known to be below, and above, a value; not of runs that say nothing at all."""
        low, high = np.isfinite(self.low), np.isfinite(self.high)
        return bool(np.any(high & ~low)), bool(np.any(low & ~high))

    def p_mean(self, bound: float, side: int) -> float:
        """One-sided p of the hypothesis that the mean over all runs is not above (side 1) or below (−1) `bound`.

        Runs count with the end of what is known of them that speaks least for it; 1 where that is infinite.
        """
        values = self._least(side)
        if not np.isfinite(values).all():
            return 1.0
        ours = self._estimate_of(values)
        p = ours.p_above(bound) if side > 0 else ours.p_below(bound)
        return max(p, self._p_without_spread(values, ours.lumped, bound, side))

    def shows_mean(self, bound: float, side: int, level: float) -> bool:
        """Whether `p_mean` is at most `level`, which is less than one half. Quicker than the p itself."""
        values = self._least(side)
        if not np.isfinite(values).all():
            return False
        ours = self._estimate_of(values)
        shown = ours.is_above(bound, level) if side > 0 else ours.is_below(bound, level)
        return shown and self._p_without_spread(values, ours.lumped, bound, side) <= level

    def _least(self, side: int) -> NDArray[np.float64]:
        return self.low if side > 0 else self.high

    def _estimate_of(self, values: NDArray[np.float64]) -> Estimate:
        return self.mean if self.known == len(self) else self._estimate(values)

    def _p_without_spread(self, values: NDArray[np.float64], lumped: bool, bound: float, side: int) -> float:
        """What p is at least, whatever the spread of the runs seems to be.

        By counting runs, where they have so few values that their spread is no measure; and by the worst that a run can
        be, where that is known.
        """
        counted = p_most(len(self), self._beyond(bound, side), ()) if lumped else 0.0
        return max(counted, _p_bounded(values, bound, self.bounds, side)) if self.bounds else counted

    def _beyond(self, bound: float, side: int) -> int:
        """How many runs are above (side 1) or below (−1) `bound`."""
        inside, _ = self.within(*((bound, math.inf) if side > 0 else (-math.inf, bound)), closed=False)
        return int(inside.sum())

    def within(self, low: float, high: float, closed: bool) -> tuple[NDArray[np.bool], NDArray[np.bool]]:
        """Which runs have a number in the range, and which outside; `closed`: or at its ends."""
        # Single precision is enough to store a number: 0.9 is then 0.89999998
        slack = NOISE * np.where(np.isfinite(self.low), np.maximum(1, np.abs(self.low)), 1)
        slack = slack if closed else -slack
        inside = (self.low >= low - slack) & (self.high <= high + slack)
        outside = (self.high < low - slack) | (self.low > high + slack)
        return inside, outside

    def share(self, low: float, high: float, closed: bool) -> Share:
        """Of the runs, how many have a number in the range."""
        inside, outside = self.within(low, high, closed)
        p_inside, p_outside = (
            [self._p_of_run(run, low, high, which is inside) for run in np.flatnonzero(which).tolist() if self.rows]
            for which in (inside, outside)
        )
        return Share(len(self), int(inside.sum()), int(outside.sum()), tuple(p_inside), tuple(p_outside))

    def _estimate(self, values: NDArray[np.float64]) -> Estimate:
        return estimate(values, self.rows if len(values) == len(self) else (), self.pooled, self.rotated)

    def _p_of_run(self, run: int, low: float, high: float, inside: bool) -> float:
        """The p of the hypothesis that a run lies in (out of) a range on its test rows only, not on all rows."""
        error = row_error([(values[run], bounds) for values, bounds in self.rows])
        if inside:
            below = error.p_beyond(self.low[run] - low) if math.isfinite(low) else 0.0
            above = error.p_beyond(high - self.high[run], side=1) if math.isfinite(high) else 0.0
            return max(below, above)
        sides = [error.p_beyond(low - self.high[run], side=1)] if math.isfinite(low) else []
        sides += [error.p_beyond(self.low[run] - high)] if math.isfinite(high) else []
        return min(1.0, len(sides) * min(sides))


def _p_bounded(values: NDArray[np.float64], bound: float, bounds: tuple[float, float], side: int) -> float:
    """One-sided p for the mean of numbers of which only the bounds are known (Gaffke 2005), as `row_error` has it.

    Few runs cannot show that no run is far worse.
    """
    worst = bounds[0] if side > 0 else bounds[1]
    above_worst = WeightedMean.of(np.append(side * (values - worst), 0.0))
    return above_worst.p_below(side * (bound - worst))
