"""How many seeds would settle an open claim, by simulating its whole verdict at the looks to come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from regrade.config.looks import Look
from regrade.statistics.estimate import Estimate, on_rows
from regrade.statistics.hypotheses import Hypothesis, on_common_seeds
from regrade.statistics.sample import Sample
from regrade.statistics.share import Share

WORLDS = 100
# With fewer runs there is nothing to simulate from
LEAST_SEEDS = 3


def chances(parts: Sequence[Hypothesis], looks: Sequence[Look], among: int) -> dict[int, float]:
    """For each look to come, by its seeds: the chance that the claim has a verdict then or before.

    New runs are drawn from those seen and drawn so far, all parts together (Polya's urn, the predictive distribution of
    the Bayesian bootstrap; Rubin 1981), so that what is not known yet of the effect counts as well as what varies.
    Where runs are counted, a new one may do what none has done so far: the urn holds one more run, as stated in all
    parts or in none (the prior of Jeffreys 1946 for a share). The level is the strictest that Holm may ask for. The
    seeds that all parts have count; empty for fewer than three.
    """
    sampled = on_common_seeds(parts)
    runs = len(sampled[0].sample) if sampled else 0
    if runs < LEAST_SEEDS or not looks:
        return {}
    settled = np.zeros((WORLDS, len(looks)), dtype=bool)
    for of_world, drawn in zip(settled, _urns(runs, looks[-1].seeds), strict=True):
        for at, look in enumerate(looks):
            if _settles(sampled, drawn.first(look.seeds), look.error / among):
                of_world[at:] = True
                break
    return {look.seeds: float(share) for look, share in zip(looks, settled.mean(axis=0), strict=True)}


@dataclass(frozen=True)
class Drawn:
    """Runs of a world: the seen run that each is like; and, where runs are counted, how it differs from that one.

    `counted`: 0 for no difference; 1 if it is as stated in all parts, -1 if in none.
    """

    like: NDArray[np.int64]
    counted: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.like)

    def first(self, runs: int) -> "Drawn":
        """The first ones only."""
        return Drawn(self.like[:runs], self.counted[:runs])

    def among(self, which: NDArray[np.bool], side: int) -> NDArray[np.bool]:
        """Which are among `which` of the seen runs; 1 and -1 as `side` for those as stated, and for the others."""
        return np.where(self.counted == 0, which[self.like], self.counted == side)


@cache
def _urns(runs: int, total: int) -> list[Drawn]:
    """For each world the seen runs, then new ones, each drawn from all before and one of which nothing is known."""
    draws, news = np.random.default_rng(0), np.random.default_rng(1)
    urns = []
    for _ in range(WORLDS):
        like, counted = list(range(runs)), [0] * runs
        while (before := len(like)) < total:
            at = int(draws.integers(before))
            is_new = news.random() < 1 / (before + 1)
            like.append(like[at])
            counted.append((1 if news.random() < 0.5 else -1) if is_new else counted[at])
        urns.append(Drawn(np.array(like), np.array(counted)))
    return urns


@dataclass(frozen=True, kw_only=True)
class _Imagined(Sample):
    """The runs of a world, of which `drawn` says what each is like, as a sample: the test rows are as they are.

    `part`: the hypothesis about the runs that were seen.
    """

    part: Hypothesis
    drawn: Drawn

    def share(self, low: float, high: float, closed: bool) -> Share:
        """Of these runs, how many are as stated."""
        seen = self.part.share
        inside, outside = self.part.sample.within(low, high, closed)
        doing, p_of_doing = self._counted(inside, seen.p_of_doing, 1)
        not_doing, p_of_not_doing = self._counted(outside, seen.p_of_not_doing, -1)
        return Share(len(self), doing, not_doing, p_of_doing, p_of_not_doing)

    def _counted(self, which: NDArray[np.bool], p_of_rows: Sequence[float], side: int) -> tuple[int, tuple[float, ...]]:
        """How many are on this side, on which `which` of those seen are; and of each, what its test rows leave open."""
        on_side = self.drawn.among(which, side)
        if not self.part.sample.rows:
            return int(on_side.sum()), ()
        # Test rows may decide a run that is like none seen at least as well as those seen
        p_of_seen = np.full(len(which), max(p_of_rows, default=1.0))
        p_of_seen[which] = p_of_rows
        return int(on_side.sum()), tuple(p_of_seen[self.drawn.like[on_side]].tolist())

    def _beyond(self, bound: float, side: int) -> int:
        above, below = self.part.sample.within(bound, math.inf, closed=False)
        stated = bound == (self.part.low if side > 0 else self.part.high)
        return int(self.drawn.among(above if side > 0 else below, 1 if stated else -1).sum())

    def _estimate(self, values: NDArray[np.float64]) -> Estimate:
        seen = self.part.sample.mean
        return on_rows(values, seen.rows, seen.interaction * seen.seeds, self.pooled, self.rotated)


def _imagined(part: Hypothesis, drawn: Drawn) -> Hypothesis:
    """The part if these were its runs: its verdict is then found as ever."""
    seen = part.sample
    return replace(
        part,
        sample=_Imagined(
            tuple(range(len(drawn))),
            seen.low[drawn.like],
            seen.high[drawn.like],
            bounds=seen.bounds,
            pooled=seen.pooled,
            rotated=seen.rotated,
            part=part,
            drawn=drawn,
        ),
    )


def _settles(parts: Sequence[Hypothesis], drawn: Drawn, level: float) -> bool:
    """Whether these runs would give a verdict at this level, for all parts or against one (see `verdicts.together`)."""
    imagined = [_imagined(part, drawn) for part in parts]
    return all(part.shows(level) for part in imagined) or any(
        part.shows_opposite(level / len(parts)) for part in imagined
    )
