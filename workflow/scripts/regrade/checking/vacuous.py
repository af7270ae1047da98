"""Tests that say nothing, because a metric can only have values that pass them, or only such that do not."""

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

from regrade.bundle.manifest import BundledCell
from regrade.cells.cell import Cell
from regrade.cells.layout import label
from regrade.config.claims import Compare, Equivalent, Order, Ratio, Reference, Stated, Test, Threshold
from regrade.config.study import includes
from regrade.config.types import is_number
from regrade.statistics.curves import Range
from regrade.statistics.units import possible, unit

NEVER_FAILS, NEVER_HOLDS = "so the test cannot fail", "so the test cannot hold"


def complaint(test: Test, cells: Sequence[Cell | BundledCell], stated: Sequence[float]) -> str | None:
    """What is wrong with a test whose outcome is certain beforehand; None where it is open.

    `cells`: those of its experiment. `stated`: the values that it is compared with, if it is a test of stated numbers.
    """
    bounds = _complaints(test, possible_in(test.metric, cells), stated)
    return next(itertools.chain(_of_one_cell(test, cells), bounds), None)


def possible_in(metric: str | dict[str, Any], cells: Sequence[Cell | BundledCell]) -> Range:
    """The least and the greatest value that the metric can have in these cells.

    No epoch is before the first evaluation, except the 0 that stands for never.
    """
    low, high = possible(metric)
    if unit(metric) == "epochs" and not (isinstance(metric, dict) and metric["measure"] == "last_epoch_near"):
        low = min(map(_first_evaluation, cells))
    return low, high


def _of_one_cell(test: Test, cells: Sequence[Cell | BundledCell]) -> Iterator[str]:
    """Comparisons of a cell with itself."""
    match test:
        case Order():
            pairs = [*itertools.combinations(test.cells, 2)]
        case Compare() | Ratio() | Equivalent() if test.cell is not None and test.than is not None:
            pairs = [(test.cell, test.than)]
        case _:
            pairs = []
    for first, second in pairs:
        if _named(first, test, cells) == _named(second, test, cells):
            yield f"{label(first) or 'cell'} is compared with itself; correct one of the two"


def _named(reference: Reference, test: Test, cells: Sequence[Cell | BundledCell]) -> object:
    """The only cell of the test's experiment that a reference names; the reference itself, if there is none."""
    settings = {key: value for key, value in reference.items() if key not in (*test.each, "experiment")}
    if "winner" in reference or reference.get("experiment", test.experiment) != test.experiment:
        return reference
    found = [cell.name for cell in cells if includes(cell.varying, cell.valued(settings))]
    return found[0] if len(found) == 1 else settings


def _first_evaluation(cell: Cell | BundledCell) -> float:
    """The first epoch at which a cell is evaluated: at the latest, its last. That of others may be 0: untrained."""
    default = 1 if isinstance(cell, Cell) else 0
    epochs = (cell.settings.get("evaluate_every", default), cell.settings.get("epochs"))
    return min(epoch for epoch in epochs if is_number(epoch))


def _complaints(test: Test, within: Range, stated: Sequence[float]) -> Iterator[str]:
    low, high = within
    match test:
        case Threshold():
            yield from _of_bounds(test, _name(test), within)
        case Ratio():
            yield from _of_bounds(test, f"a ratio of {_name(test)}", (0 if low >= 0 else -math.inf, math.inf))
        case Compare() | Equivalent() if test.margin >= high - low:
            never = NEVER_FAILS if test.kind in ("not_greater", "equivalent") else NEVER_HOLDS
            width = f"{high - low:g}"
            yield f"margin: two values of {_name(test)} never differ by more than {width}, {never}; make it smaller"
        case Stated():
            for value in stated:
                if value - test.margin <= low and value + test.margin >= high:
                    yield f"margin: {_name(test)} is from {low:g} to {high:g}, {NEVER_FAILS}; make it smaller"


def _of_bounds(test: Threshold | Ratio, name: str, within: Range) -> Iterator[str]:
    """Runs may be at a bound; a mean is never shown to be where only the least or the greatest of all means are."""
    low, high = within
    beyond = operator.ge if test.about == "mean" else operator.gt
    at_least, at_most = test.at_least, test.at_most
    if at_least is not None and at_most is not None and beyond(at_least, at_most):
        yield f"at_least: {at_least:g} is not below at_most, {at_most:g}, {NEVER_HOLDS}; correct one of them"
    if at_least is not None and at_least <= low:
        yield f"at_least: {name} is never below {low:g}, {NEVER_FAILS}; make it larger"
    if at_least is not None and beyond(at_least, high):
        yield f"at_least: {name} is never above {high:g}, {NEVER_HOLDS}; make it smaller"
    if at_most is not None and at_most >= high:
        yield f"at_most: {name} is never above {high:g}, {NEVER_FAILS}; make it smaller"
    if at_most is not None and beyond(low, at_most):
        yield f"at_most: {name} is never below {low:g}, {NEVER_HOLDS}; make it larger"


def _name(test: Test) -> str:
    metric = test.metric
    return metric if isinstance(metric, str) else f"{metric['measure']} of {metric['of']}"
