"""Worlds in which it is known which claims are true: grade, choose further seeds, train them, grade again.

`python tests/support/settling.py` prints the table of docs/next.md. A world has twelve cells in three families. The
cells of a family are equally good, so that a claim about two of them is false by a hair; the others are true. All runs
are drawn beforehand, so that ways to spend the same hours are compared on the same runs.
"""

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
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
# How seeds are added: from a world, its verdicts, the seeds and the hours so far, to more seeds
Way = Callable[["World", list[Judged], Seeds, float], Seeds]


@dataclass(frozen=True)
class World:
    """`means`: true losses of the cells. `runs`: (cells, 40), a loss each. `hours`: of a run, by cell. `claims`: pairs of cells, the first the better.

    `stacked`: whether all seeds of a job take as long as one, else each takes as long. `known`: what is at stake, by the
    numbers of seeds, as simulating it takes longest.
    """

    means: NDArray[np.float64]
    runs: NDArray[np.float64]
    hours: Mapping[Path, float]
    claims: list[tuple[int, int]]
    stacked: bool = False
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

    def job(self, cell: Path, before: int, after: int) -> float:
        """Hours of a job that tops a cell up."""
        return self.hours[cell] * (min(after - before, 1) if self.stacked else after - before)

    def cost(self, before: Seeds, after: Seeds) -> float:
        """Hours of all jobs."""
        return sum(self.job(cell, before[cell], after[cell]) for cell in CELLS)

    def equally(self, seeds: int) -> float:
        """Hours beyond those of the first look for as many seeds of every cell, in one job each."""
        return self.cost(dict.fromkeys(CELLS, FIRST), dict.fromkeys(CELLS, seeds))


