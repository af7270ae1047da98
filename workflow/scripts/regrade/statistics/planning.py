"""How many seeds would settle an open claim, by simulating its whole verdict at the looks to come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from regrade.config.looks import Look
from regrade.statistics.hypotheses import Hypothesis, on_common_seeds
from regrade.statistics.share import p_most

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


def _settles(parts: Sequence[Hypothesis], drawn: Drawn, level: float) -> bool:
    """Whether these runs would give a verdict at this level, for all parts or against one."""
    sides = [_shows(part, drawn, level, level / len(parts)) for part in parts]
    return all(speaks_for for speaks_for, _ in sides) or any(speaks_against for _, speaks_against in sides)


def _shows(part: Hypothesis, drawn: Drawn, level_for: float, level_against: float) -> tuple[bool, bool]:
    """Whether, if these were its runs, they would show a part, or its opposite, with the test rows as they are."""
    sample = part.sample
    if part.of_runs:
        inside, outside = sample.within(part.low, part.high, part.closed)
        share = part.share
        return (
            _p_most(part, inside, share.p_of_doing, drawn, 1) <= level_for,
            _p_most(part, outside, share.p_of_not_doing, drawn, -1) <= level_against,
        )
    values = sample.low[drawn.like]
    if not np.isfinite(values).all() or (sample.high[drawn.like] != values).any():
        return False, False
    ours = sample.mean
    more = len(drawn) / len(sample)
    resampled = replace(
        ours,
        value=float(values.mean()),
        seeds=len(drawn),
        seed_variance=max(float(values.var(ddof=1)), ours.interaction * len(sample)),
        seed_df=ours.seed_df + len(drawn) - len(sample),
        interaction=ours.interaction / more,
    )
    is_above, is_below = resampled.is_above, resampled.is_below
    return (
        is_above(part.low, level_for) and is_below(part.high, level_for),
        is_below(part.low, level_against / 2) or is_above(part.high, level_against / 2),
    )


def _p_most(part: Hypothesis, which: NDArray[np.bool], p_of_rows: Sequence[float], drawn: Drawn, side: int) -> float:
    """The p of the hypothesis that at most half of all runs are on this side, on which `which` of those seen are."""
    on_side = drawn.among(which, side)
    if not part.sample.rows:
        return p_most(len(drawn), int(on_side.sum()), ())
    # Test rows may decide a run that is like none seen at least as well as those seen
    p_of_seen = np.full(len(which), max(p_of_rows, default=1.0))
    p_of_seen[which] = p_of_rows
    return p_most(len(drawn), int(on_side.sum()), p_of_seen[drawn.like[on_side]].tolist())
