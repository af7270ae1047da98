"""Claims by the section of the source that makes them."""

import math
import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"\b(section|part|chapter)s? (\d+(?:\.\d+)*)", re.IGNORECASE)


def section(place: str) -> str:
    """The section of a place: Section 4.1.3 for section 4.1.3e; without a number, the words before the first comma."""
    numbered = _NUMBERED.search(place)
    name = f"{numbered[1]} {numbered[2]}" if numbered else place.partition(",")[0]
    return name[:1].upper() + name[1:]


def grouped(claims: Iterable[dict]) -> dict[str, list[dict]]:
    """Claims by section: numbered sections in their order, then the others as they first appear."""
    groups: dict[str, list[dict]] = {}
    for claim in claims:
        groups.setdefault(section(claim["place"]), []).append(claim)
    return dict(sorted(groups.items(), key=lambda group: _order(group[0])))


def _order(name: str) -> tuple[float, ...]:
    numbered = _NUMBERED.fullmatch(name)
    return tuple(float(part) for part in numbered[2].split(".")) if numbered else (math.inf,)
