"""Which cells to top up to which planned look: an integer linear program, solved exactly by HiGHS.

A cell that several claims need is paid once, so that claims which are dear alone may be cheap together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

# What more seeds cost, in whatever unit the budget has: by a cell's folder, by the number of seeds it is topped up to
Costs = Mapping[Path, Mapping[int, float]]
# Coefficients by column, and the limit of their sum
Row = tuple[dict[int, float], float]
# How close to the best is close enough, as a share of it: chances are simulated, and known to a few hundredths
GAP = 0.001


@dataclass(frozen=True)
class Stake:
    """What more seeds do for a claim.

    `cells`: those that it waits for. `now`: its chance of a verdict as it stands: 1 if it has one. `chances`: that at
    each look to come, by the look's seeds.
    """

    cells: frozenset[Path]
    now: float
    chances: Mapping[int, float]

    def hopeful(self, least: float) -> "Stake":
        """The same with chances below this one taken for none, unless a verdict is at stake."""
        if self.now:
            return self
        return replace(self, chances={look: one if one >= least else 0.0 for look, one in self.chances.items()})

    def reached(self, seeds: Mapping[Path, int]) -> int | None:
        """The last look to come that all of its cells reach, by its seeds; None if they reach none."""
        fewest = min(seeds[cell] for cell in self.cells)
        return max((look for look in self.chances if look <= fewest), default=None)

    def chance(self, seeds: Mapping[Path, int]) -> float:
        """The chance of a verdict with this number of seeds of each cell."""
        look = self.reached(seeds)
        return self.now if look is None else self.chances[look]


def choose(stakes: Sequence[Stake], costs: Costs, budget: float, least: float) -> dict[Path, int]:
    """The cells to be topped up, and to how many seeds, for the most expected verdicts within the budget.

    `costs`: 0 where a cell has these seeds; a number of seeds that it lacks cannot be had. `least`: verdicts that the
    whole budget must bring; a part of it must bring that part of them, so that time with little hope is left unused.
    A claim with a verdict is at stake, too: with more seeds it is judged again, at another level.
    """
    steps = [(cell, seeds) for cell, by_seeds in costs.items() for seeds in sorted(by_seeds)]
    looks = [(number, seeds) for number, stake in enumerate(stakes) for seeds in sorted(stake.chances)]
    if not steps or not looks:
        return {}
    price = _prices(steps, costs)
    links, highest = _links(steps, looks, stakes)
    # Columns are the steps, then the looks
    rows = [({at: cost for at, cost in enumerate(price) if cost}, budget), *links]
    width = len(steps) + len(looks)
    present = np.array([not costs[cell][seeds] for cell, seeds in steps] + [False] * len(looks))
    solution = scipy.optimize.milp(
        np.concatenate([least / budget * np.array(price), -np.array(_gains(looks, stakes))]),
        constraints=scipy.optimize.LinearConstraint(_matrix(rows, width), ub=[limit for _, limit in rows]),
        # Looks are whole where the steps are
        integrality=np.arange(width) < len(steps),
        bounds=scipy.optimize.Bounds(present.astype(float), highest),
        options={"mip_rel_gap": GAP},
    )
    taken = [step for step, value in zip(steps, solution.x, strict=False) if value > 0.5]
    return {cell: seeds for cell, seeds in taken if costs[cell][seeds]}


def first_steps(
    stakes: Sequence[Stake], costs: Costs, rest: Callable[[Path, int, int], float], chosen: Mapping[Path, int]
) -> dict[Path, int]:
    """How many of the chosen seeds each cell gets before claims are judged again.

    A cell stops at an earlier look where that is expected to cost less: what it takes up to there and, unless all
    claims that wait for it are settled then, the rest. Seeds that are trained together may cost so much less that it
    does not. `rest`: what a cell takes from one number of seeds to another.
    """
    steps = {}
    for cell, last in chosen.items():
        chances = [stake.chances for stake in stakes if cell in stake.cells and not stake.now]
        expected = {last: costs[cell][last]}
        for seeds, cost in costs[cell].items():
            if seeds < last and cost:
                settled = prod(of_looks.get(seeds, 0.0) for of_looks in chances if any(of_looks.values()))
                expected[seeds] = cost + (1 - settled) * rest(cell, seeds, last)
        steps[cell] = min(expected, key=lambda seeds: (expected[seeds], seeds))
    return steps


def spent(costs: Costs, chosen: Mapping[Path, int]) -> float:
    """What these cells cost, topped up to these numbers of seeds."""
    return sum(costs[cell][seeds] for cell, seeds in chosen.items())


def _prices(steps: Iterable[tuple[Path, int]], costs: Costs) -> list[float]:
    """By how much each step makes its cell dearer: seeds that are trained together cost less than one by one."""
    before: dict[Path, float] = {}
    prices = []
    for cell, seeds in steps:
        prices.append(costs[cell][seeds] - before.get(cell, 0.0))
        before[cell] = costs[cell][seeds]
    return prices


def _gains(looks: Iterable[tuple[int, int]], stakes: Sequence[Stake]) -> list[float]:
    """By how much each look changes its claim's chance."""
    before = {number: stake.now for number, stake in enumerate(stakes)}
    gains = []
    for number, seeds in looks:
        chance = stakes[number].chances[seeds]
        gains.append(chance - before[number])
        before[number] = chance
    return gains


def _links(
    steps: Sequence[tuple[Path, int]], looks: Sequence[tuple[int, int]], stakes: Sequence[Stake]
) -> tuple[list[Row], NDArray[np.float64]]:
    """What ties steps to those before them and looks to steps; and by column, 0 for a look that cannot be had."""
    column = {step: at for at, step in enumerate(steps)}
    rows: list[Row] = [
        ({column[after]: 1.0, column[before]: -1.0}, 0.0) for before, after in pairwise(steps) if before[0] == after[0]
    ]
    highest = np.ones(len(steps) + len(looks))
    for at, (number, seeds) in enumerate(looks, len(steps)):
        needed = [column.get((cell, seeds)) for cell in stakes[number].cells]
        topped = [cell for cell in needed if cell is not None]
        if len(topped) < len(needed):
            highest[at] = 0
            continue
        rows += [({at: 1.0, cell: -1.0}, 0.0) for cell in topped]
        # Whoever tops up all cells cannot leave the look out
        rows.append((dict.fromkeys(topped, 1.0) | {at: -1.0}, len(topped) - 1.0))
    return rows, highest


def _matrix(rows: Sequence[Row], width: int) -> scipy.sparse.csr_array:
    places = [(row, at, value) for row, (entries, _) in enumerate(rows) for at, value in entries.items()]
    row, at, value = zip(*places, strict=True) if places else ((), (), ())
    return scipy.sparse.csr_array((value, (row, at)), shape=(len(rows), width))
