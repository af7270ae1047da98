"""What each metric is counted in, and which values it can have: numbers of runs, columns of histories, measures."""

import math
from fnmatch import fnmatchcase

from regrade.bundle.units import by_name, limits
from regrade.config.types import Value
from regrade.statistics.curves import RANGES, UNITS, Range


def unit(metric: str | dict[str, Value]) -> str:
    """The unit of a metric; empty for a number without one, and for a metric of somebody else's."""
    if isinstance(metric, dict):
        own = UNITS[str(metric["measure"])]
        return unit(str(metric["of"])) if own is None else own
    return by_name(metric) or ""


_ANY = ("*activation_mean*", "layer_sizes", "selected")


def possible(metric: str | dict[str, Value]) -> Range:
    """The least and the greatest value that a metric can have; anything for a metric of somebody else's."""
    if isinstance(metric, dict):
        of = str(metric["of"])
        return RANGES[str(metric["measure"])](possible(of), possible(str(metric.get("against", of))))
    if any(fnmatchcase(metric, pattern) for pattern in _ANY) or by_name(metric) is None:
        return -math.inf, math.inf
    # All others are shares, counts, losses of ours or measures of size
    return 0, limits(metric)[1]
