"""What metrics of runs and columns of histories are counted in, by their names."""

from fnmatch import fnmatchcase

# What may follow the name of an accuracy that is an accuracy still, and not the distance between two of them
_OF_ACCURACIES = (
    *("", "_best_epoch", "_cross_fitted", "_last_epoch", "_last_step"),
    *("_best", "_last", "_min", "_max", "_mean"),
)
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
