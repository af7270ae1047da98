"""Numbers as a reader sees them: few digits, a dash for what is not there."""

import math
import re
from collections.abc import Iterable

from regrade.core.digits import significant

# Below which values numbers above 1 have how many decimals
_DECIMALS = ((10, 3), (100, 2))


def formatted(value: float | None, form: str) -> str:
    """The value in this form of Python's, or a dash."""
    return "–" if value is None or math.isnan(value) else format(value, form)


def rounded(value: float | None, digits: int, sign: str = "") -> str:
    """The value to this many significant digits (`regrade.core.digits.significant`), or a dash."""
    return "–" if value is None or math.isnan(value) else significant(value, digits, sign)


def four(value: float | None) -> str:
    """A share or a loss with four decimals."""
    return formatted(value, ".4f")


def short(value: float | str | None) -> str:
    """Up to 1 with four decimals, above with four digits and one decimal at least; whole numbers and words as such."""
    if isinstance(value, str):
        return value
    if value is None or math.isnan(value):
        return formatted(value, "")
    if isinstance(value, int) or (abs(value) > 1 and value.is_integer()):
        return f"{value:,.0f}"
    decimals = next((decimals for bound, decimals in _DECIMALS if abs(value) < bound), 1)
    return format(value, ".4f" if abs(value) <= 1 else f",.{decimals}f")


def interval(bounds: tuple[float | None, float | None], digits: int | None = None) -> str:
    """From the lower to the upper bound, `short` or to so many digits, or a dash; one of them may be infinite."""
    low, high = (rounded(bound, digits) if digits else short(bound) for bound in bounds)
    if "–" in (low, high):
        return "–"
    if math.inf in bounds:
        return f"{low} or more"
    if -math.inf in bounds:
        return f"{high} or less"
    return f"{low} to {high}"


def p_value(value: float | None) -> str:
    """A p value with two digits, or a dash."""
    return "< 0.001" if value is not None and value < 0.001 else formatted(value, ".2g")


def counted(number: int, word: str) -> str:
    """A number of things, as in 1 cell, 2 cells."""
    return f"{number:,d} {word}{'s' if number != 1 else ''}"


def in_unit(number: str, unit: str) -> str:
    """A written number with its unit, which is singular after one, as in 1 epoch, 2 epochs, +1 epoch per doubling."""
    if number.lstrip("+-") == "1":
        unit = re.sub(r"^(\w+)s\b", r"\1", unit)
    return f"{number} {unit}".rstrip()


def size(count: int) -> str:
    """Bytes as megabytes, or kilobytes."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers as text: 0 to 4, 7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]} to {part[-1]}" if len(part) > 2 else ", ".join(map(str, part)) for part in parts)
