"""A mean over seeds and test rows, and the limits that both leave for it. Methods: docs/statistics.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from regrade.statistics.row_error import NONE, RowError, row_error

LEVEL = 0.95
# The least one-sided p-value that is computed
LEAST_P = 1e-12
# Numbers whose spread is smaller, relative to their size, are equal: float32 has seven digits
NOISE = 1e-6
# A cell shares the variance of its experiment if its own is not larger than by chance in this share of cells
USUAL = 0.6


@dataclass(frozen=True)
class Pooled:
    """What the cells of an experiment say about the variance between seeds.

    `variance`: their mean, known to `of_cells` degrees of freedom. `df`: what it is worth for any one of the cells.
    """

    variance: float
    of_cells: float
    df: float

    def scaled(self, factor: float) -> "Pooled":
        """The variance of a sum of cells with this sum of squared weights."""
        return replace(self, variance=self.variance * factor)

    def fits(self, variance: float, df: float) -> bool:
        """Whether a cell's own variance is no larger than chance makes it in most cells of this variance."""
        return bool(variance <= self.variance * scipy.special.fdtri(df, self.of_cells, USUAL))


@dataclass(frozen=True)
class Estimate:
    """The mean of a quantity that was measured once per seed on a sample of test rows.

    `seed_variance`: between the seeds' values (NaN for one seed), with its degrees of freedom `seed_df`. `rows`: how
    far the rows may lead astray. `interaction`: the variance of the mean that both of these contain. `distinct`: how
    many values the seeds have.
    """

    value: float
    seeds: int
    seed_variance: float
    seed_df: float = math.nan
    rows: RowError = NONE
    interaction: float = 0.0
    distinct: int = 0

    @property
    def constant(self) -> bool:
        """Whether all seeds have one value, and there are no rows, so that nothing is known of any spread."""
        return self.distinct == 1 and self.rows is NONE

    @property
    def lumped(self) -> bool:
        """Whether the seeds have so few values that Student's t does not fit: one, or two where there might be more.

        Then the p-values say too little by themselves; `Sample.p_mean` counts runs as well.
        """
        return self.distinct == 1 or self.distinct == 2 < self.seeds

    @property
    def error(self) -> float:
        """Standard error of `value` as an estimate of the mean over all seeds and all rows that there could be."""
        of_seeds = self.seed_variance / self.seeds
        return math.sqrt(max(of_seeds + self.rows.variance - self.interaction, of_seeds, self.rows.variance))

    def limit(self, tail: float, side: int) -> float:
        """The lower (side −1) or upper (+1) limit, beyond which the true mean is with this probability.

        The distances for seeds alone (Student's t) and for rows alone (`RowError`) are added in squares (Zou and Donner
        2008), less what both contain. With few seeds, one t for both, after Satterthwaite, would err more often.
        """
        return self.value + side * self._both(tail, self.rows.distance(tail, side))

    def _both(self, tail: float, of_rows: float) -> float:
        """The distance of a limit, from that for rows alone."""
        # scipy.stats has the same, but is a hundred times slower and takes half a second to load
        of_seeds = float(scipy.special.stdtrit(self.seed_df, 1 - tail)) ** 2 * self.seed_variance / self.seeds
        both = of_seeds + of_rows**2 - float(scipy.special.ndtri(tail)) ** 2 * self.interaction
        return math.sqrt(max(both, of_seeds, of_rows**2))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Lower and upper bound of the mean; NaN where nothing is known of the spread: for one seed, or a constant."""
        if self.seeds < 2 or self.constant:
            return math.nan, math.nan
        tail = (1 - level) / 2
        return self.limit(tail, -1), self.limit(tail, 1)

    def prediction(self, own_rows: bool, level: float = LEVEL) -> tuple[float, float]:
        """Where the value of one more run lies. `own_rows`: it is tested on rows drawn for it alone."""
        if self.seeds < 2:
            return math.nan, math.nan
        tail = (1 - level) / 2
        of_seeds = scipy.special.stdtrit(self.seed_df, 1 - tail) * math.sqrt(self.seed_variance * (1 + 1 / self.seeds))
        # Our rows and the other run's each leave as much room as one sample of rows
        below, above = (math.sqrt(2) * self.rows.distance(tail, side) if own_rows else 0.0 for side in (-1, 1))
        return self.value - math.hypot(of_seeds, below), self.value + math.hypot(of_seeds, above)

    def p_above(self, bound: float) -> float:
        """One-sided p of the hypothesis that the true mean is at or below `bound`; small speaks for above.

        1 for a single seed.
        """
        return self._p(bound, -1)

    def p_below(self, bound: float) -> float:
        """One-sided p of the hypothesis that the true mean is at or above `bound`, see `p_above`."""
        return self._p(bound, 1)

    def is_above(self, bound: float, level: float) -> bool:
        """Whether `p_above` is at most `level`, which is less than one half. Quicker than the p itself."""
        return self._is_beyond(bound, level, -1)

    def is_below(self, bound: float, level: float) -> bool:
        """Whether `p_below` is at most `level`, see `is_above`."""
        return self._is_beyond(bound, level, 1)

    def _is_beyond(self, bound: float, level: float, side: int) -> bool:
        known = self.seeds > 1 and side * (bound - self.value) > 0
        return known and side * (bound - self.limit(level, side)) >= 0

    def _p(self, bound: float, side: int) -> float:
        """The tail at which the limit on this side just reaches the bound."""
        if self.seeds < 2:
            return 1.0
        distance = side * (bound - self.value)
        if distance <= 0:
            return 1.0 if self.value == bound else 1 - self._p(2 * self.value - bound, side)

        def tail(of_rows: float) -> float:
            return min(max(self.rows.p_beyond(of_rows, side), LEAST_P), 0.5)

        def beyond(of_rows: float) -> float:
            return self._both(tail(of_rows), of_rows) - distance

        if self.rows is NONE or beyond(0.0) >= 0:
            error = math.sqrt(self.seed_variance / self.seeds)
            return max(float(scipy.special.stdtr(self.seed_df, -distance / error)), LEAST_P) if error else LEAST_P
        # Sought among the distances for rows, as their tails are known sooner than distances for a tail
        return tail(scipy.optimize.brentq(beyond, 0.0, distance, xtol=1e-9 * distance))


def estimate(
    values: ArrayLike,
    rows: Sequence[tuple[NDArray[np.float64], tuple[float, float]]] = (),
    pooled: Pooled | None = None,
    rotated: bool = False,
) -> Estimate:
    """The mean of `values`, one per seed, which are sums of means over samples of rows.

    `rows`: for each independent sample of rows one array (seeds, rows), what each row contributes, and the bounds of
    these numbers; their means over the rows add up to `values`. Seeds and rows are crossed random effects: the variance
    of the mean is that between seeds over their number, plus that between rows (their means over the seeds) over
    theirs, less that of their interaction, which is in both. `pooled` adds degrees of freedom to the variance between
    seeds, and may make it larger, never smaller (after Smyth 2004). `rotated`: each seed's value is of a winner that
    the others chose, so that the values are not independent; the variance is corrected as for a classifier that is
    trained and tested on parts of the same data (Nadeau and Bengio 2003).
    """
    values = np.asarray(values, dtype=float)
    residual = sum(_interaction(sample) / sample.shape[1] for sample, _ in rows) if len(values) > 1 else 0.0
    of_rows = row_error([(sample.mean(axis=0), bounds) for sample, bounds in rows])
    return on_rows(values, of_rows, residual, pooled, rotated)


def on_rows(
    values: NDArray[np.float64], rows: RowError, residual: float, pooled: Pooled | None = None, rotated: bool = False
) -> Estimate:
    """The same, given what the rows leave open, and the variance of a single seed's value that only they explain."""
    count = len(values)
    if count < 2:
        return Estimate(float(values[0]) if count else math.nan, count, math.nan)
    distinct = _distinct(values)
    own = float(values.var(ddof=1)) if distinct > 1 else 0.0
    # Each seed's value contains the interaction: seeds that happen to agree more closely than it allows are luck
    variance, df = max(own, residual), float(count - 1)
    if pooled is not None and (distinct > 1 or rows is not NONE) and pooled.fits(variance, df):
        variance, df = max(variance, pooled.variance), df + pooled.df
    if rotated:
        variance *= 1 + count / (count - 1)
    return Estimate(
        value=float(values.mean()),
        seeds=count,
        seed_variance=variance,
        seed_df=df,
        rows=rows,
        interaction=residual / count,
        distinct=distinct,
    )


def _distinct(values: NDArray[np.float64]) -> int:
    """How many values there are, if those that differ by rounding only are the same."""
    gaps = np.diff(np.sort(values))
    return 1 + int((gaps > NOISE * np.abs(values).max(initial=0)).sum())


def _interaction(sample: NDArray[np.float64]) -> float:
    """The variance of a single seed on a single row that neither explains; `sample` (seeds, rows)."""
    residuals = sample - sample.mean(axis=0) - sample.mean(axis=1, keepdims=True) + sample.mean()
    seeds, rows = sample.shape
    return float(np.square(residuals).sum() / ((seeds - 1) * max(rows - 1, 1)))
