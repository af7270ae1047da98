"""Tests of claims as statements about one number each: the range in which the claim puts it, and what our runs gave."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, singledispatchmethod
from typing import Any, Literal

import numpy as np

from regrade.bundle.manifest import BundledCell
from regrade.bundle.units import goal
from regrade.cells.layout import label
from regrade.config import reported
from regrade.config.claims import (
    SELECTED,
    Best,
    Claim,
    Compare,
    Equivalent,
    Estimand,
    Order,
    Ratio,
    Reference,
    Stated,
    Test,
    Threshold,
    Trend,
    path,
)
from regrade.config.study import includes
from regrade.config.types import Value, is_number
from regrade.core.errors import UserError
from regrade.statistics import naming, wording
from regrade.statistics.comparison import Comparison
from regrade.statistics.measurements import Measured, Measurements
from regrade.statistics.sample import Sample
from regrade.statistics.share import Share
from regrade.statistics.units import unit
from regrade.statistics.winners import Winner

NO_COMMON_SEED = "its cells have no seed in common, by which they would be compared"
OTHER_DEVICES = "cells were trained on different devices, whose times cannot be compared"
# The selectors of reported.csv that the text of a statement names
NAMED_SELECTORS: tuple[str, ...] = ("layer", "epoch", "prompt")
# What a statement's number is
Quantity = Literal["difference", "ratio", "slope", "value"]


@dataclass(frozen=True)
class Statement:
    """A number lies between `low` and `high`: its mean over all runs, or that of most runs, as `about` says.

    `closed`: or is equal to one of these. `timed`: it is about seconds, of which jobs are measurements, not seeds. Not
    tested where a cell has no results, where there is no such cell, or for the reason that `why` gives; else it is a
    `Hypothesis`.
    """

    text: str
    unit: str
    cells: list[BundledCell]
    low: float = field(default=-math.inf, kw_only=True)
    high: float = field(default=math.inf, kw_only=True)
    closed: bool = field(default=False, kw_only=True)
    about: Estimand = field(default="mean", kw_only=True)
    quantity: Quantity = field(default="value", kw_only=True)
    timed: bool = field(default=False, kw_only=True)
    why: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Hypothesis(Statement):
    """A statement that can be tested, because there are runs that give the number."""

    sample: Sample

    def first(self, runs: int) -> "Hypothesis":
        """The same of the first runs only, in the order of their seeds."""
        return self if self.sample.exact else self.take(list(range(runs)))

    def take(self, positions: list[int]) -> "Hypothesis":
        """The same of these runs only."""
        return replace(self, sample=self.sample.take(positions))

    @cached_property
    def share(self) -> Share:
        """Of the runs, how many are as stated."""
        return self.sample.share(self.low, self.high, self.closed)

    @property
    def holds(self) -> bool:
        """Whether the statement is true of what was seen, leaving uncertainty aside."""
        if self.about == "runs" or self.sample.exact:
            return 2 * self.share.doing > self.share.runs
        value = self.sample.mean.value
        return self.low <= value <= self.high if self.closed else self.low < value < self.high

    @cached_property
    def p_for(self) -> float:
        """The p-value of the hypothesis that the statement is false: small speaks for the statement."""
        if self.sample.exact:
            return float(self.share.doing < self.share.runs)
        if self.about == "runs":
            return self.share.p_for
        return max(self.sample.p_mean(bound, side) for bound, side in self._sides)

    @cached_property
    def p_against(self) -> float:
        """The p-value of the hypothesis that the statement is true: small speaks against it."""
        if self.sample.exact:
            return float(not self.share.not_doing)
        if self.about == "runs":
            return self.share.p_against
        return min(1.0, len(self._sides) * min(self.sample.p_mean(bound, -side) for bound, side in self._sides))

    def shows(self, level: float) -> bool:
        """Whether `p_for` is at most `level`. Quicker than the p itself; not for what is the same for all seeds."""
        if self.about == "runs":
            return self.share.p_for <= level
        return all(self.sample.shows_mean(bound, side, level) for bound, side in self._sides)

    def shows_opposite(self, level: float) -> bool:
        """Whether `p_against` is at most `level`, see `shows`."""
        if self.about == "runs":
            return self.share.p_against <= level
        each = level / len(self._sides)
        return any(self.sample.shows_mean(bound, -side, each) for bound, side in self._sides)

    @property
    def _sides(self) -> list[tuple[float, int]]:
        """The bounds, and on which side of each the number is claimed to be: above (1) or below (−1)."""
        return [(bound, side) for bound, side in ((self.low, 1), (self.high, -1)) if math.isfinite(bound)]

    @property
    def p(self) -> float:
        """The p-value of the side to which the runs lean."""
        return min(self.p_for, self.p_against)


def on_common_seeds(parts: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The parts that depend on a seed, each with the runs of the seeds that all of them have."""
    sampled = [part for part in parts if not part.sample.exact]
    common = sorted(set.intersection(*(set(part.sample.seeds) for part in sampled))) if sampled else []
    return [part.take([part.sample.seeds.index(seed) for seed in common]) for part in sampled]


