"""Made-up worlds in which it is known what is true, hostile ones included.

`python tests/support/simulation.py` prints the tables of docs/statistics.md. A world draws, for a number of seeds, the
parts of one claim; the claim is false in it, by a hair where that is possible, unless `true` makes it true. Everything
from the numbers of the runs on is what the workflow does.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from regrade.bundle.answers import Correct
from regrade.statistics.hypotheses import Hypothesis
from regrade.statistics.pooling import pooled
from regrade.statistics.sample import Sample
from regrade.statistics.verdicts import together
from regrade.statistics.winners import Seen, rotated
from scipy import stats

ROWS = 700
SEEDS = (2, 3, 5, 10)
BOUNDS = pd.Index(["low", "high"])
Draw = Callable[[np.random.Generator, int, bool], list[Hypothesis]]
WORLDS: dict[str, Draw] = {}


def world(function: Draw) -> Draw:
    """Add a world under the name of its function."""
    WORLDS[function.__name__.replace("_", " ")] = function
    return function


@dataclass(frozen=True)
class Skills:
    """Cells whose runs answer a row correctly where the skill of cell and seed exceeds the row's hardness by chance.

    So seeds and rows are crossed random effects, as in the workflow. `of_seeds`, `of_rows`: their spreads.
    """

    of_seeds: float = 0.1
    of_rows: float = 1.5
    skill: float = 1.5

    def draw(self, generator: np.random.Generator, seeds: int, better: tuple[float, ...]) -> NDArray[np.float64]:
        """Right or wrong, (cells, seeds, rows); `better`: by how much each cell's skill is higher."""
        skill = generator.normal(self.skill, self.of_seeds, (len(better), seeds, 1)) + np.array(better)[:, None, None]
        hardness = generator.normal(0, self.of_rows, (1, 1, ROWS))
        return (generator.normal(size=(len(better), seeds, ROWS)) < skill - hardness).astype(float)

    def accuracy(self, better: float = 0.0) -> float:
        """The true accuracy of a cell, over all seeds and rows."""
        return float(stats.norm.cdf((self.skill + better) / (1 + self.of_seeds**2 + self.of_rows**2) ** 0.5))


LITTLE, MUCH = Skills(), Skills(of_seeds=0.3)


def statement(
    sample: Sample, low: float = -np.inf, high: float = np.inf, about: str = "mean", closed: bool = False
) -> Hypothesis:
    """The hypothesis that a number is between these bounds."""
    return Hypothesis("", "", [], sample, low=low, high=high, about=about, closed=closed)  # type: ignore[arg-type]


def accuracies(correct: NDArray[np.float64], weights: tuple[float, ...]) -> Sample:
    """The weighted sum of the accuracies of cells that were tested on the same rows; `correct` (cells, seeds, rows)."""
    rows = np.tensordot(weights, correct, axes=1)
    bounds = (sum(min(w, 0.0) for w in weights), sum(max(w, 0.0) for w in weights))
    total = rows.mean(axis=1)
    of_share = (0.0, 1.0) if len(weights) == 1 else None
    return Sample(tuple(range(len(total))), total, total, ((rows, bounds),), of_share)


def numbers(low: NDArray[np.float64], high: NDArray[np.float64] | None = None, **more: object) -> Sample:
    """Numbers without test rows."""
    return Sample(tuple(range(len(low))), low, low if high is None else high, **more)  # type: ignore[arg-type]


