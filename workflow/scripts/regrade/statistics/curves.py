"""What a learning curve says in one number: the measures that claims about curves are tested by."""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy

# Single evaluations are noisy: the end of a curve, or a stretch of it, is the mean over a tenth of the evaluations
TENTH = 10
# The least and the greatest value that a number can have
Range = tuple[float, float]


def _epoch(of: Range, against: Range) -> Range:
    return 0, math.inf


def _value(of: Range, against: Range) -> Range:
    return of


def _change(of: Range, against: Range) -> Range:
    return of[0] - of[1], of[1] - of[0]


def _distance(of: Range, against: Range) -> Range:
    return 0, of[1] - of[0]


def _rises(of: Range, against: Range) -> Range:
    return 0, math.inf


def _share(of: Range, against: Range) -> Range:
    return 0, 1


def _deviation(of: Range, against: Range) -> Range:
    """Of n values in a range, with n - 1, the standard deviation is largest where n is 2 and they are its ends."""
    return 0, (of[1] - of[0]) / math.sqrt(2)


def _deviation_of_changes(of: Range, against: Range) -> Range:
    return _deviation(_change(of, against), against)


def _difference(of: Range, against: Range) -> Range:
    return of[0] - against[1], of[1] - against[0]


def _correlation(of: Range, against: Range) -> Range:
    return -1, 1


# How the measure of a curve that is cut short may differ from that of the whole curve, which nobody knows
OpenEnd = Literal["anywhere", "above", "below", "nowhere"]

# By name; what each is called in a sentence, with what a claim gives beside in braces; what it is counted in, None for
# what the curve itself is counted in; what it can be, from what the curve can be and what the other curve can be, where
# there is one; and where it may be if the rest of the curve is not known
MEASURES: dict[str, Callable[..., float]] = {}
PHRASES: dict[str, str] = {}
UNITS: dict[str, str | None] = {}
RANGES: dict[str, Callable[[Range, Range], Range]] = {}
OPEN: dict[str, OpenEnd] = {}


