"""Findings in words: why a claim is open although its interval seems to decide it; numbers with their units."""

import itertools
import math
import re

import pytest
from regrade.reporting.findings import Findings, why_open
from regrade.reporting.graded import Verdicts
from regrade.reporting.number_format import counted, in_unit, interval, rounded, short
from regrade.reporting.pages.rendering import environment

OPEN = {"look": 10, "seeds": 10, "known": 10, "doing": 6, "undecided": 0, "about": "runs", "timed": False, "among": 16}
OPEN |= {"p_for": 0.3, "p_against": 0.8, "parts": [{}], "claimed": [None, 0.5], "low": None, "high": None}
MEAN = {"about": "mean", "claimed": [-0.01, 0.01]}
SO_NARROWLY = "but so narrowly that it may be chance in their test rows"
REASONS = {
    "fewer seeds than the first look needs": {"look": None, "seeds": 2, "known": 2, "doing": 2},
    "too few jobs were timed on one kind of device (seeds that were trained together share one time)": {
        **{"look": None, "seeds": 2, "known": 2, "doing": 2, "timed": True},
    },
    "none of 10 runs got far enough to tell": {"known": 0, "doing": 0, "undecided": 10, "p_against": 1.0},
    # Of no run is the number known, but of five, the bounds say that they are as claimed
    "5 of 10 runs did not get far enough to tell": {"known": 0, "doing": 5, "undecided": 5},
    "contradicted if judged alone, but not with 10 seeds among 16 claims": {
        "doing": 0,
        "p_for": 1.0,
        "p_against": 0.004,
    },
    "some runs are as claimed, others are not": {},
    f"all runs are as claimed, {SO_NARROWLY}": {"doing": 10, "p_for": 0.24},
    "all runs are as claimed, but 4 are too few": {"doing": 4, "seeds": 4, "known": 4, "p_for": 0.0625},
    f"no run is as claimed, {SO_NARROWLY}": {"doing": 0, "p_for": 1.0, "p_against": 0.2},
    "no run is as claimed, but 5 runs are too few to contradict a claim of 2 comparisons": {
        **{"doing": 0, "seeds": 5, "known": 5, "p_for": 1.0, "p_against": 0.0625, "parts": [{}, {}]},
    },
    "no run is as claimed, but 4 runs are too few to contradict a claim": {
        **{"doing": 0, "seeds": 4, "known": 4, "p_for": 1.0, "p_against": 0.0625},
    },
    "the mean may be as claimed or not": MEAN | {"low": -0.02, "high": 0.005},
    "one comparison would contradict it if judged alone, but that may be chance among 7": {
        **(MEAN | {"low": 0.0102, "high": 0.049, "p_for": 0.98, "p_against": 0.338, "parts": [{}] * 7}),
    },
    "so few runs cannot rule out others that are quite different": MEAN | {"low": -0.005, "high": 0.005},
    "too little is known of the mean": MEAN,
}


@pytest.mark.parametrize("reason", REASONS)
def test_an_open_claim_says_why(reason: str):
    assert why_open(OPEN | REASONS[reason]) == reason


@pytest.mark.parametrize("side", [1, -1])
def test_a_mean_beyond_a_claimed_bound_is_not_said_to_be_on_either_side(side: int):
    ends = {"low": 0.1 * side, "high": 0.3 * side} if side > 0 else {"low": -0.3, "high": -0.1}
    claimed = [None, 0.0] if side > 0 else [0.0, None]
    several = {"parts": [{}, {}], "p_against": 0.06}
    assert "may be chance among 2" in why_open(OPEN | MEAN | ends | several | {"claimed": claimed})
    # A single comparison: its p-value is not that of the interval, but of numbers of which only the bounds are known
    assert "quite different" in why_open(OPEN | MEAN | ends | {"claimed": claimed, "p_against": 0.06})
    assert why_open(OPEN | MEAN | ends | {"claimed": [-0.2, 0.2]}) == "the mean may be as claimed or not"


