"""How optimistic the best epoch is, in worlds where it is known."""

import numpy as np
import pandas as pd
import pytest
from regrade.bundle.metrics import peeking_bounds, summarise
from support.peeking import CURVES, estimates, of_network

ROWS, WORLDS = 300, 1500
# The difference to the cross-fitted accuracy is too large by a quarter of the true number and more
OVERSTATED = {"a late plateau", "rising with random changes"}


@pytest.mark.parametrize("name", CURVES)
def test_peeking_is_neither_overstated_nor_understated(name: str):
    generator = np.random.default_rng(3)
    found = estimates((CURVES[name].draw(ROWS, generator) for _ in range(WORLDS)), ROWS)
    true, least, most, difference = (values.mean() for values in found.values())
    middle = (found["least"] + found["most"]) / 2
    chance = 3 * np.hypot(middle.std(), found["true"].std()) / WORLDS**0.5
    if name == "rising throughout":  # a tenth of a point, and hardly anything to choose from
        assert middle.mean() - true < 0.6 * (difference - true)
    else:
        assert middle.mean() == pytest.approx(true, abs=0.15 * true + chance)
    assert least <= true + chance
    assert most >= 0.95 * true - chance  # counts of few rows are not quite normal
    if name in OVERSTATED:
        assert difference > 1.2 * true - chance


def test_peeking_of_a_real_network():
    found = estimates(of_network(ROWS, WORLDS, np.random.default_rng(4)), ROWS)
    true, least, most, difference = (values.mean() for values in found.values())
    assert (least + most) / 2 == pytest.approx(true, rel=0.15)
    assert difference > 1.15 * true


def test_one_epoch_leaves_nothing_to_choose():
    assert peeking_bounds(np.array([30]), np.array([20]), 100) == (0, 0)


def test_peeking_of_a_history_is_the_middle():
    # All rows: 70 of the second epoch. Halves: 38 of the first, scored 31; 36 of the second, scored 34
    history = pd.DataFrame({"epoch": [1, 2], "test_correct_even": [38, 34], "test_correct_odd": [31, 36]})
    history = history.assign(test_accuracy=[0.69, 0.7], train_accuracy=1.0, train_loss=0.1, test_loss=0.1, seconds=1.0)
    expected = (2 * (74 - 70) + (74 - 31 - 34) / 2**0.5) / 2 / 100
    assert summarise(history, 100, "test")["peeking"] == pytest.approx(expected)
