"""True values of a study's cells, with which a claim is false by a hair, or clearly true."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from regrade.bundle.manifest import COUNTS, BundledCell
from regrade.config import reported
from regrade.config.claims import Claim, Estimand
from regrade.statistics import made_up
from regrade.statistics.comparison import Comparison
from regrade.statistics.hypotheses import Hypotheses, Hypothesis
from regrade.statistics.made_up import NOTHING, Key, key
from regrade.statistics.measurements import Measured, Measurements, Metric
from regrade.statistics.sample import Sample
from regrade.statistics.units import possible, unit
from regrade.statistics.winners import Winner

# Clearly true: this many standard deviations between seeds away from where the claim would be false
CLEAR = 3.0
# Of the values with which the claim is as clear, those nearest to what is usual: what a standard deviation weighs
NEARNESS = 1e-3
# How near to the ends of its range a true value may be, as a share of the range
INNER = 1e-4


@dataclass(frozen=True)
class _Asked(Sample):
    """In place of numbers of runs: which weighted sum (or quotient) of a metric is asked for."""

    weights: tuple[tuple[Measured, float], ...] = ()
    metric: Metric = ""
    quotient: bool = False


@dataclass(frozen=True)
class _Asking(Measurements):
    """Measurements that only note what is asked for."""

    def of(self, cell: BundledCell) -> pd.DataFrame:
        """A run, as if every cell was trained."""
        return pd.DataFrame({"seed": [0]})

    def sample(self, weights: Sequence[tuple[Measured, float]], metric: Metric, look: int | None = None) -> _Asked:
        """What is asked for."""
        return self._asked(weights, metric)

    def ratio(self, first: BundledCell, second: BundledCell, metric: Metric) -> _Asked:
        """What is asked for."""
        return self._asked([(first, 1.0), (second, -1.0)], metric, quotient=True)

    def _asked(self, weights: Sequence[tuple[Measured, float]], metric: Metric, quotient: bool = False) -> _Asked:
        rotated = any(isinstance(one, Winner) for one, _ in weights)
        zeros = np.zeros(2)
        return _Asked((0, 1), zeros, zeros, rotated=rotated, weights=tuple(weights), metric=metric, quotient=quotient)


def with_samples(stated: Sequence[Comparison], measurements: Measurements, claim: Claim) -> list[Comparison]:
    """The stated numbers that the claim is about, with what was measured of them: one number of each run."""
    needed = {(test.experiment, str(test.metric)) for test in claim.tests if test.kind == "stated"}
    return [
        replace(
            one,
            sample=measurements.sample([(one.cell, 1.0)], reported.ALIASES.get(one.row["metric"], one.row["metric"])),
        )
        for one in stated
        if one.cell and isinstance(one.stated, float) and (one.row["experiment"], one.row["metric"]) in needed
    ]


class Truths:
    """Sets of true values for a claim: false by a hair in one part, or clearly true.

    They come from a linear program: the values nearest to the usual ones with which each part holds by `CLEAR` standard
    deviations between seeds, or by as many as its range allows; a part that is to be false is at one of its bounds.
    """

    def __init__(self, study: str, claim: Claim, designed: Measurements, stated: list[Comparison]):
        """`designed`: the study's cells, without runs."""
        asking = _Asking(designed.cells, NOTHING, NOTHING, experiments=designed.experiments)
        every = Hypotheses(study, claim, asking, with_samples(stated, asking, claim)).all()
        self.parts = [part for part in every if isinstance(part, Hypothesis)]
        # A claim about the best of several cells has no parts where params.yaml asks for only one
        counts = any(str(_asked(part).metric) in COUNTS for part in self.parts)
        self.by_chance = bool(self.parts) and len(self.parts) == len(every) and not counts
        self._levels = _reported(stated)
        self._solved: dict[tuple[int, int] | None, dict[Key, float] | None] = {}

    @property
    def about(self) -> dict[str, Estimand]:
        """By metric, what its true value is: the mean over all runs, or the median where runs are counted."""
        return {str(_asked(part).metric): part.about for part in self.parts}

    @property
    def experiments(self) -> set[str]:
        """The experiments whose cells it is about."""
        return {cell.experiment for part in self.parts for cell in part.cells}

    @cached_property
    def calm(self) -> float:
        """What to multiply usual deviations by, so that most runs can be in the claimed range at all; at most 1."""
        counted = [part for part in self.parts if part.about == "runs" and math.isfinite(part.high - part.low)]
        return min([1.0, *(self._width(part) / 2 / CLEAR / self._spread(part) for part in counted)])

    def true(self) -> dict[Key, float] | None:
        """Values with which the claim is clearly true."""
        return self._solve(None)

    def false(self, generator: np.random.Generator) -> dict[Key, float] | None:
        """Values with which one part, drawn by chance, is false by a hair; None where no values do that."""
        edges = [
            (at, side) for at, part in enumerate(self.parts) for side in (0, 1) if math.isfinite(_range(part)[side])
        ]
        for at in generator.permutation(len(edges)).tolist():
            if (values := self._solve(edges[at])) is not None:
                return values
        return None

    def _solve(self, edge: tuple[int, int] | None) -> dict[Key, float] | None:
        if edge not in self._solved:
            self._solved[edge] = self._program(edge)
        return self._solved[edge]

    @cached_property
    def _groups(self) -> dict[Key, int]:
        """The unknown that each cell's value is: candidates for a winner have one and the same."""
        groups: dict[Key, int] = {}
        for part in self.parts:
            for one, _ in _asked(part).weights:
                keys = [key(cell, _asked(part).metric) for cell in _cells(one)]
                taken = {groups[name] for name in keys if name in groups}
                number = min(taken, default=len(groups) and max(groups.values()) + 1)
                groups |= {name: number for name in keys} | {name: number for name in groups if groups[name] in taken}
        places = {number: place for place, number in enumerate(sorted(set(groups.values())))}
        return {name: places[number] for name, number in groups.items()}

    @cached_property
    def _about_unknowns(self) -> list[tuple[float, float, float, float]]:
        """Of each unknown: a usual value, how far runs differ, and the least and greatest value that it may have."""
        unknowns: dict[int, tuple[float, float, float, float]] = {}
        for part in self.parts:
            metric = _asked(part).metric
            bounds = [bound for bound in _range(part) if math.isfinite(bound)]
            for one, _ in _asked(part).weights:
                for cell in _cells(one):
                    level = self._levels.get(key(cell, metric), made_up.usual(cell, metric))
                    # Of a single cell, its claimed value says more
                    level = bounds[0] if len(_asked(part).weights) == 1 else level
                    low, high = possible(metric)
                    if unit(metric) == "epochs" and metric != "epochs_to_converge":
                        high = made_up.epochs(cell)
                    inner = INNER * (high - low if math.isfinite(high - low) else abs(level) or 1)
                    known = (level, made_up.spread(metric, level), low + inner, high - inner)
                    unknowns.setdefault(self._groups[key(cell, metric)], known)
        return [unknowns[number] for number in sorted(unknowns)]

    def _row(self, part: Hypothesis, bound: float) -> tuple[NDArray[np.float64], float]:
        """Weights of the unknowns, and what their sum is at this bound."""
        asked, row = _asked(part), np.zeros(len(self._about_unknowns))
        if asked.quotient:
            # The mean of a quotient is larger than that of its parts
            more = 1 + made_up.RELATIVE**2 if part.about == "mean" else 1.0
            weights, bound = [(asked.weights[0][0], 1.0), (asked.weights[1][0], -bound / more)], 0.0
        else:
            weights = list(asked.weights)
        for one, weight in weights:
            row[self._groups[key(_cells(one)[0], asked.metric)]] += weight
        return row, bound

    def _first(self, part: Hypothesis) -> tuple[float, float, float, float]:
        asked = _asked(part)
        return self._about_unknowns[self._groups[key(_cells(asked.weights[0][0])[0], asked.metric)]]

    def _spread(self, part: Hypothesis) -> float:
        """The standard deviation between seeds of the number that a part is about; of a quotient, times its divisor."""
        _, spread, *_ = self._first(part)
        if _asked(part).quotient:
            return math.sqrt(2) * spread
        weights, _ = self._row(part, 0.0)
        spreads = [spread for _, spread, _, _ in self._about_unknowns]
        # Two candidates for one winner differ by chance, although their true values do not
        return float(np.sqrt(np.square(weights * spreads).sum())) or spread

    def _width(self, part: Hypothesis) -> float:
        """How wide the claimed range is, in the same units as `_spread`."""
        low, high = _range(part)
        return (high - low) / ((high + low) / 2 / self._first(part)[0] if _asked(part).quotient else 1)

    def _program(self, edge: tuple[int, int] | None) -> dict[Key, float] | None:
        """The linear program in the unknowns, their distances from what is usual, and how clear each part is."""
        levels, spreads, least, most = map(np.array, zip(*self._about_unknowns, strict=True))
        unknowns, parts = len(levels), len(self.parts)
        identity, none = np.eye(unknowns), np.zeros((unknowns, parts))
        rows = [np.hstack([identity, -identity, none]), np.hstack([-identity, -identity, none])]
        bounds, equal, value = [*levels, *-levels], None, None
        for at, part in enumerate(self.parts):
            clear = np.zeros(parts)
            clear[at] = self.calm * self._spread(part)
            for side, bound in enumerate(_range(part)):
                if not math.isfinite(bound):
                    continue
                weights, total = self._row(part, bound)
                used = weights != 0
                reach = np.stack([weights[used] * least[used], weights[used] * most[used]])
                if edge == (at, side):
                    equal = np.hstack([weights, np.zeros(unknowns + parts)])[None]
                    # Where all that is possible is beyond the bound, as near to it as can be
                    value = [min(total, reach.max(axis=0).sum()) if side == 0 else max(total, reach.min(axis=0).sum())]
                elif edge is None or edge[0] != at:
                    sign = -1 if side == 0 else 1
                    rows.append(np.hstack([sign * weights, np.zeros(unknowns), clear])[None])
                    bounds.append(sign * total)
        solved = scipy.optimize.linprog(
            np.concatenate([np.zeros(unknowns), NEARNESS / spreads, np.full(parts, -1.0)]),
            A_ub=np.vstack(rows),
            b_ub=bounds,
            A_eq=equal,
            b_eq=value,
            bounds=[*zip(least, most, strict=True), *[(0, None)] * unknowns, *[(None, CLEAR)] * parts],
        )
        if not solved.success:
            return None
        return {name: float(solved.x[number]) for name, number in self._groups.items()}


def _asked(part: Hypothesis) -> _Asked:
    assert isinstance(part.sample, _Asked)
    return part.sample


def _cells(one: Measured) -> tuple[BundledCell, ...]:
    return one.candidates if isinstance(one, Winner) else (one,)


def _range(part: Hypothesis) -> tuple[float, float]:
    """The claimed range; of rounded numbers up to where they are rounded to one outside."""
    asked = _asked(part)
    step = made_up.grain(_cells(asked.weights[0][0])[0], asked.metric)
    half = step / 2 if part.closed and not asked.quotient else 0.0
    return part.low - half, part.high + half


def _reported(stated: list[Comparison]) -> dict[Key, float]:
    """What the source reports of each cell."""
    return {
        key(one.cell, reported.ALIASES.get(one.row["metric"], one.row["metric"])): one.stated
        for one in stated
        if one.cell and isinstance(one.stated, float)
    }
