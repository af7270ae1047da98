"""A mean over seeds and test rows, with the uncertainty that both leave, and what it says about a bound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

LEVEL = 0.95
# How probably a planned experiment should see the effect that was seen here
POWER = 0.8
MOST_SEEDS = 1000
# The least p-value of both seeds and rows that is computed
LEAST_P = 1e-12


@dataclass(frozen=True)
class Estimate:
    """The mean of a quantity that was measured once per seed on a sample of test rows.

    `seed_variance`: between the seeds' values (NaN for one seed). `row_variance`: of the mean over the rows, if other
    rows of the same kind had been drawn; 0 for what is not measured on rows. `row_df`: its degrees of freedom.
    """

    value: float
    seeds: int
    seed_variance: float
    row_variance: float = 0.0
    row_df: float = math.inf

    @property
    def error(self) -> float:
        """Standard error of `value` as an estimate of the mean over all seeds and all rows that there could be."""
        return self._error(self.seeds)

    def _error(self, seeds: float) -> float:
        """The standard error with this number of seeds, if the variances are as estimated."""
        return math.sqrt(self.seed_variance / seeds + self.row_variance)

    def half_width(self, tail: float) -> float:
        """Half the width of the interval that leaves out this probability on each side."""
        return self._half_width(tail, self.seeds)

    def _half_width(self, tail: float, seeds: float) -> float:
        """The half-width with this number of seeds, if the variances are as estimated.

        The half-widths for seeds alone and for rows alone, each of Student's t, added in squares (Zou and Donner 2008):
        with few seeds, one t for both, after Satterthwaite, would err more often than it says (docs/statistics.md).
        """
        # scipy.stats has the same, but is a hundred times slower and takes half a second to import
        of_seeds = special.stdtrit(seeds - 1, tail) * math.sqrt(self.seed_variance / seeds)
        return math.hypot(of_seeds, special.stdtrit(self.row_df, tail) * math.sqrt(self.row_variance))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Lower and upper bound of the mean; NaN for one seed, which says nothing of its own spread."""
        half = self.half_width((1 - level) / 2) if self.seeds > 1 else math.nan
        return self.value - half, self.value + half

    def prediction(self, own_rows: bool, level: float = LEVEL) -> tuple[float, float]:
        """Where the value of one more run lies. `own_rows`: it is tested on rows drawn for it alone."""
        if self.seeds < 2:
            return math.nan, math.nan
        variance = self.seed_variance * (1 + 1 / self.seeds) + (2 * self.row_variance if own_rows else 0)
        half = special.stdtrit(self.seeds - 1, (1 + level) / 2) * math.sqrt(variance)
        return self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """One-sided p of the hypothesis that the true mean is at or below `bound`; small speaks for above.

        1 where nothing is known of the spread: of one seed, or of seeds that agree.
        """
        return self._p(self.value - bound)

    def p_below(self, bound: float) -> float:
        """One-sided p of the hypothesis that the true mean is at or above `bound`, see `p_above`."""
        return self._p(bound - self.value)

    def _p(self, distance: float) -> float:
        if self.seeds < 2 or self.error == 0:
            return 1.0
        if distance < 0:
            return 1 - self._p(-distance)
        if not self.row_variance:
            return float(special.stdtr(self.seeds - 1, -distance / self.error))
        # The tail at which the interval just reaches the bound
        lowest = math.log(LEAST_P)
        if self.half_width(LEAST_P) <= distance:
            return LEAST_P
        return math.exp(optimize.brentq(lambda tail: self.half_width(math.exp(tail)) - distance, lowest, math.log(0.5)))

    def seeds_to_tell(self, bound: float, level: float = LEVEL) -> int | None:
        """Seeds for which a two-sided test would tell the mean from `bound` with a power of about 80 %.

        Assumes that mean and variances are as estimated here. None where no number of seeds up to MOST_SEEDS suffices,
        because the effect is too small or the test rows are too few.
        """
        distance = abs(self.value - bound)
        if not distance or not math.isfinite(self.seed_variance):
            return None
        z = float(special.ndtri(POWER))

        def lacking(seeds: float) -> float:
            return self._half_width((1 - level) / 2, seeds) + z * self._error(seeds) - distance

        if lacking(MOST_SEEDS) > 0:
            return None
        return 2 if lacking(2) <= 0 else math.ceil(optimize.brentq(lacking, 2, MOST_SEEDS, xtol=1e-3))


def estimate(values: ArrayLike, rows: Sequence[NDArray[np.float64]] = ()) -> Estimate:
    """The mean of `values`, one per seed, which are sums of means over samples of rows.

    `rows`: one array (seeds, rows) for each independent sample of rows, what each row contributes; their means over the
    rows add up to `values`. Seeds and rows are crossed random effects: the variance of the mean is the sum of that
    between seeds over their number and that between rows (their means over the seeds) over theirs. This is the variance
    of the hierarchical bootstrap, which draws seeds and rows with replacement, in closed form and with n - 1 for n
    (docs/statistics.md).
    """
    values = np.asarray(values, dtype=float)
    variance, spread = 0.0, 0.0
    for sample in rows:
        of_sample = sample.mean(axis=0).var(ddof=1) / sample.shape[1]
        variance += of_sample
        spread += of_sample**2 / (sample.shape[1] - 1)
    return Estimate(
        value=float(values.mean()) if len(values) else math.nan,
        seeds=len(values),
        seed_variance=float(values.var(ddof=1)) if len(values) > 1 else math.nan,
        row_variance=float(variance),
        row_df=float(variance**2 / spread) if spread else math.inf,
    )
