"""A winner is chosen by whatever number is given, and judged on other seeds and rows than it is chosen on."""

import numpy as np
import pandas as pd
import pytest
from regrade.bundle.answers import Correct
from regrade.cells import expansion
from regrade.config import params
from regrade.statistics.measurements import Metric, measured
from regrade.statistics.winners import Seen, Winner, rotated
from support.bundles import made_up
from support.expanded import CONFIG

HIGHEST: Metric = {"measure": "highest", "of": "test_accuracy"}
SEEDS, ROWS = 3, 40


@pytest.mark.parametrize(
    ("metric", "by", "on_rows"),
    [
        ("test_accuracy_best_epoch", "test_accuracy_best_epoch", True),
        ("test_accuracy_last_epoch", "test_accuracy_best_epoch", True),
        ("test_accuracy_last_epoch", "test_loss_best", True),
        (HIGHEST, HIGHEST, False),
        (HIGHEST, "test_accuracy_best_epoch", False),
    ],
)
def test_any_number_may_choose_the_winner_of_any_other(metric: Metric, by: Metric, on_rows: bool):
    parameters = params.parse(CONFIG | {"scale": "paper"})
    measurements = measured(made_up("csci5622", parameters, expansion.expand(parameters), seeds=SEEDS))
    cells = measurements.find("q1_hidden_size")
    sample = measurements.sample([(Winner(tuple(cells), by), 1.0)], metric)
    assert sample.seeds == (0, 1, 2) and sample.rotated and bool(sample.rows) is on_rows
    if metric != by and not on_rows:
        each = [measurements.values(cell, metric) for cell in cells]
        assert all(value in {one[seed] for one in each} for seed, value in enumerate(sample.low))


def seen(answers: "np.ndarray", sample: str = "rows") -> Seen:
    accuracy = answers.mean(axis=1)
    return Seen("", pd.DataFrame({"low": accuracy, "high": accuracy}), Correct(sample, dict(enumerate(answers))))


def test_luck_on_the_rows_that_the_choice_is_made_on_does_not_count():
    """An accuracy of the same rows shares their luck, whatever it is called; one of other rows does not."""
    answers = np.random.default_rng(0).random((20, SEEDS, ROWS)) < 0.5
    candidates = [seen(one) for one in answers]
    ours, other = (
        rotated(candidates, candidates, highest=True),
        rotated(candidates, [*map(seen, answers)], highest=True),
    )
    pd.testing.assert_frame_equal(ours.bounds, other.bounds)
    by_other_rows = rotated(candidates, [seen(one, "other rows") for one in answers], highest=True)
    for seed, right in by_other_rows.correct.by_seed.items():
        assert any(np.array_equal(right, one[seed]) for one in answers)
        assert by_other_rows.bounds.loc[seed, "low"] == right.mean()


def test_a_run_that_diverged_does_not_win():
    """What it would have needed may be anything; it must not count as the least."""
    epochs = [{"low": [4.0] * SEEDS, "high": [4.0] * SEEDS}, {"low": [-np.inf] * SEEDS, "high": [np.inf] * SEEDS}]
    candidates = [Seen("", pd.DataFrame(one), None) for one in epochs]
    for order in (candidates, candidates[::-1]):
        for highest in (True, False):
            assert rotated(order, order, highest).bounds["low"].tolist() == [4.0] * SEEDS
