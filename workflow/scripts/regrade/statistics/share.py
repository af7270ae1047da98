"""Whether most runs do something: exact tests on the share of runs. Methods: docs/statistics.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import scipy

MOST = 0.5
# Of the error that a test may make, the part for the test rows: a run may seem to do it on these rows alone
OF_ROWS = 0.2


@dataclass(frozen=True)
class Share:
    """Of `runs` runs, `doing` do something, and `not_doing` do not; the others are not known to do either.

    `p_of_doing`, `p_of_not_doing`: for each of these runs, the p-value of the hypothesis that it seems so only because
    of the rows it was tested on; empty where there are no rows.
    """

    runs: int
    doing: int
    not_doing: int
    p_of_doing: tuple[float, ...] = ()
    p_of_not_doing: tuple[float, ...] = ()

    @property
    def p_for(self) -> float:
        """One-sided p of the hypothesis that at most half of all runs do it."""
        return p_most(self.runs, self.doing, self.p_of_doing)

    @property
    def p_against(self) -> float:
        """One-sided p of the hypothesis that at least half of all runs do it."""
        return p_most(self.runs, self.not_doing, self.p_of_not_doing)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Exact limits of the share of runs that do it (Clopper and Pearson 1934); what is not known may be either."""
        tail, most = (1 - level) / 2, self.runs - self.not_doing
        low = scipy.special.betaincinv(self.doing, self.runs - self.doing + 1, tail) if self.doing else 0.0
        high = scipy.special.betaincinv(most + 1, self.runs - most, 1 - tail) if most < self.runs else 1.0
        return float(low), float(high)


def p_most(runs: int, successes: int, p_of_rows: Sequence[float]) -> float:
    """One-sided p of the hypothesis that at most half of all runs are successes.

    The binomial tail; with rows, the best split of the successes into those that count and those too close to tell.

    A fixed part of the error is spent on the rows (Bonferroni over the runs that count), the rest on the runs.
    """
    if not p_of_rows:
        return _tail(runs, successes)
    ordered = sorted(p_of_rows)
    candidates = [
        max(count * ordered[count - 1] / OF_ROWS, _tail(runs, count) / (1 - OF_ROWS))
        for count in range(1, successes + 1)
    ]
    return min([1.0, *candidates])


def _tail(runs: int, successes: int) -> float:
    """The probability of `successes` or more, if each run succeeds with a probability of one half (`MOST`)."""
    return float(scipy.special.bdtrc(successes - 1, runs, MOST)) if successes else 1.0
