"""The plan: further seeds within some hours, what they are expected to settle, and what they cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from regrade.cells.cell import Cell
from regrade.core.digits import significant
from regrade.core.errors import UserError
from regrade.costs import schedule
from regrade.costs.model import Forecasts
from regrade.settle import program
from regrade.settle.program import Stake
from regrade.settle.waiting import Trained, Waiting

HOUR = 3600.0


@dataclass(frozen=True)
class Line:
    """A claim that is judged again. `cells`: those that get further seeds; `to`: the look's seeds; `hours`: of a job
    after another, each cell's in full even where other claims share it; `shared`: whether they do.
    """

    waiting: Waiting
    cells: tuple[Cell, ...]
    to: int
    chance: float
    hours: float
    shared: bool


@dataclass(frozen=True)
class Plan:
    """Which cells get which further seeds, and what for.

    `to`: how many seeds they then have. `lines`: open claims that may be settled, those with the most chance per hour
    first. `again`: the same of claims that have a verdict. `rest`: by study and claim, why other open claims stay open.
    `verdicts`: how many more are expected, those that may be lost taken off. `hours`: of one job after another; `wall`:
    of all jobs side by side.
    """

    seeds: Mapping[Path, list[int]]
    to: Mapping[Path, int]
    lines: list[Line]
    again: list[Line]
    rest: list[tuple[Waiting, str]]
    verdicts: float
    hours: float
    wall: float


class Planner:
    """Claims of studies, and what further seeds of their cells take."""

    def __init__(self, claims: Sequence[Waiting], trained: Mapping[str, Trained], forecasts: Forecasts, at_once: int):
        self.claims, self.trained, self.forecasts, self.at_once = claims, trained, forecasts, at_once
        self.least = forecasts.model.params.settle.least_chance
        self.chanced = [one for one in claims if one.chances]
        self.stakes = [
            Stake(frozenset(cell.folder for cell in one.cells), float(one.settled), one.chances).hopeful(self.least)
            for one in self.chanced
        ]
        self.cells = {cell.folder: cell for one in self.chanced for cell in one.cells}
        looks = {seeds for one in self.chanced for seeds in one.chances}
        self.costs = {folder: self._costs(cell, sorted(looks)) for folder, cell in self.cells.items()}

    def _costs(self, cell: Cell, looks: Sequence[int]) -> dict[int, float]:
        """Hours by the number of seeds that a cell gets; none where they are not known."""
        costs = {seeds: self._hours(cell, self.trained[cell.study].lacks(cell, seeds)) for seeds in looks}
        return {seeds: hours for seeds, hours in costs.items() if hours is not None}

    def _hours(self, cell: Cell, lacking: Sequence[int]) -> float | None:
        seconds = self.forecasts.further(cell, lacking) if lacking else 0.0
        return None if seconds is None else seconds / HOUR

    def first_steps(self, plan: Plan) -> dict[Path, int]:
        """How many of its seeds each cell of a plan gets before claims are judged again."""

        def rest(folder: Path, before: int, after: int) -> float:
            cell = self.cells[folder]
            trained = self.trained[cell.study]
            had = set(trained.lacks(cell, before))
            hours = self._hours(cell, [seed for seed in trained.lacks(cell, after) if seed not in had])
            assert hours is not None, "it is known up to the same look"
            return hours

        return program.first_steps(self.stakes, self.costs, rest, plan.to)

    def plan(self, hours: float) -> Plan:
        """The plan that fits into `hours`. UserError where none does."""
        # A cell's further seeds are one job
        costs = {
            cell: {seeds: cost for seeds, cost in of_cell.items() if cost <= hours}
            for cell, of_cell in self.costs.items()
        }
        budget = hours * self.at_once
        chosen = program.choose(self.stakes, costs, budget, self.least)
        # Jobs may not divide evenly among the processors
        while self._wall(chosen) > hours:
            chosen = program.choose(self.stakes, costs, program.spent(costs, chosen) * (1 - program.GAP), self.least)
        if not chosen:
            raise UserError(self._nothing(hours))
        return self._told(chosen, hours)

    def _wall(self, chosen: Mapping[Path, int]) -> float:
        jobs = sorted((self.costs[cell][seeds] for cell, seeds in chosen.items()), reverse=True)
        return schedule.wall([schedule.Job(hours) for hours in jobs], self.at_once)

    def _alone(self, one: Waiting, seeds: int) -> dict[Path, int] | None:
        """The cells that a claim needs topped up to this number of seeds; None where one's hours are not known."""
        if any(seeds not in self.costs[cell.folder] for cell in one.cells):
            return None
        return {cell.folder: seeds for cell in one.cells if self.costs[cell.folder][seeds]}

    def _hopeful(self, one: Waiting) -> list[tuple[float, int]]:
        """Hours that an open claim takes for a look at which it has a chance, and the look's seeds."""
        return [
            (self._wall(needed), seeds)
            for seeds, chance in one.chances.items()
            if chance >= self.least and (needed := self._alone(one, seeds)) is not None
        ]

    def _nothing(self, hours: float) -> str:
        open_claims = [one for one in self.claims if not one.settled]
        if not open_claims:
            return "No claim is open: each has a verdict or depends on no seed"
        options = [(*option, one) for one in open_claims if one.chances for option in self._hopeful(one)]
        if not options:
            return (
                f"No open claim has a chance of {self.least:g} of a verdict at a planned look: "
                f"{'; '.join(dict.fromkeys(self._why(one, hours) for one in open_claims))}"
            )
        least, seeds, one = min(options, key=lambda option: option[:2])
        if least <= hours:
            return (
                "Further seeds would put more verdicts at risk, of claims that share their cells, than they may bring"
            )
        return (
            f"{hours:g} h settle no claim: the cheapest, {one.claim} of {one.study}, takes {significant(least, 2)} h "
            f"for {seeds} seeds and a chance of {one.chances[seeds]:.2f}; give more hours"
        )

    def _told(self, chosen: Mapping[Path, int], hours: float) -> Plan:
        # A cell counts with the looks to come that it has the seeds for, whether it gets further ones or had them
        reached = {cell: max((n for n, cost in self.costs[cell].items() if not cost), default=0) for cell in self.costs}
        reached |= chosen
        again = [
            self._line(one, chosen, look)
            for one, stake in zip(self.chanced, self.stakes, strict=True)
            if (look := stake.reached(reached)) is not None
        ]
        again.sort(key=lambda line: line.hours / max(line.chance, 1e-9))
        lines = [line for line in again if not line.waiting.settled and line.chance >= self.least]
        at_risk = [line for line in again if line.waiting.settled]
        told = {id(line.waiting) for line in lines}
        return Plan(
            seeds={
                folder: self.trained[cell.study].lacks(cell, chosen[folder])
                for folder, cell in self.cells.items()
                if folder in chosen
            },
            to=chosen,
            lines=lines,
            again=at_risk,
            rest=[(one, self._why(one, hours)) for one in self.claims if not one.settled and id(one) not in told],
            verdicts=sum(line.chance - line.waiting.settled for line in lines + at_risk),
            hours=program.spent(self.costs, chosen),
            wall=self._wall(chosen),
        )

    def _line(self, one: Waiting, chosen: Mapping[Path, int], look: int) -> Line:
        cells = tuple(cell for cell in one.cells if cell.folder in chosen)
        others = {cell.folder for other in self.chanced if other is not one for cell in other.cells}
        return Line(
            one,
            cells,
            look,
            one.chances[look],
            sum(self.costs[cell.folder][chosen[cell.folder]] for cell in cells),
            not others.isdisjoint(cell.folder for cell in cells),
        )

    def _why(self, one: Waiting, hours: float) -> str:
        """Why a claim stays open."""
        if not one.chances:
            return one.why
        if (best := max(one.chances.values())) < self.least:
            last = max(one.chances)
            return f"chance of {best:.2f} at best, up to the last look, {last} seeds"
        options = self._hopeful(one)
        if not options:
            return "how long its cells train is not known"
        least, seeds = min(options, key=lambda option: (option[0], -one.chances[option[1]]))
        chance = one.chances[seeds]
        if least > hours:
            return f"takes {significant(least, 2)} h for {seeds} seeds and a chance of {chance:.2f}"
        cells = {cell.folder for cell in one.cells}
        shared = any(
            other.settled and not cells.isdisjoint(cell.folder for cell in other.cells) for other in self.chanced
        )
        better = "others settle more per hour" + (", or have verdicts that are at risk in its cells" if shared else "")
        return f"{better}: {significant(least, 2)} h for {seeds} seeds and a chance of {chance:.2f}"
