"""Grades of reported numbers: could one more run of ours have given what the source states?"""

import math

import pandas as pd

from regrade.bundle.manifest import NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL, BundledCell, Standing
from regrade.cells.layout import label
from regrade.statistics import possible, units
from regrade.statistics.comparison import Comparison
from regrade.statistics.estimate import Estimate

PREDICTED = WITHIN, ABOVE, BELOW = "within", "above", "below"
# For texts and counts, which do not vary from run to run
SAME, DIFFERS = "same", "differs"
TOO_FEW_SEEDS, OTHER_SETTINGS = "too few seeds", "other settings"
NOT_RUN = "not run"
UNJUDGED = (TOO_FEW_SEEDS, OTHER_SETTINGS, NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL, NOT_RUN)
GRADES = (*PREDICTED, SAME, DIFFERS, *UNJUDGED)
COLUMNS = (
    *("source", "experiment", "cell", "folder", "settings", "metric", "reported", "rows", "possible", "nearest"),
    *("mean", "seeds", "low", "high", "predicted_low", "predicted_high", "reached", "grade", "note"),
)
NUMBERS = ("rows", "seeds", "low", "high", "predicted_low", "predicted_high", "reached")


def table(comparisons: list[Comparison]) -> pd.DataFrame:
    """One row per reported number: what it is, mean of ours, its 95 % interval, prediction interval, grade.

    `above`: the reported value lies above the prediction interval for one more single run; `below`: below it. The
    interval is infinite on a side where some runs are only known to be beyond a value. A value that was rounded stands
    for all that round to it. `reached`: how many runs are as far from our mean as it, or further, on its side.
    `possible`, `nearest`: see `regrade.statistics.possible.judged`.
    `reported` and `mean` are texts where the source states a text; `reported` keeps a `>=` of the source.
    """
    rows = pd.DataFrame([_row(one) for one in comparisons], columns=list(COLUMNS))
    # A column that is empty throughout would be taken for one of texts
    return rows.assign(**{name: pd.to_numeric(rows[name]) for name in NUMBERS})


def _row(one: Comparison) -> dict[str, object]:
    of_cell = one.cell.standing.of(one.row["metric"]) if one.cell else Standing()
    deviates = of_cell.why if of_cell.name == OTHER_PROTOCOL and one.measured else ""
    whether_possible, nearest = possible.judged(one)
    row: dict[str, object] = {
        "source": one.row["source"],
        "experiment": one.row["experiment"],
        "cell": one.cell.name if one.cell else "",
        "folder": one.cell.folder.as_posix() if one.cell else "",
        "settings": ", ".join(f"{key}={value}" for key, value in one.row["cell"].items()),
        "metric": one.row["metric"],
        "reported": ("≥ " if one.at_least else "") + _text(one),
        "rows": one.rows,
        "possible": whether_possible,
        "nearest": nearest,
        "mean": one.text,
        "seeds": 0,
        "note": "; ".join(filter(None, (_ours(one), deviates, _known(one), _other_rows(one), one.note))),
    }
    if one.cell and one.measured and one.estimate:
        low, high = _possible(one, _open(one, one.estimate.interval()))
        predicted_low, predicted_high = _possible(one, _prediction(one, one.cell, one.estimate))
        row |= {"mean": f"{one.estimate.value:.6g}", "seeds": one.estimate.seeds, "low": low, "high": high}
        row |= {"predicted_low": predicted_low, "predicted_high": predicted_high, "reached": _reached(one)}
    return row | {"grade": _grade(one, of_cell)}


def _text(one: Comparison) -> str:
    """What the source states; three digits of a ratio that we made of its numbers, which the note gives."""
    if isinstance(one.stated, str):
        return one.stated
    return f"{one.stated:.3g}" if one.row["metric"].endswith("_seconds_ratio") else f"{one.stated:.6g}"


def _reached(one: Comparison) -> int | None:
    """How many runs lie as far out as the stated number; None where the number of a run is not what was predicted."""
    if one.sample is None or one.estimate is None or isinstance(one.stated, str) or one.prediction:
        return None
    slack = one.rounding + 1e-9 * max(abs(one.stated), 1)
    if one.stated > one.estimate.value:
        return int((one.sample.high >= one.stated - slack).sum())
    return int((one.sample.low <= one.stated + slack).sum())


def _ours(one: Comparison) -> str:
    """The settings in which our cell is not the reported one."""
    return f"ours has {label(one.other_settings)}" if one.other_settings else ""


def _known(one: Comparison) -> str:
    """Of how many runs the number is only known to be beyond a value, such as the epochs that they were trained for.

    Or not at all, as those of runs that diverged before.
    """
    if one.sample is None:
        return ""
    runs, unknown = len(one.sample), one.sample.unknown
    beyond = runs - one.sample.known - unknown
    return "; ".join(
        text
        for count, text in (
            (beyond, f"the mean is a bound: {beyond} of {runs} runs never got that far"),
            (unknown, f"the mean leaves out {unknown} of {runs} runs, which diverged before"),
        )
        if count
    )


def _other_rows(one: Comparison) -> str:
    """Whether the prediction leaves out that the source trained on other rows; of test rows it counts that."""
    of_training = one.row["metric"].startswith(("train_accuracy", "train_loss"))
    if not (of_training and one.measured and one.cell and one.cell.own_rows):
        return ""
    return "that the source trained on other rows is not counted"


def _grade(one: Comparison, standing: Standing) -> str:
    if one.cell is None or not one.measured:
        return NOT_RUN
    if standing.name == NOT_AT_FULL_PROTOCOL:
        return NOT_AT_FULL_PROTOCOL
    if one.other_settings:
        return OTHER_SETTINGS
    if standing.name == OTHER_PROTOCOL:
        return OTHER_PROTOCOL
    if one.estimate is None or isinstance(one.stated, str):
        return SAME if one.text == one.stated else DIFFERS
    if units.unit(one.row["metric"]) == "parameters":
        return SAME if one.estimate.value == one.stated else DIFFERS
    low, high = _prediction(one, one.cell, one.estimate)
    if one.estimate.seeds < 2 or math.isnan(low) or math.isnan(high):
        return TOO_FEW_SEEDS
    # A mean of equal values may be off by rounding
    slack = 1e-9 * max(abs(one.stated), 1)
    above = one.stated - one.rounding > high + slack
    below = one.stated + one.rounding < low - slack and not one.at_least
    if (above or below) and one.estimate.distinct == 1 and (low == high or math.isinf(high - low)):
        return TOO_FEW_SEEDS  # seeds that all agree do not show how far another one may be
    if above:
        return ABOVE
    return BELOW if below else WITHIN


def _prediction(one: Comparison, cell: BundledCell, estimate: Estimate) -> tuple[float, float]:
    """Where one more run lies, on the source's rows."""
    return one.prediction or _open(one, estimate.prediction(own_rows=cell.own_rows))


def _open(one: Comparison, interval: tuple[float, float]) -> tuple[float, float]:
    """An interval without an end on a side where nobody knows how far runs would have got, such as to an accuracy."""
    below, above = one.sample.open_ends if one.sample else (False, False)
    low, high = interval
    return -math.inf if below else low, math.inf if above else high


def _possible(one: Comparison, interval: tuple[float, float]) -> tuple[float, float]:
    """The part of an interval that is possible: with few seeds, Student's t reaches below 0 and beyond 1."""
    least, most = units.possible(one.row["metric"])
    low, high = (min(max(bound, least), most) for bound in interval)
    return low, high
