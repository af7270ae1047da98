"""Worlds in which it is known which claims are true: grade, choose further seeds, train them, grade again.

`python tests/support/settling.py` prints the table of docs/next.md. A world has twelve cells in three families. The
cells of a family are equally good, so that a claim about two of them is false by a hair; the others are true. All runs
are drawn beforehand, so that ways to spend the same hours are compared on the same runs.
"""

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from regrade.config.looks import Look
from regrade.settle import program
from regrade.settle.program import Stake
from regrade.statistics import looks, planning, verdicts
from regrade.statistics.verdicts import Judged

from support.simulation import numbers, statement

LOOKS = [Look(seeds=seeds, error=error) for seeds, error in ((5, 0.01), (10, 0.03), (20, 0.006), (40, 0.004))]
FIRST, LAST = LOOKS[0].seeds, LOOKS[-1].seeds
CELLS = [Path(f"cell{number}") for number in range(12)]
FAMILIES, CLAIMS = 3, 16
LEAST = 0.1
Seeds = dict[Path, int]
# How seeds are added: from a world, its verdicts and the seeds so far, to more seeds
Way = Callable[["World", list[Judged], Seeds], Seeds]


@dataclass(frozen=True)
class World:
    """`means`: true losses of the cells. `runs`: (cells, 40), a loss each. `hours`: of a run, by cell. `claims`: pairs of cells, the first the better.

    `known`: what is at stake, by the numbers of seeds, as simulating it takes longest.
    """

    means: NDArray[np.float64]
    runs: NDArray[np.float64]
    hours: Mapping[Path, float]
    claims: list[tuple[int, int]]
    known: dict[tuple[int, ...], list[Stake]] = field(default_factory=dict)

    def true(self, claim: tuple[int, int]) -> bool:
        """Whether the first cell really has the lower loss."""
        return claim[0] % FAMILIES < claim[1] % FAMILIES

    def grade(self, seeds: Seeds) -> list[Judged]:
        """The claims judged with this number of seeds of each cell."""
        return verdicts.decide([Judged(None, [self._part(claim, seeds)], []) for claim in self.claims], LOOKS)

    def _part(self, claim: tuple[int, int], seeds: Seeds):
        both = min(seeds[CELLS[cell]] for cell in claim)
        return statement(numbers(self.runs[claim[0], :both] - self.runs[claim[1], :both]), high=0)

    def cost(self, seeds: Seeds) -> float:
        """Hours beyond those of the first look."""
        return sum((count - FIRST) * self.hours[cell] for cell, count in seeds.items())


