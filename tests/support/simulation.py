"""Made-up worlds in which it is known what is true. `python tests/support/simulation.py` prints the table of docs/statistics.md.

In a world, cells are trained with paired seeds and tested on the same rows. A row is answered correctly where the skill
of cell and seed exceeds the row's hardness by more than chance; so seeds and rows are crossed random effects, as in
the workflow, and the number of rows is finite. What is true is the mean over all seeds and rows that there could be.
"""

import itertools
import sys
from dataclasses import dataclass, replace

import numpy as np
from regrade.statistics.estimate import Estimate, estimate
from regrade.statistics.hypotheses import Hypothesis
from regrade.statistics.verdicts import holm
from scipy import stats

LEAST_WORLDS = 800
CELLS = 4


@dataclass(frozen=True)
class World:
    """How many seeds and rows there are; spreads of skill between seeds, and of hardness between rows."""

    seeds: int = 5
    rows: int = 700
    of_seeds: float = 0.1
    of_rows: float = 1.5

    def draw(self, generator: np.random.Generator, better: float = 0.0) -> np.ndarray:
        """Right or wrong, (cells, seeds, rows); the first cell's skill is higher by `better`."""
        skill = generator.normal(1.5, self.of_seeds, (CELLS, self.seeds, 1))
        skill[0] += better
        hardness = generator.normal(0, self.of_rows, (1, 1, self.rows))
        return (generator.normal(size=(CELLS, self.seeds, self.rows)) < skill - hardness).astype(float)

    def accuracy(self, better: float = 0.0) -> float:
        """The true accuracy of a cell."""
        spread = (1 + self.of_seeds**2 + self.of_rows**2) ** 0.5
        return float(stats.norm.cdf((1.5 + better) / spread))


def contrast(correct: np.ndarray, weights: np.ndarray) -> Estimate:
    """The weighted sum of the cells' accuracies."""
    rows = np.tensordot(weights, correct, axes=1)
    return estimate(rows.mean(axis=1), [rows])


def parts(kind: str, world: World, correct: np.ndarray, better: float) -> list[Hypothesis]:
    """A claim of this kind about the first cell, or about all of them."""
    first, slope = np.eye(CELLS)[0], np.linspace(1, -1, CELLS) / 2
    match kind:
        case "greater":
            return [Hypothesis("", "", [], contrast(correct, first - np.eye(CELLS)[1]), low=0)]
        case "best":
            return [Hypothesis("", "", [], contrast(correct, first - other), low=0) for other in np.eye(CELLS)[1:]]
        case "trend":
            return [Hypothesis("", "", [], contrast(correct, slope), low=0)]
        case "threshold":
            return [Hypothesis("", "", [], contrast(correct, first), low=world.accuracy())]
        case "equivalent":  # the margin is the true difference, so that it is not below the margin
            margin = world.accuracy(better) - world.accuracy()
            return [Hypothesis("", "", [], contrast(correct, first - np.eye(CELLS)[1]), low=-margin, high=margin)]
    raise ValueError(kind)


def verdict(found: list[Hypothesis]) -> str:
    """The verdict on a claim that stands alone."""
    p_for = max(part.p_for for part in found)
    p_against = min(1, len(found) * min(part.p_against for part in found))
    if min(1, 2 * min(p_for, p_against)) > 0.05:
        return "inconclusive"
    return "confirmed" if p_for <= p_against else "contradicted"


def false_verdicts(kind: str, world: World, worlds: int, better: float | None = None) -> dict[str, float]:
    """Shares of verdicts on claims that are false by a hair: no difference, or one as large as the margin."""
    generator = np.random.default_rng(1)
    better = (0.15 if kind == "equivalent" else 0.0) if better is None else better
    found = [verdict(parts(kind, world, world.draw(generator, better), better)) for _ in range(worlds)]
    return {name: found.count(name) / worlds for name in ("confirmed", "contradicted", "inconclusive")}


def study_errors(world: World, claims: int, worlds: int) -> float:
    """Share of studies with any verdict where all claims are of no difference; each on cells of its own."""
    generator = np.random.default_rng(2)
    wrong = 0
    for _ in range(worlds):
        each = [parts("greater", world, world.draw(generator), 0.0)[0].p for _ in range(claims)]
        wrong += min(holm(each)) <= 0.05
    return wrong / worlds


def coverage(world: World, worlds: int) -> dict[str, float]:
    """How often the 95 % interval of an accuracy holds the true one: ours, and the bootstrap's percentiles."""
    from regrade.statistics.bootstrap import means

    generator, ours, theirs = np.random.default_rng(3), 0, 0
    for number in range(worlds):
        correct = world.draw(generator)[:1]
        low, high = contrast(correct, np.ones(1)).interval()
        ours += low <= world.accuracy() <= high
        drawn = means(correct.mean(axis=2), correct, draws=500, seed=number)[:, 0]
        theirs += np.quantile(drawn, 0.025) <= world.accuracy() <= np.quantile(drawn, 0.975)
    return {"ours": ours / worlds, "percentiles": theirs / worlds}


def main(worlds: int = 4000) -> None:
    """Print all tables."""
    print("| claim | seeds | falsely confirmed, seeds vary little | seeds vary much |\n|---|---:|---:|---:|")
    for kind, seeds in itertools.product(("greater", "best", "trend", "threshold", "equivalent"), (2, 3, 5, 10)):
        found = [
            false_verdicts(kind, World(seeds=seeds, of_seeds=spread), worlds)["confirmed"] for spread in (0.1, 0.3)
        ]
        print(f"| {kind} | {seeds} | {found[0]:.3f} | {found[1]:.3f} |")
    print("\n| true difference (points) | seeds | confirmed | contradicted |\n|---:|---:|---:|---:|")
    for better, seeds in itertools.product((0.1, 0.2, 0.3), (3, 5, 10)):
        world = World(seeds=seeds)
        found = false_verdicts("greater", world, worlds, better)
        points = 100 * (world.accuracy(better) - world.accuracy())
        print(f"| {points:.1f} | {seeds} | {found['confirmed']:.2f} | {found['contradicted']:.3f} |")
    print("\n| seeds | seeds vary | ours | percentiles of the bootstrap |\n|---:|---|---:|---:|")
    for (vary, world), seeds in itertools.product((("little", World()), ("much", World(of_seeds=0.3))), (2, 3, 5, 10)):
        found = coverage(replace(world, seeds=seeds), worlds // 4)
        print(f"| {seeds} | {vary} | {found['ours']:.3f} | {found['percentiles']:.3f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
