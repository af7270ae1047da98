"""The best of several cells, judged on other seeds and other rows than it is chosen on.

The highest of several means is too high: chance helps to be chosen. For each seed, and for each half of the test rows,
the winner is therefore chosen by the other seeds on the other half (cross-validation of the choice; Cawley and Talbot
2010 on why). Another seed may so have another winner: what is judged is choosing, as the source did it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regrade.bundle.answers import Correct
from regrade.bundle.manifest import BundledCell
from regrade.config.types import Value

# Means of the same numbers in another order differ by rounding: they are equal if they agree to this many decimals
DIGITS = 12


@dataclass(frozen=True)
class Winner:
    """The cell among the candidates with the highest (or lowest) mean of a metric."""

    candidates: tuple[BundledCell, ...]
    by: "str | dict[str, Value]"
    highest: bool = True


@dataclass(frozen=True)
class Seen:
    """What was seen of a cell, or a winner: the bounds of a number by seed, and which rows were answered correctly."""

    experiment: str
    bounds: pd.DataFrame
    correct: Correct | None


def rotated(candidates: Sequence[Seen], by: Sequence[Seen], highest: bool) -> Seen:
    """What is seen of the winner among `candidates`, chosen by what is seen in `by`; empty if one is missing.

    Chosen on the other half of the rows where both are about the same rows, else by the other seeds alone.
    """
    seeds = sorted(set.intersection(*(set(one.bounds.index) for one in [*candidates, *by])))
    if not seeds:
        return Seen(candidates[0].experiment, candidates[0].bounds.iloc[:0], None)
    sign = 1 if highest else -1
    if (both := _on_same_rows([*candidates, *by], seeds)) is not None:
        answers, of_choice = np.split(both, 2)
        correct = np.take_along_axis(answers, _by_seeds_and_rows(sign * of_choice)[None], axis=0)[0]
        accuracy = correct.mean(axis=1)
        bounds = pd.DataFrame({"low": accuracy, "high": accuracy}, index=pd.Index(seeds))
        return Seen(candidates[0].experiment, bounds, _correct(candidates, seeds, correct))
    # Of a number that is only known to lie in a range, the worse end counts: nobody wins by a run that diverged
    worst = "low" if highest else "high"
    scores = sign * np.array([one.bounds[worst].loc[seeds].to_numpy() for one in by])
    winners = [int(_mean_of_others(scores, at).argmax()) for at in range(len(seeds))]
    bounds = pd.DataFrame(
        [candidates[winner].bounds.loc[seed] for winner, seed in zip(winners, seeds, strict=True)],
        index=pd.Index(seeds),
    )
    alone = _on_same_rows(candidates, seeds)
    rows = None if alone is None else _correct(candidates, seeds, alone[winners, range(len(seeds))])
    return Seen(candidates[0].experiment, bounds, rows)


def _on_same_rows(cells: Sequence[Seen], seeds: list[int]) -> NDArray[np.float64] | None:
    """Correct (1.0) or wrong (0.0), (cells, seeds, rows); None where the cells were not all tested on the same rows."""
    known = [one.correct for one in cells if one.correct is not None]
    if len(known) < len(cells) or not all(one.same_rows(known[0]) for one in known):
        return None
    return np.stack([one.matrix(seeds) for one in known])


def _correct(cells: Sequence[Seen], seeds: list[int], answers: NDArray[np.float64]) -> Correct:
    """Answers to the rows that all of these cells were tested on, (seeds, rows)."""
    assert cells[0].correct is not None, "they are on the same rows"
    return Correct(cells[0].correct.sample, dict(zip(seeds, answers.astype(bool), strict=True)))


def _by_seeds_and_rows(answers: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each seed and row the cell that is best by the other seeds on the other half of the rows: (seeds, rows)."""
    _, seeds, rows = answers.shape
    chosen = np.empty((seeds, rows), dtype=np.intp)
    halves = (slice(0, None, 2), slice(1, None, 2))
    for half, other in (halves, halves[::-1]):
        scores = answers[:, :, other].mean(axis=2)
        for seed in range(seeds):
            chosen[seed, half] = _mean_of_others(scores, seed).argmax()
    return chosen


def _mean_of_others(scores: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The mean over all seeds but one, (cells,), the same for equals; of a single seed its own."""
    others = np.delete(scores, seed, axis=1) if scores.shape[1] > 1 else scores
    means: NDArray[np.float64] = np.round(others.mean(axis=1), DIGITS)
    return means
