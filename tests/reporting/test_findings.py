"""Findings in words: why a claim is open although its interval seems to decide it; numbers with their units."""

import pytest
from regrade.reporting.findings import Findings, why_open
from regrade.reporting.graded import Verdicts
from regrade.reporting.number_format import counted, in_unit, rounded

OPEN = {"look": 10, "seeds": 10, "known": 10, "doing": 6, "about": "runs", "among": 16, "p_for": 0.3, "p_against": 0.8}
REASONS = {
    "fewer seeds than the first look needs": {"look": None, "seeds": 2, "known": 2, "doing": 2},
    "none of 10 runs got far enough to tell": {"known": 0, "doing": 0, "p_against": 0.002},
    "only 3 of 10 runs got far enough to tell": {"known": 3, "doing": 0},
    "contradicted if judged alone, but not with 10 seeds among 16 claims": {
        "doing": 0,
        "p_for": 1.0,
        "p_against": 0.004,
    },
    "it holds in 6 of 10 runs": {},
    "chance in seeds and test rows may have decided it": {"doing": 10, "p_for": 0.24},
    "the mean may lie on either side": {"about": "mean", "doing": 5},
}


@pytest.mark.parametrize("reason", REASONS)
def test_an_open_claim_says_why(reason: str):
    assert why_open(OPEN | REASONS[reason]) == reason


@pytest.mark.parametrize("side", [1, -1])
def test_a_limit_alone_says_how_far_a_claim_is_off(side: int):
    def off(**found: float | list[float | None] | None) -> float:
        claim = {"verdict": "contradicted", "origin": "stated", "p_holm": 0.01, **found}
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
