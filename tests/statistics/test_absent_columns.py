"""Of the tables of a bundle few columns are required: what an absent one would say was not measured."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from regrade.bundle import CURVES, RUNS
from regrade.bundle.bundle import Bundle
from regrade.bundle.tables import REQUIRED
from regrade.cells import expansion
from regrade.checking import references
from regrade.config import params
from regrade.statistics import comparison, grades, grading, planning, robustness
from regrade.statistics.measurements import measured
from support.bundles import made_up
from support.expanded import CONFIG

PARAMETERS = params.parse(CONFIG | {"scale": "paper"})


@pytest.fixture(scope="module")
def whole() -> dict[str, Bundle]:
    """Made-up runs of the studies that ask for most columns: of layers, texts, times, curves and epochs."""
    every = expansion.expand(PARAMETERS)
    return {study: made_up(study, PARAMETERS, every) for study in ("csci5622", "vudl")}


@pytest.fixture(autouse=True)
def without_more_analyses(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time, and nothing that the verdict itself does not take."""
    monkeypatch.setattr(planning, "chances", lambda *_: {})
    monkeypatch.setattr(robustness, "analyses", lambda *_: [])


def optional(bundle: Bundle, table: str) -> list[str]:
    required = {*REQUIRED[table], "folder"}
    return [name for name in (bundle.runs if table == RUNS else bundle.curves) if name not in required]


def without(bundle: Bundle, runs: list[str], curves: list[str]) -> Bundle:
    return replace(bundle, runs=bundle.runs.drop(columns=runs), curves=bundle.curves.drop(columns=curves))


@pytest.mark.parametrize("study", ["csci5622", "vudl"])
def test_any_column_may_be_absent(study: str, whole: dict[str, Bundle]):
    """Half of them, so that of every two columns each is once absent where the other is there; and all of them."""
    bundle = whole[study]
    every = [(RUNS, name) for name in optional(bundle, RUNS)] + [(CURVES, name) for name in optional(bundle, CURVES)]
    digits = range(len(every).bit_length())
    halves = [[one for at, one in enumerate(every) if at >> digit & 1 == bit] for digit in digits for bit in (0, 1)]
    assert all(any(a in half and b not in half for half in halves) for a, b in itertools.permutations(every, 2))
    for absent in [*halves, every]:
        part = without(bundle, *([name for of, name in absent if of == table] for table in (RUNS, CURVES)))
        assert references.check_bundle(part) == [], absent
        graded = grading.grade(part)
    assert set(graded.numbers["grade"]) <= {grades.NOT_RUN, grades.DIFFERS}
    assert {claim["verdict"] for claim in graded.claims["claims"]} == {"not run"}


def test_a_number_of_an_absent_column_is_not_run_and_others_stay(whole: dict[str, Bundle]):
    of_layers = ("trainable_parameters", "layer_sizes")
    before, after = (
        {number: (one.row["metric"], one.measured) for number, one in enumerate(comparison.comparisons("csci5622", of))}
        for of in map(measured, (whole["csci5622"], without(whole["csci5622"], ["parameters_by_layer"], [])))
    )
    lost = {number for number in before if before[number] != after[number]}
    assert lost and {before[number][0] for number in lost} <= set(of_layers)


def test_a_run_that_did_not_converge_lasted_as_long_as_its_curve(whole: dict[str, Bundle]):
    bundle = whole["csci5622"]
    (cell, *_) = bundle.manifest.cells
    runs = bundle.runs.assign(epochs_to_converge=np.nan, epochs=99)
    lows = [
        measured(one).bounds(cell, "epochs_to_converge")["low"].tolist()
        for one in (
            replace(bundle, runs=runs),
            replace(bundle, runs=runs.drop(columns="epochs")),
            replace(bundle, runs=runs.drop(columns="epochs"), curves=bundle.curves.iloc[:0]),
        )
    ]
    assert lows == [[99.0] * 3, [12.0] * 3, [0.0] * 3]