class Hypotheses:
    """The parts of a claim, made from what was measured. UserError where it names what the study does not have.

    `look`: how many seeds count; all by default.
    """

    def __init__(
        self,
        study: str,
        claim: Claim,
        measurements: Measurements,
        comparisons: list[Comparison],
        look: int | None = None,
    ):
        self.study, self.claim, self.measurements, self.comparisons = study, claim, measurements, comparisons
        self.look = look
        self._where = f"{path(study)}: {claim.id}"

    def at(self, look: int) -> "Hypotheses":
        """The same with as many seeds."""
        return Hypotheses(self.study, self.claim, self.measurements, self.comparisons, look)

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
        # A winner is refused when the claim is checked (checking/references.py)
        if not isinstance(first, BundledCell) or not isinstance(second, BundledCell):
            return [self._missing(test, (test.than if first else test.cell) | each)]
        ratio = self.measurements.ratio(first, second, test.metric)
        why = self._why(test, [first, second], ratio)
        text = f"{wording.phrase(test.metric)} of {_title(first)} divided by that of {_title(second)}"
        return [_statement(test, text, _unit(test), [first, second], ratio, *_bounds(test), why=why)]

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
        if np.linalg.matrix_rank(design) < design.shape[1]:
            # One value of a setting, or settings that change together: any slope would fit
            settings = " and ".join(test.over)
            why = f"the cells do not tell the effect of {settings} apart; it takes more values, or more combinations"
            return [Statement(f"slopes of {wording.phrase(test.metric)}", _unit(test), cells, why=why)]
        weights = np.linalg.pinv(design)[1:]
        # Without rounding errors in place of zeros, which would count the cell in the middle
        weights[np.abs(weights) < 1e-12 * np.abs(weights).max()] = 0
        bounds = (0.0, math.inf) if test.direction == "up" else (-math.inf, 0.0)
        name, parts = wording.phrase(test.metric), []
        for key, slope, values in zip(test.over, weights, zip(*points, strict=True), strict=True):
            text = f"slope of {name} per doubling of {key}"
            if test.scale == "linear":
                # A unit of the setting may be far more than any cell has of it
                slope = slope * (max(values) - min(values))
                text = f"change from {key}={min(values):g} to {max(values):g}, along a straight line, of {name}"
            weighted = list(zip(cells, slope, strict=True))
            parts.append(self._contrast(test, f"{text}{_suffix(test.cells | each)}", weighted, *bounds))
        return parts

    @_parts.register
    def _(self, test: Threshold, each: dict[str, Value]) -> list[Statement]:
        return [
            self._contrast(test, f"{wording.phrase(test.metric)} of {_title(cell)}", [(cell, 1.0)], *_bounds(test))
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
                about = f"{_title(one.cell)}{f' ({label(selectors)})' if selectors else ''}"
                text = f"{wording.phrase(test.metric)} of {about}"
                # The source rounded: its number is one of those that round to it
                low = one.stated - test.margin - one.rounding
                high = math.inf if one.at_least else one.stated + test.margin + one.rounding
                sample = None if one.other_settings else self._stated(one)
                parts.append(_statement(test, text, _unit(test), [one.cell], sample, low, high))
        return parts or [self._missing(test, test.cells | each)]

    def _stated(self, one: Comparison) -> Sample | None:
        """The runs for a stated number. Those that do not count have no part in the variance that cells share."""
        if one.cell is None or one.metric is None or self.look is None:
            return one.sample
        return self.measurements.sample([(one.cell, 1.0)], one.metric, self.look)

    def _difference(self, test: Test, first: Reference, second: Reference, low: float, high: float) -> Statement:
        first_cell, second_cell = self._one(test, first), self._one(test, second)
        if first_cell is None or second_cell is None:
            return self._missing(test, second if first_cell else first)
        return self._between(test, first_cell, second_cell, low, high)

    def _between(self, test: Test, first: Measured, second: Measured, low: float, high: float) -> Statement:
        text = f"{wording.phrase(test.metric)} of {_title(first)} minus that of {_title(second)}"
        return self._contrast(test, text, [(first, 1.0), (second, -1.0)], low, high)

    def _contrast(
        self, test: Test, text: str, weights: Sequence[tuple[Measured, float]], low: float, high: float
    ) -> Statement:
        cells = [cell for one, _ in weights for cell in ([one] if isinstance(one, BundledCell) else one.candidates)]
        trained = all(len(self.measurements.of(cell)) for cell in cells)
        sample = self.measurements.sample(weights, test.metric, self.look) if trained else None
        return _statement(test, text, _unit(test), cells, sample, low, high, self._why(test, cells, sample))

    def _why(self, test: Test, cells: list[BundledCell], sample: Sample | None) -> str:
        """Why trained cells cannot be compared, if they cannot."""
        if sample is None or len(sample):
            return ""
        seeds = set.intersection(*(set(self.measurements.bounds(cell, test.metric).index) for cell in cells))
        if not seeds and all(len(self.measurements.bounds(cell, test.metric)) for cell in cells):
            return NO_COMMON_SEED
        timed = unit(test.metric) == "seconds"
        return OTHER_DEVICES if timed and seeds and not self.measurements.on_one_device(cells, seeds) else ""

    def _missing(self, test: Test, reference: Reference) -> Statement:
        text = f"{wording.phrase(test.metric)}: there are no such cells{_suffix(reference)}"
        return Statement(text, _unit(test), [])

    def _number(self, cell: BundledCell, key: str) -> float:
        """A setting that varies. UserError where it is not a number."""
        if not is_number(value := cell.varying.get(key)):
            raise UserError(f"{self._where}: {key!r} is not a number that varies in {cell.experiment}; correct it")
        return value

    def _one(self, test: Test, reference: Reference) -> Measured | None:
        """The cell or winner that a reference names, None without such a cell. UserError when it names several."""
        cells = self.several(test, {key: value for key, value in reference.items() if key != "winner"})
        if not cells:
            return None
        if reference.get("winner") == SELECTED:
            return self._selected(test, cells)
        if reference.get("winner"):
            by = test.metric if isinstance(test.metric, str) else "test_accuracy_best_epoch"
            return Winner(tuple(cells), by, highest=goal(by) != "lowest")
        if len(cells) > 1:
            raise UserError(f"{self._where}: {label(reference)} names {len(cells)} cells; add settings")
        return cells[0]

    def _selected(self, test: Test, candidates: list[BundledCell]) -> Measured | None:
        """The cell among the candidates whose settings the test's experiment took over."""
        select = self.measurements.experiments[test.experiment].select
        if select is None:
            raise UserError(f"{self._where}: {test.experiment} selects nothing; say winner: true")
        if select.winner == "measured":
            return Winner(tuple(candidates), select.by)
        stated = candidates[0].valued(reported.winner(self.study, select.source, select.by))
        settings = {key: stated[key] for key in select.settings if key in stated}
        return next((cell for cell in candidates if includes(cell.varying, settings)), None)

    def several(
        self,
        test: Test,
        reference: Reference,
        at_least: dict[str, float] | None = None,
        at_most: dict[str, float] | None = None,
    ) -> list[BundledCell]:
        """The cells that a reference names. UserError where it names an experiment or a setting that is not there."""
        settings = naming.settings(reference)
        experiment = str(reference.get("experiment", test.experiment))
        of_experiment = self.measurements.find(experiment)
        if not of_experiment and experiment in self.measurements.experiments:
            return []  # of this experiment there are no runs
        if not of_experiment:
            raise UserError(f"{self._where}: {self.study} has no experiment {experiment!r}; correct it")
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
    """What a test's number is counted in: a slope per doubling of what it is over."""
    match test:
        case Ratio():
            return "×"
        case Trend():
            return f"{unit(test.metric)} per doubling".strip() if test.scale == "log" else unit(test.metric)
    return unit(test.metric)


def _quantity(test: Test) -> Quantity:
    match test:
        case Ratio():
            return "ratio"
        case Trend(scale="log"):
            return "slope"
        case Threshold() | Stated():
            return "value"
    return "difference"


def _bounds(test: Ratio | Threshold) -> tuple[float, float]:
    low = -math.inf if test.at_least is None else test.at_least
    return low, math.inf if test.at_most is None else test.at_most


def _statement(
    test: Test,
    text: str,
    counted_in: str,
    cells: list[BundledCell],
    sample: Sample | None,
    low: float,
    high: float,
    why: str = "",
) -> Statement:
    """A hypothesis if there are any runs, else a statement that cannot be tested."""
    shared: dict[str, Any] = {
        "low": low,
        "high": high,
        "closed": isinstance(test, Threshold | Stated | Ratio),
        "quantity": _quantity(test),
        "timed": unit(test.metric) == "seconds",
    }
    if sample is None or not len(sample):
        return Statement(text, counted_in, cells, **shared, about=test.about, why=why)
    # Runs of a winner are not independent, so that they cannot be counted; only for the mean is there a correction
    return Hypothesis(text, counted_in, cells, sample, **shared, about="mean" if sample.rotated else test.about)


def _title(one: Measured) -> str:
    if isinstance(one, Winner):
        return f"the best of {len(one.candidates)} {one.candidates[0].experiment}"
    return f"{one.experiment} ({label(one.varying)})" if one.varying else one.experiment


def _suffix(reference: Reference) -> str:
    return f", {label(reference)}" if reference else ""
