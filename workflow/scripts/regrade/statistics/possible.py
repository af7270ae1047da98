"""Whether a reported number is possible at all: an accuracy over n rows is k / n, for a whole number k.

After the GRIM test (Brown and Heathers 2017) of means of whole numbers, which Kovács and Fazekas (2024) extend to the
scores of classifiers. Nothing needs to be trained for it. All arithmetic is exact.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property

import numpy as np

from regrade.cells.layout import label
from regrade.config import reported
from regrade.statistics.comparison import Comparison

POSSIBLE, NOT_POSSIBLE, NOT_KNOWN = "possible", "not possible", "not known"
# From here to less than twice the stated number of rows, others are tried; twice as many fit whatever the others do
LEAST_ROWS = 500
# How many of the numbers of rows that fit are listed
LISTED = 5


def counts(value: str, rows: int) -> range:
    """The numbers of rows among `rows` whose share may be written as `value`, as in 0.8561; none if it is impossible.

    A share half-way between two numbers may have become either: rules of rounding differ, and few such shares are
    exact as binary fractions.
    """
    low, high, parts = _rounded(value)
    return range(max(-(-low * rows // parts), 0), min(high * rows // parts, rows) + 1)


@cache
def _rounded(value: str) -> tuple[int, int, int]:
    """The least and the greatest number that may be written as `value`, in whole parts of 1; how many parts 1 has."""
    stated, half = Fraction(Decimal(value)), reported.half_unit(value)
    parts = math.lcm(stated.denominator, half.denominator)
    return int((stated - half) * parts), int((stated + half) * parts), parts


def nearest(value: str, rows: int) -> list[int]:
    """The numbers of rows among `rows` whose shares are next to an impossible `value`, below it and above."""
    below = min(max(math.ceil(Fraction(Decimal(value)) * rows), 0) - 1, rows)
    return [count for count in (below, below + 1) if 0 <= count <= rows]


def fitting(values: Iterable[str], least: int, most: int) -> list[int]:
    """The numbers of rows from `least` to `most` with which all values are possible."""
    numbers = np.arange(least, most + 1)
    for value in set(values):
        low, high, parts = _rounded(value)
        # Beyond 64 bits, numpy keeps Python's numbers, which are exact, too
        rows = numbers.astype(object) if max(abs(low), abs(high), parts) * most >= 2**63 else numbers
        first, last = np.maximum(-(-low * rows // parts), 0), np.minimum(high * rows // parts, rows)
        numbers = numbers[(first <= last).astype(bool)]
    return numbers.tolist()


def chance(values: Iterable[str], rows: int) -> float:
    """The probability that all of as many made-up numbers, with as many digits as these, are possible."""
    return math.prod(min(1.0, (rows + 1) / (float(1 / (2 * reported.half_unit(value))) + 1)) for value in values)


def judged(one: Comparison) -> tuple[str, str]:
    """Whether a reported number is possible, and if not, which are next to it; "" for what is no share of rows."""
    if reported.share_of(one.row) is None:
        return "", ""
    if one.rows is None:
        return NOT_KNOWN, ""
    value = one.row["value"]
    if counts(value, one.rows):
        return POSSIBLE, ""
    return NOT_POSSIBLE, " or ".join(_share(count, one.rows) for count in nearest(value, one.rows))


def _share(count: int, rows: int) -> str:
    return f"{count / rows:.6g} ({count} of {rows})"


@dataclass(frozen=True)
class Table:
    """The shares that a source states in one place, of one experiment; `rows` is None where nobody says how many."""

    source: str
    experiment: str
    rows: int | None
    comparisons: list[Comparison]

    @cached_property
    def values(self) -> list[str]:
        """The numbers as they are written."""
        return [one.row["value"] for one in self.comparisons]

    @property
    def tested(self) -> int:
        """How many of the numbers could have been impossible: so few digits that any is possible test nothing."""
        rows = self.rows
        return 0 if rows is None else sum(chance([value], rows) < 1 for value in self.values)

    def described(self) -> dict[str, object]:
        """As JSON: what was judged, what is not possible, and which other numbers of rows fit."""
        about = {"source": self.source, "experiment": self.experiment, "rows": self.rows, "numbers": len(self.values)}
        about |= {"tested": self.tested}
        if self.rows is None:
            return about | {"not_possible": [], "chance": None, "fitting": None}
        impossible = [
            {"value": one.row["value"], "settings": label(one.row["cell"]), "nearest": near}
            for one in self.comparisons
            for verdict, near in [judged(one)]
            if verdict == NOT_POSSIBLE
        ]
        return about | {
            "not_possible": impossible,
            "chance": chance(self.values, self.rows),
            "fitting": _summary(self.values, self.rows),
        }


def _summary(values: list[str], rows: int) -> dict[str, object]:
    """Which numbers of rows fit: where they were sought, how many there are, the first, and from where on all fit."""
    least, most = min(LEAST_ROWS, rows), 2 * rows - 1
    found = fitting(values, least, most)
    all_from = most + 1
    for number in reversed(found):
        if number != all_from - 1:
            break
        all_from = number
    return {
        "least": least,
        "most": most,
        "count": len(found),
        "first": found[:LISTED],
        "all_from": all_from if all_from < most else None,
    }


def tables(comparisons: Iterable[Comparison]) -> list[Table]:
    """The shares among a study's reported numbers, by place, experiment and rows."""
    groups: dict[tuple[str, str, str, int | None], list[Comparison]] = {}
    for one in comparisons:
        if split := reported.share_of(one.row):
            groups.setdefault((one.row["source"], one.row["experiment"], split, one.rows), []).append(one)
    return [Table(source, experiment, rows, group) for (source, experiment, _, rows), group in groups.items()]
