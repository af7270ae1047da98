"""What a metric is called in a sentence, on all pages; claims.yaml and reported.csv have its name in the tables."""

import re

from regrade.config.types import Value
from regrade.statistics.curves import PHRASES

# How a number of a run was taken from a curve: the first ending that fits
_ENDINGS = {
    "_loss_best": "lowest {} loss",
    "_loss_batch_mean_best": "lowest {} loss (mean over batches)",
    "_best_epoch": "{} at the best epoch",
    "_cross_fitted": "cross-fitted {}",
    "_last_epoch": "{} after the last epoch",
    "_last_step": "{} after the last step",
    "_at_lowest_loss": "{} at the lowest loss",
    "_accuracy_min": "lowest {} accuracy",
    "_accuracy_max": "highest {} accuracy",
    "_batch_mean": "{} (mean over batches)",
}
# Names that words alone do not explain, as patterns
_NAMES = {
    r"best_epoch": "best epoch",
    r"epochs_to_converge": "epochs until convergence",
    r"steps_to_converge": "steps until convergence",
    r"steps_above_chance": "steps until above chance",
    r"test_accuracy_mean": "mean test accuracy up to the epoch",
    r"(.*)_activation_blank_(.*)": r"number of blank feature maps of \2 on \1 rows",
    r"(.*)_activation_mean_(.*)": r"mean activation of \2 on \1 rows",
    r"(.*)_activation_std_(.*)": r"standard deviation of the activations of \2 on \1 rows",
    r"activation_mean": "mean activation",
    r"activation_std": "standard deviation of the activations",
    r"valid_prompted": "share of prompts continued to a valid text",
    r"valid_free": "share of texts without a prompt that are valid",
    r"valid_long": "share of long prompts continued to a valid text",
    r"(in)?valid_samples_of_10": r"\1valid texts of ten",
    r"train_seconds": "training time",
    r"epoch_seconds": "time of an epoch",
    r"train_seconds_ratio": "training time divided by the first",
    r"epoch_seconds_ratio": "time of an epoch divided by the first",
    r"peeking": "price of peeking",
    r"selected": "selected settings",
    r"(.*)_f1": r"\1 F1",
}


def phrase(metric: str | dict[str, Value]) -> str:
    """The name of a number of runs, of a column of histories, or of a measure of a curve, as in a sentence."""
    if isinstance(metric, str):
        return _column(metric)
    words = {key: _column(value) if isinstance(value, str) else f"{value:,}" for key, value in metric.items()}
    return PHRASES[str(metric["measure"])].format(**words)


def _column(name: str) -> str:
    for ending, words in _ENDINGS.items():
        if name.endswith(ending):
            return words.format(_column(name.removesuffix(ending)))
    for pattern, words in _NAMES.items():
        if found := re.fullmatch(pattern, name):
            return _plain(found.expand(words))
    return _plain(name)


def _plain(name: str) -> str:
    return re.sub(r"^train\b", "training", name.replace("_", " "))
