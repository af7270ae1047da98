"""Numbers of any size in few digits, for pages and messages."""

LARGE, TOO_LARGE = 1000, 1e15


def significant(value: float, digits: int, sign: str = "") -> str:
    """The value rounded to this many significant digits, with no exponent for large numbers: 0.345, 18, 3,050.

    `sign`: "+" to show that a positive number is positive.
    """
    text = format(value, f"{sign}.{digits}g")
    whole = "e+" in text or abs(value) >= LARGE
    return format(float(text), f"{sign},.0f") if whole and abs(value) < TOO_LARGE else text
