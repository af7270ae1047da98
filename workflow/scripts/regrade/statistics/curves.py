"""What a learning curve says in one number: the measures that claims about curves are tested by."""

from collections.abc import Callable

import pandas as pd

# Single evaluations are noisy: the end of a curve, or a stretch of it, is the mean over a tenth of the evaluations
TENTH = 10


def epoch_of_lowest(history: pd.DataFrame, of: str) -> float:
    """The epoch at which the curve is lowest."""
    return float(history["epoch"].iloc[history[of].argmin()])


def epoch_of_highest(history: pd.DataFrame, of: str) -> float:
    """The epoch at which the curve is highest."""
    return float(history["epoch"].iloc[history[of].argmax()])


def rise_after_lowest(history: pd.DataFrame, of: str) -> float:
    """How far the mean of the last tenth lies above the lowest mean over a tenth of the evaluations."""
    means = _moving(history[of])
    return float(means.iloc[-1] - means.min())


def fall_after_highest(history: pd.DataFrame, of: str) -> float:
    """How far the mean of the last tenth lies below the highest mean over a tenth of the evaluations."""
    means = _moving(history[of])
    return float(means.max() - means.iloc[-1])


def late_gain(history: pd.DataFrame, of: str) -> float:
    """The mean of the last tenth of the evaluations minus that of the tenth before."""
    window = _window(history)
    return float(history[of].iloc[-window:].mean() - history[of].iloc[-2 * window : -window].mean())


def gain(history: pd.DataFrame, of: str) -> float:
    """The mean of the last tenth of the evaluations minus the first value."""
    return float(history[of].iloc[-_window(history) :].mean() - history[of].iloc[0])


def largest_drop(history: pd.DataFrame, of: str, after: float) -> float:
    """The largest fall from one evaluation to the next, later than epoch `after`; 0 where there are none."""
    late = history.loc[history["epoch"] >= after, of]
    return float(max(-late.diff().min(), 0)) if len(late) > 1 else 0.0


def fluctuation(history: pd.DataFrame, of: str) -> float:
    """Standard deviation of the changes from one evaluation to the next."""
    return float(history[of].diff().std())


def later_fall(history: pd.DataFrame, of: str, after: float) -> float:
    """How far the lowest value later than epoch `after` lies below the lowest until then; NaN without such epochs."""
    late = history["epoch"] > after
    return float(history.loc[~late, of].min() - history.loc[late, of].min())


def lowest(history: pd.DataFrame, of: str) -> float:
    """The lowest value."""
    return float(history[of].min())


def last_gap(history: pd.DataFrame, of: str, against: str) -> float:
    """One curve minus another after the last epoch."""
    return float(history[of].iloc[-1] - history[against].iloc[-1])


def epochs_until(history: pd.DataFrame, of: str, value: float) -> float:
    """The first epoch at which the curve is at `value` or above; where it never is, the last: a lower bound."""
    reached = history.loc[history[of] >= value, "epoch"]
    return float(reached.iloc[0] if len(reached) else history["epoch"].iloc[-1])


def rank_correlation(history: pd.DataFrame, of: str, against: str) -> float:
    """Spearman's correlation of two curves over the evaluations."""
    # Imported here: it takes half a second, and hardly any study asks for it
    from scipy import stats

    return float(stats.spearmanr(history[of], history[against]).statistic)


MEASURES: dict[str, Callable[..., float]] = {
    measure.__name__: measure
    for measure in (
        epoch_of_lowest,
        epoch_of_highest,
        rise_after_lowest,
        fall_after_highest,
        late_gain,
        gain,
        largest_drop,
        fluctuation,
        later_fall,
        lowest,
        last_gap,
        epochs_until,
        rank_correlation,
    )
}


def _window(history: pd.DataFrame) -> int:
    return max(len(history) // TENTH, 1)


def _moving(values: pd.Series) -> pd.Series:
    return values.rolling(max(len(values) // TENTH, 1)).mean().dropna()
