"""Whether reported numbers are possible: against brute force over fractions, and in the studies' own tables."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from regrade.bundle import describe
from regrade.cells import expansion
from regrade.checking import references
from regrade.config import params, reported, studies
from regrade.core.errors import UserError
from regrade.statistics import comparison, grades, possible
from regrade.statistics.comparison import Comparison
from regrade.statistics.measurements import Measurements
from support.described import described
from support.project import ROOT
from support.simulation import numbers

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
HEADER = "source,experiment,cell,metric,value,note\n"


def rounded(share: Fraction, digits: int) -> set[str]:
    """What a share may be written as: rounded half up, half to even, and half down."""
    scaled = share * 10**digits
    whole = {math.floor(scaled + Fraction(1, 2)), math.ceil(scaled - Fraction(1, 2)), round(scaled)}
    return {f"{number / 10**digits:.{digits}f}" for number in whole}


@pytest.mark.parametrize("digits", [0, 1, 2, 3])
def test_what_is_possible_is_what_brute_force_finds(digits: int):
    every = [f"{number / 10**digits:.{digits}f}" for number in range(10**digits + 1)]
    for rows in (*range(1, 41), 99, 100, 128, 700, 1000, 1001):
        by_text: dict[str, list[int]] = {}
        for count in range(rows + 1):
            for text in rounded(Fraction(count, rows), digits):
                by_text.setdefault(text, []).append(count)
        for text in every:
            assert list(possible.counts(text, rows)) == by_text.get(text, []), (text, rows)


def test_numbers_of_rows_fit_when_every_value_is_possible():
    # The last one has more digits than 64 bits hold
    for values in (["0.54"], ["0.5441", "0.875"], ["1", "0.3"], ["1.06"], [], ["0.3333333333333333333333"]):
        fit = [rows for rows in range(1, 1001) if all(possible.counts(value, rows) for value in values)]
        assert possible.fitting(values, 1, 1000) == fit, values


def test_the_nearest_possible_numbers_are_on_both_sides():
    for rows in (3, 7, 8, 19):
        for number in range(1001):
            text = f"{number / 1000:.3f}"
            if possible.counts(text, rows):
                continue
            below, above = possible.nearest(text, rows)
            assert above == below + 1
            assert Fraction(below, rows) < Fraction(text) < Fraction(above, rows)
    assert possible.nearest("0.5713", 2000) == [1142, 1143]
    assert possible.nearest("1.2", 7) == [7]
    assert possible.nearest("-0.3", 7) == [0]


def test_a_number_with_so_few_digits_that_any_is_possible_tests_nothing(written):
    lines = [
        f"table 1,{cell_of(filters)},{value},\n" for filters, value in ((10, "0.544"), (30, "0.5440"), (50, "0.5"))
    ]
    written("".join(lines))
    # Of 2,000 rows every number of three digits is possible
    (table,) = possible.tables(compared("ce4042", "demo"))
    assert (table.described()["numbers"], table.described()["tested"]) == (3, 1)


def test_digits_are_those_that_are_written():
    # 1/8 is half-way between two numbers of two digits
    assert all(possible.counts(text, 8) for text in ("0.12", "0.13", "0.125"))
    assert not possible.counts("0.124", 8)
    # Without its last zeros a number is less exact, so that more is possible
    assert [list(possible.counts(text, 16)) for text in ("0.5", "0.50", "0.500")] == [[8], [8], [8]]
    assert [len(possible.counts(text, 100)) for text in ("0.5", "0.50", "0.500")] == [11, 1, 1]
    assert possible.counts("0.44", 9)
    assert not possible.counts("0.440", 9)
    assert list(possible.counts("1", 10)) == [5, 6, 7, 8, 9, 10]
    assert list(possible.counts("1e-1", 10)) == list(possible.counts(".1", 10)) == [1]
    assert not possible.counts("1.06", 10)
    assert reported.half_unit("0.88") == Fraction(1, 200)
    assert reported.half_unit("0.8800") == Fraction(1, 20000)
    assert reported.half_unit("153") == Fraction(1, 2)


def test_chance_is_the_share_of_numbers_that_are_possible():
    for rows, digits in ((7, 2), (7, 3), (49, 2), (700, 3)):
        every = [f"{number / 10**digits:.{digits}f}" for number in range(10**digits + 1)]
        share = sum(bool(possible.counts(text, rows)) for text in every) / len(every)
        assert possible.chance([every[1]], rows) == pytest.approx(share, rel=1e-9)
        assert possible.chance(every[1:4], rows) == pytest.approx(share**3, rel=1e-9)
    assert possible.chance(["0.12", "0.5"], 100) == 1


def compared(study: str, scale: str, **changes: dict) -> list[Comparison]:
    """The comparisons of a study of which nothing is trained."""
    parameters = params.parse(PARAMS | {"scale": scale, "studies": {study: PARAMS["studies"][study]}} | changes)
    nothing = pd.DataFrame({"experiment": [], "cell": [], "folder": [], "status": []})
    every = described(expansion.expand(parameters), status="missing")
    return comparison.comparisons(study, Measurements(every, nothing, nothing))


@pytest.mark.parametrize("scale", ["paper", "demo"])
def test_the_held_out_reviews_of_vudl_are_4858(scale: str):
    (table,) = (one for one in possible.tables(compared("vudl", scale)) if one.source == "table 1")
    assert (table.rows, len(table.values)) == (4858, 15)
    assert possible.fitting(table.values, 500, 9715) == [4858]
    described = table.described()
    assert described["fitting"] == {"least": 500, "most": 9715, "count": 1, "first": [4858], "all_from": None}
    assert described["not_possible"] == []
    assert described["chance"] == pytest.approx((4859 / 1000001) ** 15)


EXPECTED = {
    "ce4042": {("table 1", "a2_filters"): (2000, 1), ("table 6 (and 7)", "b6_recurrent"): (700, 1)},
    "csci5622": {("table 3.2.2", "q3_lstm_sweep"): (25000, 40366)},
    "cs324": {("text, part 1", "p1_toy"): (1000, 1500)},
    "comp576": {},
}


@pytest.mark.parametrize("study", EXPECTED)
def test_all_that_the_studies_report_is_possible(study: str):
    described = [table.described() for table in possible.tables(compared(study, "demo"))]
    assert all(one["not_possible"] == [] for one in described)
    found = {(one["source"], one["experiment"]): one for one in described}
    for place, (rows, fitting) in EXPECTED[study].items():
        assert (found[place]["rows"], found[place]["fitting"]["count"]) == (rows, fitting)
    # Means over batches are no shares of rows
    assert bool(described) == (study != "comp576")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that writes what a source of ce4042 states in place of what it does."""
    folder = tmp_path / "ce4042"
    folder.mkdir()

    def write(lines: str, rows: dict | None = None) -> None:
        (folder / "reported.csv").write_text(HEADER + lines)
        (folder / "claims.yaml").write_text(yaml.safe_dump({"claims": [], "rows": rows or {}}))
        monkeypatch.setattr(studies, "FOLDER", tmp_path)

    return write


