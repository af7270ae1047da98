"""What the README says was found is what the shipped reference run says."""

import functools

import pandas as pd
import pytest
from regrade.bundle import bundle
from regrade.statistics import grading
from support.project import ROOT

# By study, experiment, the cell's beginning and the metric: the text that the README has for the number
FOUND = {
    ("ce4042", "a1_baseline", "", "test_accuracy_best_epoch"): "best test accuracy of the baseline CNN on CIFAR-10",
    ("ce4042", "a3_optimizers", "optimizer=adam", "test_accuracy_best_epoch"): "the same with Adam and wider layers",
    ("cs324", "p1_toy", "dataset=moons+backend=torch", "epochs_to_converge"): "epochs until PyTorch's MLP solves moons",
    (
        "cs324",
        "p1_toy",
        "dataset=moons+backend=numpy",
        "test_accuracy_best_epoch",
    ): "test accuracy of numpy's MLP on moons, from the course template's start",
    ("cs324", "p3_palindromes", "sequence_length=10", "test_accuracy_last_step"): "test accuracy on palindromes of 10",
}


@functools.cache
def grades(study: str) -> pd.DataFrame:
    return grading.grade(bundle.read(ROOT / "reference" / study)).numbers


@pytest.mark.parametrize("number", FOUND)
def test_the_numbers_of_the_readme_are_those_of_the_reference_run(number: tuple[str, str, str, str]):
    study, experiment, cell, metric = number
    table = grades(study)
    rows = table[(table["experiment"] == experiment) & (table["metric"] == metric) & table["seeds"].gt(0)]
    row = rows[rows["cell"].str.startswith(cell)].iloc[0]
    low, high = (f"{value:.3g}" for value in (row["predicted_low"], row["predicted_high"]))
    expected = f"| `{study}` | {FOUND[number]} | {row['reported']} | {float(row['mean']):.3g} | {low} to {high} | {row['seeds']} |"
    assert expected in (ROOT / "README.md").read_text().splitlines()