def _skilled(kind: str, skills: Skills) -> Draw:
    """A claim of this kind about cells of equal skill, or of skills that make it true."""

    def draw(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
        better = 0.3 if true else 0.0
        match kind:
            case "greater":
                return [statement(accuracies(skills.draw(generator, seeds, (better, 0)), (1, -1)), low=0)]
            case "best":
                correct = skills.draw(generator, seeds, (better, 0, 0, 0))
                return [statement(accuracies(correct[[0, other]], (1, -1)), low=0) for other in (1, 2, 3)]
            case "trend":
                steps = tuple(better * np.linspace(1, 0, 4))
                return [
                    statement(accuracies(skills.draw(generator, seeds, steps), tuple(np.linspace(1, -1, 4))), low=0)
                ]
            case "threshold of the mean":
                correct = skills.draw(generator, seeds, (better,))
                return [statement(accuracies(correct, (1,)), low=skills.accuracy(), closed=True)]
            case "threshold of runs":
                correct = skills.draw(generator, seeds, (better,))
                median = float(stats.norm.cdf(skills.skill / (1 + skills.of_rows**2) ** 0.5))
                return [statement(accuracies(correct, (1,)), low=median, about="runs", closed=True)]
        # equivalent: as far apart as the margin, or not at all
        margin = skills.accuracy(0.3) - skills.accuracy()
        correct = skills.draw(generator, seeds, (0 if true else 0.3, 0))
        return [statement(accuracies(correct, (1, -1)), low=-margin, high=margin)]

    return draw


for _kind in ("greater", "best", "trend", "threshold of the mean", "threshold of runs", "equivalent"):
    WORLDS[f"{_kind}, seeds vary little"] = _skilled(_kind, LITTLE)
    WORLDS[f"{_kind}, seeds vary much"] = _skilled(_kind, MUCH)


def _epochs(generator: np.random.Generator, seeds: int, last: int, rate: float) -> Sample:
    """Epochs to an accuracy that a run reaches with this chance in each epoch, if it has enough of them."""
    needed = generator.geometric(rate, seeds).astype(float) if rate else np.full(seeds, np.inf)
    return numbers(np.minimum(needed, last), np.where(needed > last, np.inf, needed))


def _fewer(first: Sample, second: Sample) -> list[Hypothesis]:
    return [statement(numbers(first.low - second.high, first.high - second.low), high=0, about="runs")]


@world
def censored(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """Two cells of 50 and 100 epochs that are equally slow: in half of the pairs of runs, neither gets there."""
    faster = 0.2 if true else 0.008
    return _fewer(_epochs(generator, seeds, 50, faster), _epochs(generator, seeds, 100, 0.008))


@world
def never_converged(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """No run of either cell ever gets there, in 50 and in 100 epochs."""
    return _fewer(_epochs(generator, seeds, 50, 0.2 if true else 0), _epochs(generator, seeds, 100, 0))


@world
def losses_of_diverged(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """A loss below 1 in half of the runs; in the others it is not known, because they diverged."""
    diverged = generator.random(seeds) < (0.0 if true else 0.5)
    loss = np.full(seeds, 0.9)
    low, high = np.where(diverged, -np.inf, loss), np.where(diverged, np.inf, loss)
    return [statement(numbers(low, high), high=1.0, about="runs", closed=True)]


def _saturated(about: str, low: float) -> Draw:
    def draw(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
        accuracy = 1.0 if true else low
        hard = generator.random(ROWS) < (1 - accuracy) / 2  # half of the mistakes are made by all seeds
        by_chance = generator.random((seeds, ROWS)) < (1 - accuracy) / (1 + accuracy)
        correct = 1.0 - (hard | by_chance)
        return [statement(accuracies(correct[None], (1,)), low=low, about=about, closed=True)]

    return draw


WORLDS["saturated, mean"] = _saturated("mean", 0.999)
WORLDS["saturated, runs"] = _saturated("runs", 0.9985)


@world
def saturated_difference(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """Two cells that are equally good up to a row in a thousand, which only one of them knows: equivalent within that."""
    known = generator.random(ROWS) < (0.0 if true else 0.001)
    correct = np.ones((2, seeds, ROWS))
    correct[1] -= known
    return [statement(accuracies(correct, (1, -1)), low=-0.001, high=0.001)]


@world
def constant(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """A loss that is either .3 or .5, and often the same in all runs that we see."""
    loss = np.where(generator.random(seeds) < (1.0 if true else 0.5), 0.3, 0.5)
    return [statement(numbers(loss + generator.normal(0, 1e-12, seeds)), high=0.4)]


@world
def slopes_of_rounding(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """Slopes of losses that differ by rounding only, in a direction of their own."""
    slope = 0.01 if true else 0.0
    noise = generator.normal(0, 1e-16, seeds) + generator.choice([-1, 1]) * 1e-16
    values = slope + noise
    return [statement(numbers(np.where(np.abs(values) < 1e-6, 0.0, values)), low=0)]


def _two_humped(about: str, share: float) -> Draw:
    def draw(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
        good = generator.random(seeds) < (1.0 if true else share)
        accuracy = np.where(good, 0.995, 0.2)
        correct = (generator.random((seeds, ROWS)) < accuracy[:, None]).astype(float)
        return [statement(accuracies(correct[None], (1,)), low=0.95, about=about, closed=True)]

    return draw


WORLDS["two humps, mean"] = _two_humped("mean", 0.7)
WORLDS["two humps, runs"] = _two_humped("runs", 0.5)


@world
def winner_of_25(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """The best of 25 cells against a fixed one, which is as good as each of these."""
    return _winner(generator, seeds, MUCH, 0.3 if true else 0.0)


@world
def winner_by_rows(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """The same with seeds that hardly differ, so that the winner owes its place to the test rows."""
    return _winner(generator, seeds, Skills(of_seeds=0.02), 0.3 if true else 0.0)


def _known(values: NDArray[np.float64]) -> pd.DataFrame:
    """Both bounds of numbers that are known; made of one array, which is several times quicker than of two."""
    return pd.DataFrame(np.stack([values, values], axis=1), columns=BOUNDS)


def _winner(generator: np.random.Generator, seeds: int, skills: Skills, better: float) -> list[Hypothesis]:
    correct = skills.draw(generator, seeds, (0, *[better] * 25)).astype(bool)

    def seen(answers: NDArray[np.bool]) -> Seen:
        return Seen("", _known(answers.mean(axis=1)), Correct("", dict(enumerate(answers))))

    candidates = [seen(answers) for answers in correct[1:]]
    chosen = rotated(candidates, candidates, highest=True)
    assert chosen.correct is not None
    both = np.stack([chosen.correct.matrix(list(range(seeds))), correct[0].astype(float)])
    return [statement(replace(accuracies(both, (1, -1)), rotated=True), low=0)]


@world
def winner_without_rows(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
    """The best of 25 equal cells by losses, against a fixed one."""
    losses = generator.normal(0, 1, (26, seeds))
    losses[0] += 2 if true else 0
    candidates = [Seen("", _known(one), None) for one in losses[1:]]
    chosen = rotated(candidates, candidates, highest=False)
    return [statement(numbers(chosen.bounds["low"].to_numpy() - losses[0], rotated=True), high=0)]


def _pooled(spreads: Callable[[np.random.Generator], NDArray[np.float64]]) -> Draw:
    """The loss of one of ten cells against a bound; its experiment's variance is pooled where that seems right."""

    def draw(generator: np.random.Generator, seeds: int, true: bool) -> list[Hypothesis]:
        losses = generator.normal(0, 1, (10, seeds)) * spreads(generator)[:, None]
        losses[0] += 2.5 if true else 0
        return [statement(numbers(losses[0], pooled=pooled(list(losses))), low=0)]

    return draw


WORLDS["pooled, equal variances"] = _pooled(lambda generator: np.ones(10))
WORLDS["pooled, lognormal variances"] = _pooled(lambda generator: np.exp(generator.normal(0, 0.5, 10)))
WORLDS["pooled, nine times the variance"] = _pooled(lambda generator: np.array([3.0] + [1.0] * 9))
WORLDS["pooled, two kinds of variance"] = _pooled(lambda generator: np.array([3.0, 1.0] * 5))


def is_confirmed(parts: list[Hypothesis], error: float = 0.05) -> bool:
    """Whether a claim is confirmed that stands alone, at its only look."""
    if any(part.p_for > error for part in parts):
        return False  # whatever the other p, which take as long
    p_for, p_against = together(parts)
    return p_for <= min(p_against, error)


def confirmed(name: str, seeds: int, worlds: int, true: bool = False) -> float:
    """How often the claim is confirmed in this world."""
    generator = np.random.default_rng(1)
    return sum(is_confirmed(WORLDS[name](generator, seeds, true)) for _ in range(worlds)) / worlds


def coverage(skills: Skills, seeds: int, worlds: int) -> float:
    """How often the 95 % interval of an accuracy holds the true one."""
    generator, inside = np.random.default_rng(3), 0
    for _ in range(worlds):
        low, high = accuracies(skills.draw(generator, seeds, (0,)), (1,)).mean.interval()
        inside += low <= skills.accuracy() <= high
    return inside / worlds


def predicted(skills: Skills, seeds: int, worlds: int, own_rows: bool) -> float:
    """How often the prediction interval holds one more run, on the same rows or, with `own_rows`, on rows of its own."""
    generator, inside = np.random.default_rng(4), 0
    for _ in range(worlds):
        correct = skills.draw(generator, seeds + 1, (0,))
        low, high = accuracies(correct[:, :seeds], (1,)).mean.prediction(own_rows)
        another = skills.draw(generator, 1, (0,)) if own_rows else correct[:, seeds:]
        inside += low <= another.mean() <= high
    return inside / worlds


def main(worlds: int = 2000, only: str = "") -> None:
    """Print all tables, or the first one of the worlds whose names contain `only`."""
    seeds = " | ".join(f"{seeds} seeds" for seeds in SEEDS)
    print(f"| world | {seeds} | {seeds} |\n|---|" + "---:|" * 2 * len(SEEDS))
    for name in [name for name in WORLDS if only in name]:
        false = [confirmed(name, seeds, worlds) for seeds in SEEDS]
        true = [confirmed(name, seeds, worlds // 4, true=True) for seeds in SEEDS]
        cells = [f"{rate:.3f}" for rate in false] + [f"{rate:.2f}" for rate in true]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if only:
        return
    print(f"\n| interval | seeds vary | {seeds} |\n|---|---|" + "---:|" * len(SEEDS))
    for name, skills in (("little", LITTLE), ("much", MUCH)):
        row = [coverage(skills, seeds, worlds) for seeds in SEEDS]
        print(f"| mean | {name} | " + " | ".join(f"{rate:.3f}" for rate in row) + " |")
        for own, what in ((False, "same rows"), (True, "own rows")):
            row = [predicted(skills, seeds, worlds, own) for seeds in SEEDS]
            print(f"| one more run, {what} | {name} | " + " | ".join(f"{rate:.3f}" for rate in row) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
