"""Tables of times with their intervals, and how many numbers chance alone leaves outside."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from regrade.reporting.graded import Verdicts
from regrade.reporting.tables import comparisons
from regrade.statistics import grades
from scipy import stats

CELLS = [SimpleNamespace(folder=Path(f"results/s/e/{name}")) for name in "abc"]


def times(*by_seed: list[float], reported: tuple = (10.0, 30.0, None)) -> pd.DataFrame:
    """A table of the cells' times, by seed, beside what the source states."""
    rows = zip("abc", CELLS, reported, (pd.Series(seconds, dtype=float) for seconds in by_seed), strict=True)
    return comparisons.timed(list(rows))


def test_times_and_their_ratios_have_intervals_over_the_seeds():
    first, second = [1.0, 1.2, 1.1], [2.0, 2.2, 2.6]
    table = times(first, second, [])
    assert table["reported_ratio"].tolist()[:2] == [1, 3]
    ratios = np.divide(second, first)
    assert table["ratio"][1] == pytest.approx(ratios.mean())
    low, high = stats.t.interval(0.95, 2, ratios.mean(), stats.sem(ratios))
    assert (table["ratio_low"][1], table["ratio_high"][1]) == pytest.approx((low, high))
    assert np.isnan(
        table.loc[2, ["reported_seconds", "seconds", "seconds_low", "ratio", "ratio_low"]].astype(float)
    ).all()
    shown = comparisons.shown_times(table).table
    assert shown.loc[0].tolist() == ["a", "10", "1.1 (0.9 to 1.3)", "1.00", "1.00"]
    assert shown.loc[2].tolist() == ["c", "–", "–", "–", "–"]


def test_seeds_that_were_trained_together_share_one_time_and_have_no_interval():
    table = times([2.0, 2.0], [3.0, 3.0], [1.0, 1.5], reported=(None, None, None))
    assert table["seconds"].tolist() == [2, 3, 1.25]
    assert table["seconds_low"].isna().tolist() == [True, True, False]
    assert table["ratio_low"].isna().tolist() == [True, True, False]
    assert not len(comparisons.timed([]))


def test_chance_alone_leaves_one_in_twenty_of_the_compared_numbers_outside():
    counts = {grades.WITHIN: 31, grades.ABOVE: 4, grades.BELOW: 5, grades.SAME: 7, grades.NOT_RUN: 2}
    verdicts = Verdicts([], [{"grade": grade} for grade, count in counts.items() for _ in range(count)], {})
    assert verdicts.predicted == 40
    assert verdicts.outside_by_chance == pytest.approx(2)
