"""What each metric is counted in: numbers of runs, columns of histories, measures of curves."""

from fnmatch import fnmatchcase

from regrade.config.types import Value
from regrade.statistics.curves import UNITS

# By name, the first pattern that fits. A loss is a mean cross-entropy in natural units; norms and activations have none
_BY_NAME = {
    "*activation_blank_*": "maps",
    "*activation_*": "",
    "gradient_norm*": "",
    "*_seconds_ratio": "",
    "*valid_samples_of_10": "texts of ten",
    "*accuracy*": "share",
    "*_f1": "share",
    "valid_*": "share",
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

# Units of what is counted: a whole number of these is exact, not rounded
COUNTED = {"epochs", "steps", "parameters", "bytes", "rows", "maps", "texts of ten"}


def unit(metric: str | dict[str, Value]) -> str:
    """The unit of a metric; empty for a number without one. KeyError for a name that no metric has."""
    if isinstance(metric, dict):
        own = UNITS[str(metric["measure"])]
        return unit(str(metric["of"])) if own is None else own
    fitting = next((pattern for pattern in _BY_NAME if fnmatchcase(metric, pattern)), None)
    if fitting is None:
        raise KeyError(metric)
    return _BY_NAME[fitting]