def world(generator: np.random.Generator) -> World:
    """Families half to one and a half standard deviations apart, seeds of cells that vary by up to four times."""
    steps = generator.uniform(0.5, 1.5, FAMILIES).cumsum()
    means = np.array([steps[number % FAMILIES] for number in range(len(CELLS))])
    spreads = generator.uniform(0.5, 2, len(CELLS))
    pairs = [pair for pair in itertools.permutations(range(len(CELLS)), 2) if pair[0] % FAMILIES <= pair[1] % FAMILIES]
    false = [pair for pair in pairs if pair[0] % FAMILIES == pair[1] % FAMILIES and pair[0] < pair[1]]
    true = [pair for pair in pairs if pair[0] % FAMILIES < pair[1] % FAMILIES]
    return World(
        means,
        generator.normal(means[:, None], spreads[:, None], (len(CELLS), LAST)),
        dict(zip(CELLS, generator.lognormal(0, 1, len(CELLS)), strict=True)),
        [tuple(pair) for kind in (false, true) for pair in generator.permutation(kind)[: CLAIMS // 2].tolist()],
    )


def equally(seeds: int) -> Way:
    """The same number of seeds for every cell."""
    return lambda world, judged, so_far: dict.fromkeys(CELLS, seeds)


def planned(share: float, of: int) -> Way:
    """As `regrade next` chooses them, for a share of the hours of `of` seeds for every cell."""

    def way(world: World, judged: list[Judged], so_far: Seeds) -> Seeds:
        if (key := tuple(so_far.values())) not in world.known:
            world.known[key] = [_stake(claim, one) for claim, one in zip(world.claims, judged, strict=True)]
        costs = {
            cell: {look.seeds: max(look.seeds - so_far[cell], 0) * world.hours[cell] for look in LOOKS}
            for cell in CELLS
        }
        budget = share * world.cost(dict.fromkeys(CELLS, of))
        return so_far | program.choose([one for one in world.known[key] if one.chances], costs, budget, LEAST)

    return way


def _stake(claim: tuple[int, int], one: Judged) -> Stake:
    later = looks.later(LOOKS, one.seeds)
    chances = {look.seeds: planning.chances(one.hypotheses, [look], one.among)[look.seeds] for look in later}
    settled = float(one.verdict != verdicts.INCONCLUSIVE)
    return Stake(frozenset(CELLS[cell] for cell in claim), settled, chances).hopeful(LEAST)


@dataclass(frozen=True)
class Outcome:
    """Of one world, or the means over several.

    `falsely_confirmed`, `falsely_contradicted`: whether any claim was, at any grading. `right`: true claims confirmed in
    the end. `covered`: the share of claims whose difference is inside its 95 % interval in the end. `hours`: beyond the first look, as a share of those of 40 seeds for every cell.
    """

    falsely_confirmed: float
    falsely_contradicted: float
    right: float
    covered: float
    hours: float


def outcomes(worlds: int, rows: Sequence[Sequence[Way]]) -> list[Outcome]:
    """What comes of adding seeds in the ways of each row, one after another, with a grading after each."""
    generator = np.random.default_rng(5)
    seen = []
    for _ in range(worlds):
        one = world(generator)
        seen.append([astuple(_outcome(one, ways)) for ways in rows])
    return [Outcome(*means) for means in np.mean(seen, axis=0).tolist()]


def _outcome(one: World, ways: Sequence[Way]) -> Outcome:
    seeds = dict.fromkeys(CELLS, FIRST)
    gradings = [one.grade(seeds)]
    for way in ways:
        seeds = way(one, gradings[-1], seeds)
        gradings.append(one.grade(seeds))
    said = [[judged.verdict for judged in grading] for grading in gradings]
    true = [one.true(claim) for claim in one.claims]
    confirmed = [np.array(of_all) == verdicts.CONFIRMED for of_all in said]
    return Outcome(
        # A claim that is false by a hair should hardly ever be contradicted, either
        falsely_confirmed=float((np.any(confirmed, axis=0) & ~np.array(true)).any()),
        falsely_contradicted=float(any(verdicts.CONTRADICTED in of_all for of_all in said)),
        right=float((confirmed[-1] & np.array(true)).sum()),
        covered=float(np.mean([_covered(one, *both) for both in zip(one.claims, gradings[-1], strict=True)])),
        hours=one.cost(seeds) / one.cost(dict.fromkeys(CELLS, LAST)),
    )


def _covered(one: World, claim: tuple[int, int], judged: Judged) -> bool:
    low, high = judged.hypotheses[0].sample.mean.interval()
    return bool(low <= one.means[claim[0]] - one.means[claim[1]] <= high)


ROWS: dict[str, tuple[Way, ...]] = {
    "5 seeds for all": (),
    "10 seeds for all": (equally(10),),
    "20 seeds for all": (equally(20),),
    "40 seeds for all": (equally(40),),
    "`next`, the hours of 10": (planned(1, 10),),
    "`next`, half the hours of 20": (planned(0.5, 20),),
    "`next`, the hours of 20": (planned(1, 20),),
    "`next` twice, a quarter of the hours of 20 each": (planned(0.25, 20), planned(0.25, 20)),
    "`next` twice, half the hours of 20 each": (planned(0.5, 20), planned(0.5, 20)),
}


def main(worlds: int = 240) -> None:
    """Print the table."""
    print(
        "| seeds | hours | true claims confirmed, of 8 | any falsely confirmed | any falsely contradicted | intervals right |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for name, one in zip(ROWS, outcomes(worlds, list(ROWS.values())), strict=True):
        wrong = f"{one.falsely_confirmed:.3f} | {one.falsely_contradicted:.3f}"
        print(f"| {name} | {one.hours:.3f} | {one.right:.2f} | {wrong} | {one.covered:.3f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
