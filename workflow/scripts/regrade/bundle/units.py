"""What metrics of runs and columns of histories are counted in, by their names."""

import math
from fnmatch import fnmatchcase
from typing import Literal

# What may follow the name of an accuracy that is an accuracy still, and not the distance between two of them
_OF_ACCURACIES = (
    *("", "_best_epoch", "_cross_fitted", "_last_epoch", "_last_step"),
    *("_best", "_last", "_min", "_max", "_mean"),
)
# Units of what is counted: a whole number of these is exact, not rounded
COUNTED = {"epochs", "steps", "parameters", "bytes", "rows", "maps", "texts of ten"}
# The first pattern that fits; None where the unit is not known. A loss is a mean cross-entropy in natural units; norms
# and activations have none
_BY_NAME: dict[str, str | None] = {
    "*activation_blank_*": "maps",
    "*activation_*": "",
    "gradient_norm*": "",
    "*_seconds_ratio": "×",
    "*valid_samples_of_10": "texts of ten",
    "*_f1": "share",
    **dict.fromkeys(("valid_prompted*", "valid_free*", "valid_long*"), "share"),
    "peeking": "share",
    "*_loss*": "nats",
    "*_correct_*": "rows",
    "*seconds": "seconds",
    "seconds_*": "seconds",
    "steps_*": "steps",
    **dict.fromkeys(("epoch", "epochs", "epochs_*", "best_epoch"), "epochs"),
    "*parameters": "parameters",
    "*_bytes": "bytes",
    "layer_sizes": "",
    "selected": "",
    # What it takes to get to an accuracy, in whatever it is counted
    "*_to_*accuracy*": None,
    **{
        f"{name}{means}{which}": "share"
        for name in ("accuracy", "*_accuracy")
        for means in ("", "_batch_mean")
        for which in _OF_ACCURACIES
    },
}


def by_name(metric: str) -> str | None:
    """The unit of a metric; empty for a number without one, None for a metric of somebody else's."""
    fitting = next((pattern for pattern in _BY_NAME if fnmatchcase(metric, pattern)), None)
    return None if fitting is None else _BY_NAME[fitting]


def is_share(metric: str) -> bool:
    """Whether a metric is a share, from 0 to 1."""
    return by_name(metric) == "share"


def goal(metric: str) -> Literal["highest", "lowest"] | None:
    """Whether the highest or the lowest value of a metric is the best one; None where that is not known."""
    match by_name(metric):
        case "share":
            return "highest"
        case "nats" | "seconds" | "steps" | "epochs" | "bytes" | "parameters":
            return "lowest"
    return None


def limits(metric: str) -> tuple[float, float]:
    """The least and the greatest value that a metric can have; of losses there are kinds that may be negative."""
    match by_name(metric):
        case "share":
            return 0, 1
        case "texts of ten":
            return 0, 10
        case unit if unit in COUNTED or unit == "seconds":
            return 0, math.inf
    return -math.inf, math.inf


def beyond(metric: str) -> str:
    """What to say of a value beyond the limits of its metric."""
    if is_share(metric):
        return "but it is a share, from 0 to 1; divide percentages by 100"
    low, high = limits(metric)
    return f"but it is never below {low:g}; correct it" if high == math.inf else f"but it is from {low:g} to {high:g}"