def world(generator: np.random.Generator, stacked: bool = False) -> World:
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
        dict(zip(CELLS, generator.lognormal(0, 1, len(CELLS)).tolist(), strict=True)),
        [tuple(pair) for kind in (false, true) for pair in generator.permutation(kind)[: CLAIMS // 2].tolist()],
        stacked,
    )


def equally(seeds: int) -> Way:
    """The same number of seeds for every cell."""
    return lambda world, judged, so_far, spent: dict.fromkeys(CELLS, seeds)


def planned(share: float, of: int) -> Way:
    """As `regrade next` chooses them, for a share of the hours of `of` seeds for every cell."""
    return lambda world, judged, so_far, spent: so_far | _chosen(world, judged, so_far, share * world.equally(of))[0]


def settled(share: float, of: int, stop: bool = True, part: float = 1) -> tuple[Way, ...]:
    """The rounds of `snakemake settle`, for a share of the hours of `of` seeds for every cell.

    `stop`: whether cells may stop at looks on the way. `part`: of the hours left, that a round plans for.
    """

    def way(world: World, judged: list[Judged], so_far: Seeds, spent: float) -> Seeds:
        left = share * world.equally(of) - spent
        chosen, stakes, costs = _chosen(world, judged, so_far, part * left) if left > 1e-9 else ({}, [], {})
        return so_far | (program.first_steps(stakes, costs, world.job, chosen) if stop else chosen)

    return (way,) * 8


def _chosen(world: World, judged: list[Judged], so_far: Seeds, budget: float):
    """The seeds that settle the most claims within the budget, what is at stake, and costs."""
    if (key := tuple(so_far.values())) not in world.known:
        world.known[key] = [_stake(claim, one) for claim, one in zip(world.claims, judged, strict=True)]
    stakes = [one for one in world.known[key] if one.chances]
    costs = {
        cell: {look.seeds: world.job(cell, so_far[cell], max(look.seeds, so_far[cell])) for look in LOOKS}
        for cell in CELLS
    }
    return program.choose(stakes, costs, budget, LEAST), stakes, costs


def _stake(claim: tuple[int, int], one: Judged) -> Stake:
    later = looks.later(LOOKS, one.seeds)
    chances = {look.seeds: planning.chances(one.hypotheses, [look], one.among)[look.seeds] for look in later}
    settled = float(one.verdict != verdicts.INCONCLUSIVE)
    return Stake(frozenset(CELLS[cell] for cell in claim), settled, chances).hopeful(LEAST)


@dataclass(frozen=True)
class Outcome:
    """Of one world, or the means over several; nan in a world where nothing of it is known.

    `falsely_confirmed`, `falsely_contradicted`: whether any claim was, at any grading. `right`: true claims confirmed in
    the end. `covered`: the share of claims whose difference is inside its 95 % interval in the end. `shown`: the
    difference shown in the end as a share of the true one, over all true claims; `shown_confirmed`: over those confirmed.
    `hours`: beyond the first look, as a share of those of 40 seeds for every cell.
    """

    falsely_confirmed: float
    falsely_contradicted: float
    right: float
    covered: float
    shown: float
    shown_confirmed: float
    hours: float


def outcomes(worlds: int, rows: Sequence[Sequence[Way]], stacked: bool = False) -> list[Outcome]:
    """What comes of adding seeds in the ways of each row, one after another, with a grading after each."""
    generator = np.random.default_rng(5)
    seen = []
    for _ in range(worlds):
        one = world(generator, stacked)
        seen.append([_values(_outcome(one, ways)) for ways in rows])
    return [Outcome(*means) for means in np.nanmean(seen, axis=0).tolist()]


def _values(one: Outcome) -> list[float]:
    return [getattr(one, each.name) for each in fields(one)]


def _outcome(one: World, ways: Sequence[Way]) -> Outcome:
    seeds, spent = dict.fromkeys(CELLS, FIRST), 0.0
    gradings = [one.grade(seeds)]
    for way in ways:
        further = way(one, gradings[-1], seeds, spent)
        if further == seeds:
            break
        spent += one.cost(seeds, further)
        seeds = further
        gradings.append(one.grade(seeds))
    said = [[judged.verdict for judged in grading] for grading in gradings]
    true = np.array([one.true(claim) for claim in one.claims])
    confirmed = [np.array(of_all) == verdicts.CONFIRMED for of_all in said]
    shown = np.array([_shown(one, *both) for both in zip(one.claims, gradings[-1], strict=True)])
    return Outcome(
        # A claim that is false by a hair should hardly ever be contradicted, either
        falsely_confirmed=float((np.any(confirmed, axis=0) & ~true).any()),
        falsely_contradicted=float(any(verdicts.CONTRADICTED in of_all for of_all in said)),
        right=float((confirmed[-1] & true).sum()),
        covered=float(np.mean([_covered(one, *both) for both in zip(one.claims, gradings[-1], strict=True)])),
        shown=float(shown[true].mean()),
        shown_confirmed=float(shown[confirmed[-1] & true].mean()) if (confirmed[-1] & true).any() else np.nan,
        hours=spent / one.equally(LAST),
    )


def _difference(one: World, claim: tuple[int, int]) -> float:
    return float(one.means[claim[0]] - one.means[claim[1]])


def _covered(one: World, claim: tuple[int, int], judged: Judged) -> bool:
    low, high = judged.hypotheses[0].sample.mean.interval()
    return bool(low <= _difference(one, claim) <= high)


def _shown(one: World, claim: tuple[int, int], judged: Judged) -> float:
    true = _difference(one, claim)
    return judged.hypotheses[0].sample.mean.value / true if true else np.nan


ROWS: dict[str, tuple[Way, ...]] = {
    "5 seeds for all": (),
    "10 seeds for all": (equally(10),),
    "20 seeds for all": (equally(20),),
    "40 seeds for all": (equally(40),),
    "`next`, half the hours of 20": (planned(0.5, 20),),
    "`next`, the hours of 20": (planned(1, 20),),
    "`settle`, the hours of 10": settled(1, 10),
    "`settle`, half the hours of 20": settled(0.5, 20),
    "`settle`, the hours of 20": settled(1, 20),
    "`settle`, half the hours of 40": settled(0.5, 40),
    "… without stops on the way": settled(0.5, 40, stop=False),
    "… half of the hours left at a time": settled(0.5, 40, part=0.5),
}


def main(worlds: int = 240, stacked: bool = False) -> None:
    """Print the table."""
    seen = dict(zip(ROWS, outcomes(worlds, list(ROWS.values()), stacked), strict=True))
    equal = [one for name, one in seen.items() if "for all" in name]
    head = (
        *("seeds", "hours", "true claims confirmed, of 8", "hours of equal seeds for as many"),
        *("any falsely confirmed", "any falsely contradicted", "intervals right"),
        *("shown of true differences", "of confirmed ones"),
    )
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (len(head) - 1)}")
    for name, one in seen.items():
        for_as_many = np.interp(one.right, [each.right for each in equal], [each.hours for each in equal])
        print(
            f"| {name} | {one.hours:.3f} | {one.right:.2f} | {for_as_many:.3f} | {one.falsely_confirmed:.3f} | "
            f"{one.falsely_contradicted:.3f} | {one.covered:.3f} | {one.shown:.2f} | {one.shown_confirmed:.2f} |"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 240, "stacked" in sys.argv)
