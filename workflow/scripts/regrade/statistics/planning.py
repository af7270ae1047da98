"""How many seeds would settle an open claim, by simulating its whole verdict at the looks to come."""

from collections.abc import Sequence
from dataclasses import replace
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
    the Bayesian bootstrap; Rubin 1981), so that what is not known yet of the effect counts as well as what varies. The
    level is the strictest that Holm may ask for. The seeds that all parts have count; empty for fewer than three.
    """
    sampled = on_common_seeds(parts)
    runs = len(sampled[0].sample) if sampled else 0
    if runs < LEAST_SEEDS or not looks:
        return {}
    settled = np.zeros((WORLDS, len(looks)), dtype=bool)
    for of_world, drawn in zip(settled, _urns(runs, looks[-1].seeds), strict=True):
        for at, look in enumerate(looks):
            if _settles(sampled, drawn[: look.seeds], look.error / among):
                of_world[at:] = True
                break
    return {look.seeds: float(share) for look, share in zip(looks, settled.mean(axis=0), strict=True)}


@cache
def _urns(runs: int, total: int) -> list[list[int]]:
    """For each world the positions of the runs, then new ones, each drawn from all before."""
    generator = np.random.default_rng(0)
    urns = []
    for _ in range(WORLDS):
        drawn = list(range(runs))
        while len(drawn) < total:
            drawn.append(drawn[generator.integers(len(drawn))])
        urns.append(drawn)
    return urns


def _settles(parts: Sequence[Hypothesis], drawn: list[int], level: float) -> bool:
    """Whether these runs would give a verdict at this level, for all parts or against one."""
    sides = [_shows(part, drawn, level, level / len(parts)) for part in parts]
    return all(speaks_for for speaks_for, _ in sides) or any(speaks_against for _, speaks_against in sides)


def _shows(part: Hypothesis, drawn: list[int], level_for: float, level_against: float) -> tuple[bool, bool]:
    """Whether, if these were its runs, they would show a part, or its opposite, with the test rows as they are."""
    sample = part.sample
    if part.of_runs:
        inside, outside = sample.within(part.low, part.high, part.closed)
        share = part.share
        return (
            p_most(len(drawn), *_again(inside, share.p_of_doing, drawn)) <= level_for,
            p_most(len(drawn), *_again(outside, share.p_of_not_doing, drawn)) <= level_against,
        )
    values = sample.low[drawn]
    if not np.isfinite(values).all() or (sample.high[drawn] != values).any():
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


def _again(which: NDArray[np.bool], p_of_rows: tuple[float, ...], drawn: list[int]) -> tuple[int, list[float]]:
    """How many of the drawn runs are among `which`, and their p-values, if there are any."""
    by_position = dict(zip(np.flatnonzero(which).tolist(), p_of_rows, strict=True)) if p_of_rows else {}
    return int(which[drawn].sum()), [by_position[at] for at in drawn if at in by_position]