def _measure(
    phrase: str,
    possible: Callable[[Range, Range], Range],
    unit: str | None = None,
    open_end: OpenEnd = "anywhere",
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Add a function of a run's history, and of what a claim gives beside, to the measures."""

    def add(function: Callable[..., float]) -> Callable[..., float]:
        name = function.__name__
        MEASURES[name], PHRASES[name], UNITS[name] = function, phrase, unit
        RANGES[name], OPEN[name] = possible, open_end
        return function

    return add


def of_diverged(name: str, history: pd.DataFrame, **arguments: Any) -> Range:
    """Between which values the measure of a run that diverged lies: what it was until then decides it, or leaves open.

    The curve is known up to its last finite value. A stretch between two epochs is known if it ends by then.
    """
    columns = [arguments[key] for key in ("of", "against") if key in arguments]
    known = np.flatnonzero(np.isfinite(history[columns]).all(axis=1))
    if not len(known):
        return -math.inf, math.inf
    seen = history.iloc[: known[-1] + 1]
    value, until = MEASURES[name](seen, **arguments), float(seen["epoch"].iloc[-1])
    if value == math.inf and UNITS[name] == "epochs":
        return until, math.inf
    if not math.isfinite(value):
        return -math.inf, math.inf
    if OPEN[name] == "nowhere" or arguments.get("last", arguments.get("epoch", math.inf)) <= until:
        return value, value
    return value if OPEN[name] == "above" else -math.inf, value if OPEN[name] == "below" else math.inf


@_measure("epoch of the lowest {of}", _epoch, "epochs", open_end="above")
def epoch_of_lowest(history: pd.DataFrame, of: str) -> float:
    """The epoch at which the curve is lowest; NaN where it has no values."""
    known = history.dropna(subset=[of])
    return float(known["epoch"].iloc[known[of].argmin()]) if len(known) else math.nan


@_measure("epoch of the highest {of}", _epoch, "epochs", open_end="above")
def epoch_of_highest(history: pd.DataFrame, of: str) -> float:
    """The epoch at which the curve is highest; NaN where it has no values."""
    known = history.dropna(subset=[of])
    return float(known["epoch"].iloc[known[of].argmax()]) if len(known) else math.nan


@_measure("rise after the lowest point of the {of}", _distance)
def rise_after_lowest(history: pd.DataFrame, of: str) -> float:
    """How far the mean of the last tenth lies above the lowest mean over a tenth of the evaluations."""
    means = _moving(history[of])
    return float(_last(means) - means.min())


@_measure("fall after the highest point of the {of}", _distance)
def fall_after_highest(history: pd.DataFrame, of: str) -> float:
    """How far the mean of the last tenth lies below the highest mean over a tenth of the evaluations."""
    means = _moving(history[of])
    return float(means.max() - _last(means))


@_measure("late change (mean of the last tenth minus that of the tenth before) of the {of}", _change)
def late_gain(history: pd.DataFrame, of: str) -> float:
    """The mean of the last tenth of the evaluations minus that of the tenth before."""
    window = _window(history)
    return float(history[of].iloc[-window:].mean() - history[of].iloc[-2 * window : -window].mean())


@_measure("change of the {of} from epoch {first} on (mean of the last tenth minus that of as many then)", _change)
def gain_since(history: pd.DataFrame, of: str, first: float) -> float:
    """The mean of the last tenth of the evaluations minus that of equally many from epoch `first` on; NaN if fewer."""
    window = _window(history)
    then = history.loc[history["epoch"] >= first, of].iloc[:window]
    return float(history[of].iloc[-window:].mean() - then.mean()) if len(then) == window else math.nan


@_measure("change (mean of the last tenth minus the first value) of the {of}", _change)
def gain(history: pd.DataFrame, of: str) -> float:
    """The mean of the last tenth of the evaluations minus the first value."""
    return float(history[of].iloc[-_window(history) :].mean() - history[of].iloc[0])


@_measure(
    "largest fall from one evaluation to the next, from epoch {after} on, of the {of}", _distance, open_end="above"
)
def largest_drop(history: pd.DataFrame, of: str, after: float) -> float:
    """The largest fall from one evaluation to the next, from epoch `after` on; 0 where there are none.

    NaN where the curve has no values.
    """
    late = history.loc[history["epoch"] >= after, of]
    if history[of].isna().all():
        return math.nan
    return float(abs(late.diff().clip(upper=0).min())) if late.notna().sum() > 1 else 0.0


@_measure("fluctuation (standard deviation of the changes between evaluations) of the {of}", _deviation_of_changes)
def fluctuation(history: pd.DataFrame, of: str) -> float:
    """Standard deviation of the changes from one evaluation to the next."""
    return float(history[of].diff().std())


@_measure("sum of all rises of the {of} in epochs {first} to {last}", _rises, open_end="above")
def rises_between(history: pd.DataFrame, of: str, first: float, last: float) -> float:
    """The sum of all rises from one evaluation to the next, from epoch `first` to epoch `last`; 0 for a steady fall.

    NaN for fewer than two evaluations, and where the curve has no values.
    """
    known = _between(history, of, first, last).dropna()
    return float(known.diff().clip(lower=0).sum()) if len(known) > 1 else math.nan


@_measure("share of the evaluations from epoch {after} on with a {of} of {value} or more", _share, "share")
def share_above(history: pd.DataFrame, of: str, value: float, after: float) -> float:
    """The share of the evaluations from epoch `after` on at which the curve is at `value` or above; NaN without any."""
    known = history.loc[history["epoch"] >= after, of].dropna()
    return float((known >= value).mean()) if len(known) else math.nan


@_measure("further fall after epoch {after} (below the lowest value until then) of the {of}", _change, open_end="above")
def later_fall(history: pd.DataFrame, of: str, after: float) -> float:
    """How far the lowest value later than epoch `after` lies below the lowest until then; NaN without such epochs."""
    late = history["epoch"] > after
    return float(history.loc[~late, of].min() - history.loc[late, of].min())


@_measure("lowest {of}", _value, open_end="below")
def lowest(history: pd.DataFrame, of: str) -> float:
    """The lowest value."""
    return float(history[of].min())


@_measure("highest {of}", _value, open_end="above")
def highest(history: pd.DataFrame, of: str) -> float:
    """The highest value."""
    return float(history[of].max())


@_measure("{of} at epoch {epoch}", _value)
def value_at(history: pd.DataFrame, of: str, epoch: float) -> float:
    """The value at this epoch; NaN where there was no evaluation."""
    return float(history.loc[history["epoch"] == epoch, of].mean())


@_measure("mean {of} in epochs {first} to {last}", _value)
def mean_between(history: pd.DataFrame, of: str, first: float, last: float) -> float:
    """The mean of the evaluations from epoch `first` to epoch `last`; NaN where there are none."""
    return float(_between(history, of, first, last).mean())


@_measure("lowest {of} in epochs {first} to {last}", _value, open_end="below")
def lowest_between(history: pd.DataFrame, of: str, first: float, last: float) -> float:
    """The lowest value from epoch `first` to epoch `last`; NaN where there is none."""
    return float(_between(history, of, first, last).min())


@_measure("highest {of} in epochs {first} to {last}", _value, open_end="above")
def highest_between(history: pd.DataFrame, of: str, first: float, last: float) -> float:
    """The highest value from epoch `first` to epoch `last`; NaN where there is none."""
    return float(_between(history, of, first, last).max())


@_measure(
    "fluctuation (standard deviation of the changes between evaluations) of the {of} in epochs {first} to {last}",
    _deviation_of_changes,
)
def fluctuation_between(history: pd.DataFrame, of: str, first: float, last: float) -> float:
    """As `fluctuation`, from epoch `first` to epoch `last`; NaN for fewer than three evaluations."""
    return float(_between(history, of, first, last).diff().std())


@_measure("{of} minus {against} after the last epoch", _difference)
def last_gap(history: pd.DataFrame, of: str, against: str) -> float:
    """One curve minus another after the last epoch."""
    return float(history[of].iloc[-1] - history[against].iloc[-1])


@_measure("first epoch with a {of} of {value} or more", _epoch, "epochs", open_end="nowhere")
def epochs_until(history: pd.DataFrame, of: str, value: float) -> float:
    """The first epoch at which the curve is at `value` or above; infinite where it never is.

    NaN where the curve has no values.
    """
    if history[of].isna().all():
        return math.nan
    reached = history.loc[history[of] >= value, "epoch"]
    return float(reached.iloc[0]) if len(reached) else math.inf


@_measure("last epoch with a {of} within {within} of {value}", _epoch, "epochs", open_end="above")
def last_epoch_near(history: pd.DataFrame, of: str, value: float, within: float) -> float:
    """The last epoch at which the curve is no further than `within` from `value`; 0 where it never is.

    With the accuracy of chance as `value`: how long a run stays at chance. Infinite where it is near at the end, NaN
    where the curve has no values.
    """
    if history[of].isna().all():
        return math.nan
    near = (history[of] - value).abs() <= within
    if not near.any():
        return 0.0
    return math.inf if near.iloc[-1] else float(history.loc[near, "epoch"].iloc[-1])


@_measure("rank correlation between the {of} and the {against}", _correlation, "correlation")
def rank_correlation(history: pd.DataFrame, of: str, against: str) -> float:
    """Spearman's correlation of two curves over the evaluations."""
    return float(scipy.stats.spearmanr(history[of], history[against]).statistic)


def _between(history: pd.DataFrame, of: str, first: float, last: float) -> pd.Series:
    return history.loc[history["epoch"].between(first, last), of]


def _window(history: pd.DataFrame) -> int:
    return max(len(history) // TENTH, 1)


def _moving(values: pd.Series) -> pd.Series:
    return values.rolling(max(len(values) // TENTH, 1)).mean().dropna()


def _last(means: pd.Series) -> float:
    """The last mean; NaN where there is none, since the run diverged at once."""
    return means.iloc[-1] if len(means) else math.nan