@pytest.mark.parametrize("parts", [1, 6])
@pytest.mark.parametrize("seeds", [2, 5, 20])
def test_why_a_claim_is_open_is_true_of_its_runs(seeds: int, parts: int):
    for doing, undecided in itertools.product(range(seeds + 1), repeat=2):
        others = seeds - doing - undecided
        if others < 0:
            continue
        about = {"seeds": seeds, "doing": doing, "undecided": undecided, "parts": [{}] * parts}
        words = why_open(OPEN | about)
        assert ("all runs" in words) <= (doing == seeds)
        assert ("no run " in words) <= (others == seeds)
        assert ("some runs" in words) == bool(doing and others and "far enough" not in words)
        assert ("none of" in words) == (undecided == seeds)
        if number := re.match(r"(\d+) of", words):
            assert int(number[1]) == undecided


# What came out of a claim, in words

CLAIM = {"quantity": "value", "unit": "epochs", "claimed": [None, 7.0], "about": "runs", "holds": True, "at": None}
CLAIM |= {
    "seeds": 40,
    "known": 40,
    "doing": 30,
    "undecided": 0,
    "effect": 5.0,
    "low": 4.0,
    "high": 6.0,
    "timed": False,
}
CAME_OUT = {
    "in 30 of 40 runs, with a mean of 5 epochs (95 % interval 4 to 6)": {},
    "in 30 of 40 runs; the mean is at least 5 epochs": {"known": 20, "at": "least", "high": None},
    "in 5 of 40 runs, unknown in 35; the least known of 2 comparisons": {
        **{"known": 0, "doing": 5, "undecided": 35, "effect": None, "low": None, "high": None},
        **{"holds": False, "parts": [{}] * 2},
    },
    "unknown in all 40 runs": {
        **{"known": 0, "doing": 0, "undecided": 40, "effect": None, "low": None, "high": None},
    },
    "in 3 of 40 runs, unknown in 35; of the 5 that are known the mean is 5 epochs": {
        **{"known": 5, "doing": 3, "undecided": 35, "low": None, "high": None},
    },
    "5 epochs (95 % interval 4 to 6, 40 seeds); the weakest of 24 comparisons": {"about": "mean", "parts": [{}] * 24},
    "5 epochs (95 % interval 4 to 6, 3 jobs); of 2 comparisons the one most against the claim": {
        **{"about": "mean", "parts": [{}] * 2, "holds": False},
        **{"timed": True, "seeds": 3, "known": 3},
    },
    "unknown": {"about": "mean", "known": 0, "undecided": 40, "effect": None, "low": None, "high": None},
    "in 30 of 40 runs, with a mean of 5 (95 % interval 4 to 6)": {"unit": "share"},
    "in 30 of 40 runs, with a mean of 5 per doubling (95 % interval 4 to 6)": {"unit": "share per doubling"},
}


@pytest.mark.parametrize("words", CAME_OUT)
def test_what_came_out_of_a_claim_is_said_of_the_runs_that_show_it(words: str):
    macros = environment().get_template("claim_macros.html.j2").module
    came_out = macros.came_out({"parts": [{}]} | CLAIM | CAME_OUT[words])  # type: ignore[attr-defined]
    assert came_out == f"claimed ≤ 7, here {words}"


def test_times_do_not_surprise():
    claim = {"verdict": "contradicted", "origin": "stated", "p_holm": 0.01, "claimed": [2.0, None]}
    claim |= {"effect": 1.0, "low": 0.5, "high": 1.5}
    number = {"grade": "above", "reported": "15.2", "mean": "0.75", "predicted_low": 0.0, "predicted_high": 1.6}
    ours = [claim | {"timed": timed} for timed in (True, False)]
    rows = [number | {"metric": metric} for metric in ("train_seconds_ratio", "train_loss_best")]
    found = Findings(Verdicts(ours, rows, {}))
    assert [(one.claim, one.number) for one in found.disagreements(9)] == [(None, rows[1]), (ours[1], None)]
    assert found.farthest == rows[1]


def test_agreement_says_little_where_runs_fall_into_two_groups():
    row = {"grade": "within", "metric": "test_accuracy_best_epoch", "predicted_low": 0.0, "predicted_high": 0.87}
    row |= {"seeds": 5, "reached": 0}
    others = [
        row | {"reached": 2},  # many runs are as far out
        row | {"predicted_high": 0.49},
        row | {"predicted_high": 1.0},  # it could not have disagreed, which is said elsewhere
        row | {"grade": "above"},
        row | {"metric": "train_loss_best"},  # of a loss, no range is a large part
        row | {"reached": math.nan},
    ]
    assert Findings(Verdicts([], [*others, row], {})).hardly_agreeing == [row]
    assert Findings(Verdicts([], [row | {"reached": 1}], {})).hardly_agreeing


