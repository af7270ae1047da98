"""What metrics are called in sentences: readable, for every measure of a curve and every number of a run."""

import inspect
import re

import pytest
from regrade.checking import asked
from regrade.config import reported
from regrade.statistics.curves import MEASURES
from regrade.statistics.wording import phrase
from support.expanded import expanded

# What a claim may give beside the curve, each told from the others
GIVEN = {
    "after": 11,
    "epoch": 22,
    "first": 500,
    "last": 1000,
    "value": 0.95,
    "within": 0.05,
    "against": "test_accuracy",
}


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_has_a_phrase_that_says_all_that_a_claim_gives(name: str):
    given = {key: GIVEN[key] for key in list(inspect.signature(MEASURES[name]).parameters)[2:]}
    words = phrase({"measure": name, "of": "train_loss", **given})
    assert "training loss" in words and words[0].islower() and "_" not in words
    for value in given.values():
        said = {1000: "1,000", "test_accuracy": "test accuracy"}.get(value, str(value))
        assert re.search(rf"\b{said}\b", words), (words, said)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (
            {"measure": "rises_between", "of": "train_loss", "first": 500, "last": 1000},
            "sum of all rises of the training loss in epochs 500 to 1,000",
        ),
        ({"measure": "highest", "of": "gradient_norm"}, "highest gradient norm"),
        ("test_accuracy_best_epoch", "test accuracy at the best epoch"),
        ("test_accuracy_max", "highest test accuracy"),
        ("train_loss_best", "lowest training loss"),
        ("test_loss_batch_mean_best", "lowest test loss (mean over batches)"),
        ("test_accuracy_batch_mean_last_epoch", "test accuracy (mean over batches) after the last epoch"),
        (
            "test_activation_blank_convolution1_last_epoch",
            "number of blank feature maps of convolution1 on test rows after the last epoch",
        ),
        ("invalid_samples_of_10", "invalid texts of ten"),
        ("test_f1", "test F1"),
        # Of somebody else's metric, the words of its name
        ("words_per_min", "words per min"),
    ],
)
def test_phrases(metric: str | dict, words: str):
    assert phrase(metric) == words


def test_no_metric_of_the_project_reads_like_the_name_of_a_column():
    every = expanded(scale="demo")
    histories = {name for cell in every for split in asked.SPLITS for name in asked.history(cell, split)}
    runs = {
        name for cell in every for split in asked.SPLITS for name in asked.summary(asked.history(cell, split), split)
    }
    for name in (histories | runs | asked.OF_RUNS | set(reported.SPECIAL) | set(reported.ALIASES)) - {"best_epoch"}:
        words = phrase(name)
        assert not re.search(r"_|\btrain\b|\bstd\b|(?<!the )(best|last) (epoch|step)", words), (name, words)