def cell_of(filters: int) -> str:
    return f"a2_filters,filters1={filters};filters2=20,test_accuracy_best_epoch"


def test_a_made_up_number_is_named_with_its_neighbours(written):
    written(
        f"table 1,{cell_of(10)},0.5440,\ntable 1,{cell_of(30)},0.5441,\ntable 1,{cell_of(50)},>=0.5441,\n"
        "table 1,b1_b5_models,level=char;network=cnn;dropout=0,test_accuracy_best_epoch,0.7,\n"
        "table 1,a1_baseline,,train_loss_best,0.5,\n"
    )
    table = grades.table(compared("ce4042", "demo"))
    # Of the texts nobody says how many rows there are
    assert table["possible"].tolist() == ["possible", "not possible", "", "not known", ""]
    assert table["nearest"].tolist() == ["", "0.544 (1088 of 2000) or 0.5445 (1089 of 2000)", "", "", ""]
    assert table["rows"].dropna().tolist() == [2000, 2000]
    first, second = (one.described() for one in possible.tables(compared("ce4042", "demo")))
    assert (first["numbers"], first["fitting"]["count"]) == (2, sum(1 for _ in both_fit()))
    assert [one["value"] for one in first["not_possible"]] == ["0.5441"]
    assert first["not_possible"][0]["settings"] == "filters1=30, filters2=20"
    assert first["tested"] == 2
    assert second == {
        **{"source": "table 1", "experiment": "b1_b5_models", "rows": None, "numbers": 1, "tested": 0},
        **{"not_possible": [], "chance": None, "fitting": None},
    }


def both_fit() -> Iterator[int]:
    """The numbers of rows to which 0.5440 and 0.5441 fit, one count after the other."""
    for rows in range(500, 4000):
        # All counts but those whose shares are far from both
        near = range(math.floor(0.543 * rows), math.ceil(0.545 * rows) + 1)
        found = {text for count in near for text in rounded(Fraction(count, rows), 4)}
        if {"0.5440", "0.5441"} <= found:
            yield rows


