"""What metrics of runs and columns of histories are counted in, by their names."""

from fnmatch import fnmatchcase

# The first pattern that fits. A loss is a mean cross-entropy in natural units; norms and activations have none
_BY_NAME = {
    "*activation_blank_*": "maps",
    "*activation_*": "",
    "gradient_norm*": "",
    "*_seconds_ratio": "×",
    "*valid_samples_of_10": "texts of ten",
    "*accuracy*": "share",
    "*_f1": "share",
    **dict.fromkeys(("valid_prompted*", "valid_free*", "valid_long*"), "share"),
    "peeking": "share",
    "*_loss*": "nats",
    "*_correct_*": "rows",
    "*seconds": "seconds",
    "steps_*": "steps",
    "epoch*": "epochs",
    "best_epoch": "epochs",
    "*parameters": "parameters",
    "*_bytes": "bytes",
    "layer_sizes": "",
    "selected": "",
}


def by_name(metric: str) -> str | None:
    """The unit of a metric; empty for a number without one, None for a metric of somebody else's."""
    fitting = next((pattern for pattern in _BY_NAME if fnmatchcase(metric, pattern)), None)
    return None if fitting is None else _BY_NAME[fitting]


def is_share(metric: str) -> bool:
    """Whether a metric is a share, from 0 to 1."""
    return by_name(metric) == "share"
