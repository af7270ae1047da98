"""Tests of claims as statements about one number each: the range in which the claim puts it, and our estimate."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import singledispatchmethod

import numpy as np

from regrade.cells.cell import Cell
from regrade.cells.layout import label
from regrade.config import reported
from regrade.config.claims import (
    SELECTED,
    Best,
    Claim,
    Compare,
    Equivalent,
    Order,
    Ratio,
    Reference,
    Stated,
    Test,
    Threshold,
    Trend,
    path,
)
from regrade.config.types import Value, is_number
from regrade.core.errors import UserError
from regrade.statistics import naming
from regrade.statistics.comparison import Comparison, best
from regrade.statistics.estimate import Estimate
from regrade.statistics.measurements import Measurements, includes
from regrade.statistics.units import unit

# Equal values of fewer seeds say nothing about the spread
LEAST_SEEDS = 3
# The selectors of reported.csv that the text of a statement names
NAMED_SELECTORS: tuple[str, ...] = ("layer", "epoch", "prompt")


@dataclass(frozen=True)
class Statement:
    """The true value of a number lies between `low` and `high` (equal bounds: is exactly that).

    Not tested where a cell has no results, or params.yaml has no such cell; else it is a `Hypothesis`.
    """

    text: str
    unit: str
    cells: list[Cell]
    low: float = field(default=-math.inf, kw_only=True)
    high: float = field(default=math.inf, kw_only=True)


@dataclass(frozen=True)
class Hypothesis(Statement):
    """A statement that can be tested, because there is an estimate of the number."""

    estimate: Estimate

    @property
    def holds(self) -> bool:
        """Whether the statement is true of the estimate itself, leaving uncertainty aside."""
        value = self.estimate.value
        return math.isclose(value, self.low) if self.low == self.high else self.low < value < self.high

    @property
    def _without_doubt(self) -> bool:
        """Whether there is nothing to test: the number must be met exactly, or all seeds agree on it."""
        return self.low == self.high or (self.estimate.seeds >= LEAST_SEEDS and self.estimate.error == 0)

    @property
    def p_for(self) -> float:
        """The p-value of the hypothesis that the statement is false: small speaks for the statement."""
        if self._without_doubt:
            return float(not self.holds)
        sides = [(self.estimate.p_above, self.low), (self.estimate.p_below, self.high)]
        return max(p(bound) for p, bound in sides if math.isfinite(bound))

    @property
    def p_against(self) -> float:
        """The p-value of the hypothesis that the statement is true: small speaks against it."""
        if self._without_doubt:
            return float(self.holds)
        sides = [(self.estimate.p_below, self.low), (self.estimate.p_above, self.high)]
        p_of_sides = [p(bound) for p, bound in sides if math.isfinite(bound)]
        return min(1.0, len(p_of_sides) * min(p_of_sides))

    @property
    def p(self) -> float:
        """Two-sided p-value: small speaks for the statement or against it."""
        return min(1.0, 2 * min(self.p_for, self.p_against))

    def seeds_to_tell(self, level: float) -> int | None:
        """Seeds that would settle it at this level, see `Estimate`; of two bounds the nearer decides."""
        if self._without_doubt:
            return None
        bounds = [bound for bound in (self.low, self.high) if math.isfinite(bound)]
        return self.estimate.seeds_to_tell(min(bounds, key=lambda bound: abs(self.estimate.value - bound)), level)


class Hypotheses:
    """The parts of a claim, made from what was measured. UserError where it names what the study does not have."""

    def __init__(self, study: str, claim: Claim, measurements: Measurements, comparisons: list[Comparison]):
        self.study, self.claim, self.measurements, self.comparisons = study, claim, measurements, comparisons
        self._where = f"{path(study)}: {claim.id}"

    def all(self) -> list[Statement]:
        """All parts, in the order of the claim's tests."""
        tests = self.claim.tests
        return [part for test in tests for each in self.combinations(test) for part in self._parts(test, each)]

    def combinations(self, test: Test) -> Iterator[dict[str, Value]]:
        """Every combination of the values in `each`: the test is made once for each."""
        return naming.combinations(test, self.measurements.find(test.experiment))

    @singledispatchmethod
    def _parts(self, test: Test, each: dict[str, Value]) -> list[Statement]:
        raise TypeError(test)

    @_parts.register
    def _(self, test: Compare, each: dict[str, Value]) -> list[Statement]:
        bounds = {"greater": (test.margin, math.inf), "less": (-math.inf, -test.margin)}
        return [
            self._difference(test, test.cell | each, test.than | each, *bounds.get(test.kind, (-math.inf, test.margin)))
        ]

    @_parts.register
    def _(self, test: Ratio, each: dict[str, Value]) -> list[Statement]:
        first, second = self._one(test, test.cell | each), self._one(test, test.than | each)
        if first is None or second is None:
            return [self._missing(test, (test.than if first else test.cell) | each)]
        ratio = self.measurements.ratio(first, second, test.metric)
        text = f"{_name(test)} of {_title(first)} divided by that of {_title(second)}"
        return [_statement(text, _unit(test), [first, second], ratio, *_bounds(test))]

    @_parts.register
    def _(self, test: Order, each: dict[str, Value]) -> list[Statement]:
        return [
            self._difference(test, first | each, second | each, 0.0, math.inf)
            for first, second in itertools.pairwise(test.cells)
        ]

    @_parts.register
    def _(self, test: Best, each: dict[str, Value]) -> list[Statement]:
        claimed_best = self._one(test, test.cell | each)
        if claimed_best is None:
            return [self._missing(test, test.cell | each)]
        bounds = (0.0, math.inf) if test.goal == "highest" else (-math.inf, 0.0)
        others = [cell for cell in self.several(test, test.among | each) if cell is not claimed_best]
        return [self._between(test, claimed_best, other, *bounds) for other in others]

    @_parts.register
    def _(self, test: Trend, each: dict[str, Value]) -> list[Statement]:
        cells = self.several(test, test.cells | each, test.at_least, test.at_most)
        points = [[self._number(cell, key) for key in test.over] for cell in cells]
        if len(cells) <= len(test.over):
            return [self._missing(test, test.cells | each)]
        scale = math.log2 if test.scale == "log" else float
        scaled = [[scale(value) for value in point] for point in points]
        # Least squares as a weighted sum of the cells' metrics, so that it has seeds and rows like any other
        design = np.column_stack([np.ones(len(cells)), scaled])
        weights = np.linalg.pinv(design)[1:]
        bounds = (0.0, math.inf) if test.direction == "up" else (-math.inf, 0.0)
        per = {"log": "doubling of", "linear": "unit of"}[test.scale]
        return [
            self._contrast(
                test,
                f"slope of {_name(test)} per {per} {key}{_suffix(test.cells | each)}",
                list(zip(cells, row, strict=True)),
                *bounds,
            )
            for key, row in zip(test.over, weights, strict=True)
        ]

    @_parts.register
    def _(self, test: Threshold, each: dict[str, Value]) -> list[Statement]:
        return [
            self._contrast(test, f"{_name(test)} of {_title(cell)}", [(cell, 1.0)], *_bounds(test))
            for cell in self.several(test, test.cells | each)
        ] or [self._missing(test, test.cells | each)]

    @_parts.register
    def _(self, test: Equivalent, each: dict[str, Value]) -> list[Statement]:
        if test.cell is not None and test.than is not None:
            return [self._difference(test, test.cell | each, test.than | each, -test.margin, test.margin)]
        cells = self.several(test, test.cells | each, test.at_least)
        if test.first is not None:
            start = self._one(test, test.first | each)
            cells = cells[cells.index(start) :] if start in cells else []
        return [
            self._between(test, first, second, -test.margin, test.margin)
            for first, second in itertools.combinations(cells, 2)
        ] or [self._missing(test, test.cells | each)]

    @_parts.register
    def _(self, test: Stated, each: dict[str, Value]) -> list[Statement]:
        cells, parts = self.several(test, test.cells | each), []
        for one in self.comparisons:
            if one.cell and one.cell in cells and one.row["metric"] == test.metric and isinstance(one.stated, float):
                selectors = {key: one.row["cell"][key] for key in NAMED_SELECTORS if key in one.row["cell"]}
                text = f"{_name(test)} of {_title(one.cell)}{f' ({label(selectors)})' if selectors else ''}"
                low, high = one.stated - test.margin, one.stated + test.margin
                estimate = None if one.other_settings else one.estimate
                parts.append(_statement(text, _unit(test), [one.cell], estimate, low, high))
        return parts or [self._missing(test, test.cells | each)]

    def _difference(self, test: Test, first: Reference, second: Reference, low: float, high: float) -> Statement:
        first_cell, second_cell = self._one(test, first), self._one(test, second)
        if first_cell is None or second_cell is None:
            return self._missing(test, second if first_cell else first)
        return self._between(test, first_cell, second_cell, low, high)

    def _between(self, test: Test, first: Cell, second: Cell, low: float, high: float) -> Statement:
        text = f"{_name(test)} of {_title(first)} minus that of {_title(second)}"
        return self._contrast(test, text, [(first, 1.0), (second, -1.0)], low, high)

    def _contrast(self, test: Test, text: str, weights: list[tuple[Cell, float]], low: float, high: float) -> Statement:
        cells = [cell for cell, _ in weights]
        trained = all(len(self.measurements.values(cell, test.metric)) for cell in cells)
        estimate = self.measurements.contrast(weights, test.metric) if trained else None
        return _statement(text, _unit(test), cells, estimate, low, high)

    def _missing(self, test: Test, reference: Reference) -> Statement:
        return Statement(f"{_name(test)}: params.yaml has no such cells{_suffix(reference)}", _unit(test), [])

    def _number(self, cell: Cell, key: str) -> float:
        """A setting that varies. UserError where it is not a number."""
        if not is_number(value := cell.varying.get(key)):
            raise UserError(f"{self._where}: {key!r} is not a number that varies in {cell.experiment}; correct it")
        return value

    def _one(self, test: Test, reference: Reference) -> Cell | None:
        """The cell that a reference names, None when params.yaml has no such cell. UserError when it names several."""
        cells = self.several(test, {key: value for key, value in reference.items() if key != "winner"})
        if not cells:
            return None
        if reference.get("winner") == SELECTED:
            return self._selected(test, cells)
        if reference.get("winner"):
            return best(
                cells, self.measurements, test.metric if isinstance(test.metric, str) else "test_accuracy_best_epoch"
            )
        if len(cells) > 1:
            raise UserError(f"{self._where}: {label(reference)} names {len(cells)} cells; add settings")
        return cells[0]

    def _selected(self, test: Test, candidates: list[Cell]) -> Cell | None:
        """The cell among the candidates whose settings the test's experiment took over."""
        select = candidates[0].template.experiments[test.experiment].select
        if select is None:
            raise UserError(f"{self._where}: {test.experiment} selects nothing; say winner: true")
        if select.winner == "measured":
            return best(candidates, self.measurements, select.by)
        settings = candidates[0].valued(reported.winner(self.study, select.source, select.by))
        return next((cell for cell in candidates if includes(cell.varying, settings)), None)

    def several(
        self,
        test: Test,
        reference: Reference,
        at_least: dict[str, float] | None = None,
        at_most: dict[str, float] | None = None,
    ) -> list[Cell]:
        """The cells that a reference names. UserError where it names an experiment or a setting that is not there."""
        settings = naming.settings(reference)
        experiment = str(reference.get("experiment", test.experiment))
        of_experiment = self.measurements.find(experiment)
        if not of_experiment:
            raise UserError(f"{self._where}: params.yaml has no experiment {experiment!r} in {self.study}; correct it")
        for key in (*settings, *(at_least or ()), *(at_most or ())):
            if key not in of_experiment[0].varying:
                raise UserError(f"{self._where}: {key!r} does not vary in {experiment}; correct or remove it")
        return [
            cell
            for cell in self.measurements.find(experiment, **settings)
            if all(self._number(cell, key) >= bound for key, bound in (at_least or {}).items())
            and all(self._number(cell, key) <= bound for key, bound in (at_most or {}).items())
        ]