def test_sizes_of_layers_that_differ_are_a_disagreement_without_a_distance():
    row = {"grade": "differs", "metric": "layer_sizes", "reported": "30", "mean": "2-30-2"}
    row |= {"predicted_low": math.nan, "predicted_high": math.nan}
    (one,) = Findings(Verdicts([], [row], {})).disagreements(5)
    assert one.number == row and one.distance == math.inf


def test_our_hypotheses_are_counted_apart():
    kinds = [("stated", "confirmed"), ("table", "contradicted"), ("ours", "confirmed"), ("ours", "not run")]
    every = Verdicts([{"origin": origin, "verdict": verdict} for origin, verdict in kinds], [], {})
    assert (every.judged, every.reports.judged, every.ours.judged) == (3, 2, 1)
    assert every.reports.by_verdict["confirmed"] == every.ours.by_verdict["confirmed"] == 1


@pytest.mark.parametrize("side", [1, -1])
def test_a_limit_alone_says_how_far_a_claim_is_off(side: int):
    def off(**found: float | list[float | None] | None) -> float:
        claim = {"verdict": "contradicted", "origin": "stated", "p_holm": 0.01, "timed": False, **found}
        (disagreement,) = Findings(Verdicts([claim], [], {})).disagreements(1)
        return disagreement.distance

    # From 2 to 0 in widths of an interval of 4, one of whose ends is 0
    known, beyond = ("low", "high") if side > 0 else ("high", "low")
    claimed = [None, -2.0] if side > 0 else [2.0, None]
    assert off(effect=2.0 * side, claimed=claimed, **{known: 0.0, beyond: None}) == 0.5
    assert off(effect=2.0 * side, claimed=claimed, **{known: 0.0, beyond: 4.0 * side}) == 0.5


def test_one_is_singular():
    assert [in_unit(number, "epochs") for number in ("1", "+1", "-1", "0", "11", "1.5")] == [
        *("1 epoch", "+1 epoch", "-1 epoch", "0 epochs", "11 epochs", "1.5 epochs"),
    ]
    assert in_unit("-1", "epochs per doubling") == "-1 epoch per doubling"
    assert in_unit("1", "texts of ten") == "1 text of ten"
    assert (in_unit("1", "×"), in_unit("0.5", "")) == ("1 ×", "0.5")
    assert [counted(number, "cell") for number in (0, 1, 2, 1000)] == ["0 cells", "1 cell", "2 cells", "1,000 cells"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *[(0.5, "0.5000"), (1.0, "1.0000"), (1.2037, "1.204"), (-2.5, "-2.500"), (13.55, "13.55"), (602.61, "602.6")],
        *[(12345.67, "12,345.7"), (100.0, "100"), (1000, "1,000"), ("a word", "a word"), (None, "–")],
        (math.nan, "–"),
    ],
)
def test_a_number_keeps_the_digits_that_tell_it_from_others(value: float | str | None, written: str):
    assert short(value) == written


def test_an_interval_has_an_end_or_none_on_each_side():
    assert interval((1.1768, 1.2031)) == "1.177 to 1.203"
    assert interval((950.0, math.inf)) == "950 or more" and interval((-math.inf, 0.5)) == "0.5000 or less"
    assert interval((math.nan, math.inf)) == interval((None, None)) == "–"


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (0.34449, 3, "0.344"),
        (18.02, 3, "18"),
        (-37.64, 3, "-37.6"),
        (120.3, 2, "120"),
        (999.9, 3, "1,000"),
        (3052.0, 3, "3,050"),
        (7000, 5, "7,000"),
        (-12345.6, 3, "-12,300"),
        (1e20, 3, "1e+20"),
        (float("inf"), 3, "inf"),
        (float("nan"), 3, "–"),
        (None, 3, "–"),
    ],
)
def test_a_rounded_number_has_no_exponent_unless_it_is_huge(value: float | None, digits: int, written: str):
    assert rounded(value, digits) == written
    if value == 3052.0:
        assert rounded(value, digits, "+") == "+" + written