def test_a_study_says_how_many_rows_the_source_has(written):
    written(f"table 1,{cell_of(10)},0.5441,\n", {"a2_filters": 2500})
    (one,) = compared("ce4042", "demo")
    assert one.rows == 2500
    written(f"table 1,{cell_of(10)},0.5441,\n", {"a2_filter": 2500})
    parameters = params.parse(PARAMS | {"studies": {"ce4042": PARAMS["studies"]["ce4042"]}})
    with pytest.raises(UserError, match=r"claims\.yaml: rows: params\.yaml has no experiment 'a2_filter'.*a2_filters"):
        references.check(parameters, expansion.expand(parameters))


def test_accuracies_of_language_models_are_no_shares_of_rows():
    study = yaml.safe_load(yaml.safe_dump(PARAMS["studies"]["vudl"]))
    study["experiments"]["q2_language_models"]["settings"]["test_rows"] = 500
    every = expansion.expand(params.parse(PARAMS | {"studies": {"vudl": study}}))
    rows = {cell.experiment: describe.asked_rows(cell, "test") for cell in every}
    assert rows["q2_language_models"] is None
    assert {cell.settings["test_rows"] for cell in every if cell.experiment == "q2_language_models"} == {500}


# What is rounded stands for all that is rounded to it


def test_runs_that_lie_as_far_out_as_the_stated_number_are_counted(written):
    written(f"table 1,{cell_of(10)},0.5,\n")
    (one,) = compared("ce4042", "paper")

    def reached(value: str) -> float:
        row = one.row | {"value": value}
        sample = numbers(np.array([0.1, 0.1, 0.1, 0.1, 0.6]))
        changed = Comparison(row, one.cell, float(value), rounding=float(reported.half_unit(value)), sample=sample)
        (found,) = grades.table([changed])["reached"]
        return found

    # Four runs stay at .1, one gets to .6; a rounded number stands for all that round to it
    assert [reached(value) for value in ("0.64", "0.6", "0.5", "0.1", "0.05")] == [0, 1, 1, 4, 0]


@pytest.mark.parametrize(("metric", "own"), [("train_accuracy_best_epoch", True), ("test_accuracy_best_epoch", False)])
def test_a_training_number_of_other_rows_says_that_they_are_not_counted(written, metric: str, own: bool):
    written(f"table 1,{cell_of(10)},0.5,\n")
    (one,) = compared("ce4042", "paper")
    for own_rows in (True, False):
        cell = one.cell.model_copy(update={"own_rows": own_rows})
        changed = Comparison(one.row | {"metric": metric}, cell, 0.5, sample=numbers(np.array([0.5, 0.6])))
        assert ("trained on other rows" in grades.table([changed])["note"].item()) == (own and own_rows)


def graded(value: str, metric: str = "test_accuracy_best_epoch", **about: object) -> str:
    (one,) = compared("ce4042", "paper")
    row = one.row | {"value": value, "metric": metric}
    stated = float(value.removeprefix(">="))
    changed = Comparison(
        row, one.cell, stated, sample=numbers(np.array([0.89, 0.91])), prediction=(0.883, 0.917), **about
    )
    return grades.table([changed])["grade"].item()


def test_a_rounded_number_is_within_if_any_that_it_stands_for_is(written):
    written(f"table 1,{cell_of(10)},0.5,\n")
    assert graded("0.88") == "below"
    assert graded("0.88", rounding=0.005) == "within"
    assert graded("0.87", rounding=0.005) == "below"
    assert graded("0.92", rounding=0.005) == "within"
    assert graded("0.93", rounding=0.005) == "above"
    assert graded(">=0.88", at_least=True) == "within"
    assert graded("0.9", "trainable_parameters", rounding=0.05) == "same"
    assert graded("0.91", "trainable_parameters", rounding=0.05) == "differs"


def test_every_line_has_its_own_precision_and_counts_are_exact(written):
    other = "a1_baseline,"
    written(
        f"t,{cell_of(10)},0.88,\nt,{cell_of(30)},0.8800,\nt,{cell_of(50)},>=0.88,\n"
        f"t,{other},best_epoch,4,\nt,{other},trainable_parameters,1000,\nt,{other},train_seconds,153,\n"
    )
    assert [one.rounding for one in compared("ce4042", "paper")] == [0.005, 0.00005, 0, 0, 0, 0.5]