def _unit(test: Test) -> str:
    """What a test's number is counted in: a slope per doubling or unit of what it is over."""
    match test:
        case Ratio():
            return "×"
        case Trend():
            return f"{unit(test.metric)} per {'doubling' if test.scale == 'log' else 'unit'}".strip()
    return unit(test.metric)


def _bounds(test: Ratio | Threshold) -> tuple[float, float]:
    low = -math.inf if test.at_least is None else test.at_least
    return low, math.inf if test.at_most is None else test.at_most


def _statement(
    text: str, unit: str, cells: list[Cell], estimate: Estimate | None, low: float, high: float
) -> Statement:
    """A hypothesis if there is an estimate from any seeds, else a statement that cannot be tested."""
    if estimate is None or not estimate.seeds:
        return Statement(text, unit, cells, low=low, high=high)
    return Hypothesis(text, unit, cells, estimate, low=low, high=high)


def _title(cell: Cell) -> str:
    return f"{cell.experiment} ({label(cell.varying)})" if cell.varying else cell.experiment


def _suffix(reference: Reference) -> str:
    return f", {label(reference)}" if reference else ""


def _name(test: Test) -> str:
    metric = test.metric
    if isinstance(metric, str):
        return metric.replace("_", " ")
    rest = [f"{key} {value}" for key, value in metric.items() if key not in ("measure", "of")]
    return " ".join([f"{metric['measure']} of {metric.get('of', '')}".replace("_", " ").strip(), *rest])
