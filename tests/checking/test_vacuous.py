"""Tests that say nothing, as only one outcome is possible, are refused."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from regrade.cells import expansion
from regrade.checking import references, vacuous
from regrade.config import params, studies
from regrade.config.claims import Claim
from regrade.core.errors import UserError
from support.paper import HEADER, PAPER, cells, measured_winner

WINNER = {"experiment": "a1_baseline", "cell": {}, "than": {"experiment": "a2_filters", "filters1": 10, "filters2": 20}}
VACUOUS: dict[str, tuple[dict, str]] = {
    "a cell is like itself": (
        {"kind": "equivalent", "experiment": "a2_filters", "margin": 0.1}
        | {key: {"filters1": 10, "filters2": 20} for key in ("cell", "than")},
        "filters1=10, filters2=20 is compared with itself; correct one of the two",
    ),
    "also by other words": (
        {"kind": "greater", "experiment": "a1_baseline", "cell": {}, "than": {"experiment": "a1_baseline"}},
        "is compared with itself",
    ),
    "and in every combination": (
        {"kind": "not_greater", "experiment": "a2_filters", "each": {"filters2": "all"}}
        | {"cell": {"filters1": 10}, "than": {"filters1": 10}},
        "is compared with itself",
    ),
    "it is not above itself": (
        {"kind": "order", "experiment": "a2_filters"}
        | {
            "cells": [
                {"filters1": 10, "filters2": 20},
                {"filters1": 50, "filters2": 20},
                {"filters1": 10, "filters2": 20},
            ]
        },
        "is compared with itself",
    ),
    "a fall is not negative": (
        {"metric": {"measure": "fall_after_highest", "of": "test_accuracy"}, "at_least": 0},
        "at_least: fall_after_highest of test_accuracy is never below 0, so the test cannot fail; make it larger",
    ),
    "nor a rise": ({"metric": {"measure": "rise_after_lowest", "of": "test_loss"}, "at_least": -0.5}, "never below 0"),
    "nor a deviation": (
        {"metric": {"measure": "fluctuation_between", "of": "test_loss", "first": 1, "last": 9}, "at_least": 0},
        "never below 0",
    ),
    "a drop of an accuracy is at most 1": (
        {"metric": {"measure": "largest_drop", "of": "test_accuracy", "after": 1}, "at_least": 1.5},
        "never above 1, so the test cannot hold; make it smaller",
    ),
    "so is a change, in both directions": (
        {"metric": {"measure": "late_gain", "of": "train_accuracy"}, "at_least": -1},
        "never below -1, so the test cannot fail",
    ),
    "and jumps up and down have a deviation": (
        {"metric": {"measure": "fluctuation", "of": "test_accuracy"}, "at_most": 1.5},
        "never above 1.41421, so the test cannot fail",
    ),
    "an accuracy is a share": ({"at_least": 0}, "test_accuracy_best_epoch is never below 0, so the test cannot fail"),
    "of all at most": ({"at_most": 1}, "never above 1, so the test cannot fail; make it smaller"),
    "not a percentage": ({"at_least": 60}, "never above 1, so the test cannot hold"),
    "a loss is not negative": ({"metric": "test_loss_best", "at_most": -1}, "never below 0, so the test cannot hold"),
    "a mean is not shown to be the greatest of all": (
        {"at_least": 1, "estimand": "mean"},
        "never above 1, so the test cannot hold",
    ),
    "the first evaluation is after the first epoch": ({"metric": "best_epoch", "at_least": 1}, "never below 1, so the"),
    "a correlation": (
        {"metric": {"measure": "rank_correlation", "of": "test_loss", "against": "train_loss"}, "at_most": 1},
        "never above 1",
    ),
    "bounds the wrong way round": ({"at_least": 0.6, "at_most": 0.5}, "at_least: 0.6 is not below at_most, 0.5"),
    "a ratio": (
        {"kind": "ratio", "metric": "train_seconds", **WINNER, "at_least": 0},
        "a ratio of train_seconds is never below 0, so the test cannot fail",
    ),
    "a margin that no difference reaches": (
        {"kind": "greater", **WINNER, "margin": 1},
        "margin: two values of test_accuracy_best_epoch never differ by more than 1, so the test cannot hold",
    ),
    "a margin that no difference exceeds": ({"kind": "not_greater", **WINNER, "margin": 2}, "so the test cannot fail"),
    "all are equivalent": ({"kind": "equivalent", **WINNER, "margin": 1}, "so the test cannot fail"),
}


@pytest.mark.parametrize("name", VACUOUS)
def test_a_test_whose_outcome_is_certain_is_refused(parts: Callable, name: str):
    test, complaint = VACUOUS[name]
    with pytest.raises(UserError, match=f"claims.yaml: c: .*{re.escape(complaint)}"):
        parts(**{"kind": "threshold", "experiment": "a1_baseline"} | test)


LATE = {"measure": "late_gain", "of": "train_loss"}
GAP = {"measure": "last_gap", "of": "test_loss", "against": "train_loss"}
NEVER = {"measure": "last_epoch_near", "of": "test_accuracy", "value": 0.1, "within": 0.02}
OPEN: list[dict] = [
    {"at_least": 0.001, "at_most": 0.999},
    # No row is wrong in most runs; no loss at all
    {"at_least": 1},
    {"metric": "test_loss_best", "at_most": 0},
    {"metric": "best_epoch", "at_least": 2, "at_most": 10_000},
    {"metric": LATE, "at_most": 0},
    {"metric": GAP, "at_least": 0},
    # Epoch 0 stands for never
    {"metric": NEVER, "at_least": 0.5},
    {"kind": "equivalent", **WINNER, "metric": "test_loss_best", "margin": 9},
    # A ratio of what is never above 1.4 may be
    {"kind": "ratio", **WINNER, "metric": {"measure": "fluctuation", "of": "test_accuracy"}, "at_least": 2},
]


@pytest.mark.parametrize("test", OPEN)
def test_bounds_and_margins_that_can_be_missed_are_not(test: dict):
    every = [cell for cell in cells() if cell.experiment == "a1_baseline"]
    claim = {"id": "c", "claim": "A", "origin": "ours", "place": "1"}
    claim["tests"] = [{"kind": "threshold", "experiment": "a1_baseline"} | test]
    assert vacuous.complaint(Claim.model_validate(claim).tests[0], every, []) is None


def test_stated_values_and_their_margins_must_be_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ce4042").mkdir()
    test = {"kind": "stated", "experiment": "a1_baseline", "margin": 0.7}
    claim = {"id": "c", "claim": "A", "origin": "ours", "place": "1", "tests": [test]}
    (tmp_path / "ce4042/claims.yaml").write_text(yaml.safe_dump({"claims": [claim]}))
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    parameters = params.parse(PAPER | {"studies": {"ce4042": measured_winner()}})
    every = expansion.expand(parameters)
    for value, complaint in {
        "0.5": "c: margin: test_accuracy_best_epoch is from 0 to 1, so the test cannot fail; make it smaller",
        "58.9": "line 2: test_accuracy_best_epoch: 58.9 is not between 0 and 1; correct the value",
        "-0.5": "-0.5 is not between 0 and 1",
    }.items():
        (tmp_path / "ce4042/reported.csv").write_text(f"{HEADER}a,a1_baseline,,test_accuracy_best_epoch,{value},\n")
        with pytest.raises(UserError, match=re.escape(complaint)):
            references.check(parameters, every)
    (tmp_path / "ce4042/reported.csv").write_text(f"{HEADER}a,a1_baseline,,test_accuracy_best_epoch,0.9,\n")
    references.check(parameters, every)
