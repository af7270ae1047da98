"""Every reported number and every claim of the five studies is about something that is there, and says so if not."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from regrade.bundle import describe, metrics
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.checking import asked, references
from regrade.config import claims, params, reported
from regrade.config.claims import ORIGINS
from regrade.core.errors import UserError
from regrade.reporting.evidence import Evidence
from regrade.reporting.pages import study_page
from regrade.statistics import comparison, grades, grading, hypotheses, naming, verdicts
from regrade.statistics.hypotheses import Hypotheses, Hypothesis
from regrade.statistics.measurements import Measurements
from regrade.statistics.units import unit
from support.described import described
from support.expanded import experiment
from support.paper import CE4042, PAPER, cells

LOOKS = params.parse(PAPER).looks
STUDIES = tuple(PAPER["studies"])


@pytest.fixture(scope="module")
def untrained() -> dict[str, Evidence]:
    """All studies of params.yaml, with nothing trained."""
    parameters = params.parse(PAPER)
    every = expansion.expand(parameters)
    found = {}
    for study in STUDIES:
        manifest = describe.manifest(study, parameters, [])
        mine = described((cell for cell in every if cell.study == study), status="missing")
        nothing = pd.DataFrame({"experiment": [], "cell": [], "folder": [], "status": []})
        found[study] = Evidence(
            mine, nothing, nothing, manifest.model_copy(update={"cells": mine}), False, experiments=manifest.experiments
        )
    return found


def test_a_claim_about_cells_that_params_yaml_does_not_ask_for_is_not_run(untrained: dict[str, Evidence]):
    for study, measurements in untrained.items():
        first = {cell.experiment: cell for cell in reversed(measurements.cells)}
        few = Measurements(
            list(first.values()), measurements.runs, measurements.curves, experiments=measurements.experiments
        )
        compared = comparison.comparisons(study, few)
        assert any(one.cell is None for one in compared)
        judged = verdicts.judge(study, few, compared, LOOKS)
        assert {one.verdict for one in judged} == {"not run"}


@pytest.mark.parametrize("study", STUDIES)
def test_every_reported_number_and_every_claim_is_about_cells_of_params_yaml(untrained: dict, study: str):
    measurements = untrained[study]
    # Metrics, too: a line or a test of one that its cells cannot have is refused here
    parameters = params.parse(PAPER | {"studies": {study: PAPER["studies"][study]}})
    references.check(parameters, expansion.expand(parameters))
    compared = comparison.comparisons(study, measurements)
    assert compared
    assert [one.row for one in compared if one.cell is None] == []
    assert len(grades.table(compared)) == len(compared)
    judged = verdicts.judge(study, measurements, compared, LOOKS)
    assert judged
    for one in judged:
        assert one.verdict == "not run"
        assert one.parts
        assert all(part.cells for part in one.parts), one.claim.id
        assert one.claim.origin in ORIGINS
        assert one.claim.place


@pytest.mark.parametrize("study", STUDIES)
def test_every_test_is_made_for_values_that_cells_have(untrained: dict, study: str):
    for claim in claims.read(study).claims:
        for test in claim.tests:
            of_experiment = untrained[study].find(test.experiment)
            combinations = list(naming.combinations(test, of_experiment))
            assert combinations
            for each in combinations:
                assert untrained[study].find(test.experiment, **each), (claim.id, each)


@pytest.mark.parametrize("study", STUDIES)
def test_what_shows_a_claim_is_on_the_studys_page(untrained: dict, study: str, tmp_path: Path):
    body = study_page.body(untrained[study], tmp_path).html
    anchors = set(re.findall(r"id='([^']+)'", body))
    for claim in claims.read(study).claims:
        assert set(claim.figures) <= anchors, claim.id


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_says_what_it_does_otherwise(study: str):
    assert claims.read(study).departures


# Words for values


def clipped(value: float, grid: list[float]) -> Callable[[dict], None]:
    def change(config: dict) -> None:
        experiment(config, "b6_recurrent")["names"] = {"clip_value": {"clipped": value}}
        experiment(config, "b6_recurrent")["grid"]["clip_value"] = grid

    return change


def nothing_trained(every: list[Cell]) -> Measurements:
    nothing = pd.DataFrame({"experiment": [], "cell": [], "folder": [], "status": []})
    return Measurements(described(every, status="missing"), nothing, nothing)


def test_a_word_means_the_value_that_params_yaml_gives_it():
    every = cells(clipped(5, [0, 5, 7]))
    references.check(params.parse(CE4042), every)
    measurements = nothing_trained(every)
    compared = comparison.comparisons("ce4042", measurements)
    assert [one.row for one in compared if one.cell is None] == []
    of_word = [one for one in compared if one.row["cell"].get("clip_value") == "clipped"]
    assert len(of_word) == 12
    assert {one.cell.varying["clip_value"] for one in of_word} == {5}
    assert len(measurements.find("b6_recurrent", clip_value="clipped")) == 12


def test_a_word_for_a_value_that_no_cell_has_is_refused():
    with pytest.raises(
        UserError, match=r"b6_recurrent\.names\.clip_value\.clipped: no cell has clip_value=3 \(its val"
    ):
        cells(clipped(3, [0, 2]))

    def fixed(config: dict) -> None:
        experiment(config, "b6_recurrent")["names"] = {"lr": {"usual": 0.01}}

    with pytest.raises(UserError, match=r"names\.lr\.usual: no cell has lr=0.01 \(lr does not vary\)"):
        cells(fixed)


# What tests of claims can say


@pytest.mark.parametrize("kind", ["ratio", "less"])
def test_seeds_that_were_trained_together_are_one_measurement_of_time(parts: Callable, kind: str):
    words, characters = ({"level": level, "network": "cnn", "dropout": 0} for level in ("word", "char"))
    about = {"experiment": "b1_b5_models", "metric": "train_seconds", "cell": words, "than": characters}
    bounds = {"at_least": 2} if kind == "ratio" else {}
    # Three of them, then two that were added
    (part,) = parts(seconds=[5.0, 5.0, 5.0, 7.0, 7.0], kind=kind, **about, **bounds)
    assert part.sample.seeds == (0, 3)


def test_times_on_different_devices_are_not_compared(parts: Callable):
    words, characters = ({"level": level, "network": "cnn", "dropout": 0} for level in ("word", "char"))
    about = {"experiment": "b1_b5_models", "cell": words, "than": characters}
    ratio = about | {"kind": "ratio", "metric": "train_seconds", "at_least": 1}
    less = about | {"kind": "less", "metric": "train_seconds"}
    loss = about | {"kind": "less", "metric": "train_loss_last_epoch"}
    first, second = (cell.folder.as_posix() for cell in parts(**ratio)[0].cells)
    for test in (ratio, less):
        (apart,) = parts(devices={first: "GPU", second: "CPU"}, **test)
        assert not isinstance(apart, Hypothesis) and apart.why == hypotheses.OTHER_DEVICES
        for devices in ({first: "CPU", second: "CPU"}, {first: "CPU"}):
            assert len(parts(devices=devices, **test)[0].sample) == 5
    assert len(parts(devices={first: "GPU", second: "CPU"}, **loss)[0].sample) == 5


@pytest.mark.parametrize("metric", ["train_seconds", "train_loss_last_epoch"])
def test_cells_without_a_common_seed_are_not_compared(parts: Callable, metric: str):
    words, characters = ({"level": level, "network": "cnn", "dropout": 0} for level in ("word", "char"))
    test = {"kind": "less", "experiment": "b1_b5_models", "metric": metric, "cell": words, "than": characters}
    first, second = (cell.folder.as_posix() for cell in parts(**test)[0].cells)
    (apart,) = parts(seeds={first: {0, 1, 2}, second: {3, 4}}, **test)
    assert not isinstance(apart, Hypothesis) and apart.why == hypotheses.NO_COMMON_SEED
    assert len(parts(seeds={first: {0, 1, 2}, second: {2, 3, 4}}, **test)[0].sample) == 1
    (untrained,) = parts(seeds={first: {0, 1, 2}, second: set()}, **test)
    assert not isinstance(untrained, Hypothesis) and untrained.why == ""


B6 = {"kind": "greater", "experiment": "b6_recurrent", "metric": "train_seconds"}


def test_a_test_may_be_made_for_all_values(parts: Callable):
    of_all = parts(
        **B6, cell={"layers": 2}, than={"layers": 1}, each={"clip_value": "all", "rnn_cell": ["gru"], "level": "all"}
    )
    assert [part.cells[0].varying["clip_value"] for part in of_all] == [0, 0, 0.2, 0.2, 2, 2]
    with pytest.raises(UserError, match="'lr' does not vary in b6_recurrent"):
        parts(**B6, cell={"layers": 2}, than={"layers": 1}, each={"lr": "all"})


def test_a_ratio_is_that_of_the_seeds(parts: Callable):
    cell, than = {"level": "word", "network": "cnn", "dropout": 0}, {"level": "char", "network": "cnn", "dropout": 0}
    ratio = {"kind": "ratio", "experiment": "b1_b5_models", "cell": cell, "than": than}
    (part,) = parts(**ratio, metric="train_seconds", at_least=1.05, at_most=1.5)
    assert (part.low, part.high, part.unit, len(part.sample)) == (1.05, 1.5, "×", 5)
    names = [cell.name for cell in cells()]
    seconds = [10.0 * (names.index(cell.name) + 1) for cell in part.cells]
    expected = sum((seconds[0] + seed) / (seconds[1] + seed) for seed in range(5)) / 5
    assert part.sample.mean.value == pytest.approx(expected)
    assert part.p_for < 0.05
    with pytest.raises(UserError, match="give at_least, at_most or both"):
        parts(**ratio, metric="train_seconds")
    with pytest.raises(UserError, match="ratio is for what test rows have no part in"):
        parts(**ratio, at_least=1)


def test_cells_are_alike_from_one_on_in_the_order_of_params_yaml(parts: Callable):
    alike = {"kind": "equivalent", "experiment": "a2_filters", "metric": "train_seconds", "margin": 1}
    pairs = parts(**alike, first={"filters1": 70, "filters2": 40})
    numbered = [(one, two) for one in (10, 30, 50, 70, 90) for two in (20, 40, 60, 80, 100)]
    compared = {(cell.varying["filters1"], cell.varying["filters2"]) for part in pairs for cell in part.cells}
    assert (len(pairs), compared) == (36, set(numbered[16:]))
    (missing,) = parts(**alike, first={"filters1": 80, "filters2": 40})
    assert missing.cells == []
    with pytest.raises(UserError, match="filters1=70 names 5 cells of a2_filters"):
        parts(**alike, first={"filters1": 70})


def test_the_selected_cell_is_the_sources_winner_or_ours(parts: Callable):
    than = {"experiment": "a2_filters", "winner": "selected"}
    test = {"kind": "greater", "metric": "train_seconds", "than": than}
    (part,) = parts(**test, experiment="a3_optimizers", cell={"optimizer": "adam", "momentum": 0, "dropout": 0})
    assert part.cells[1].varying == {"filters1": 70, "filters2": 100}
    with pytest.raises(UserError, match="winner: a1_baseline selects nothing from a2_filters"):
        parts(**test, experiment="a1_baseline", cell={})
    with pytest.raises(UserError, match="winner: 'best' is none of true, false and selected"):
        parts(**test | {"than": than | {"winner": "best"}}, experiment="a3_optimizers", cell={"optimizer": "adam"})


def test_the_winner_by_a_time_is_the_fastest_cell(parts: Callable):
    """Each cell trains for 10 seconds more than the one before."""
    filters = {"experiment": "a2_filters", "winner": True}
    (part,) = parts(kind="less", experiment="a1_baseline", cell={}, than=filters, metric="train_seconds")
    assert part.cells[0].experiment == "a1_baseline" and part.sample.mean.value == -10.0


def test_a_trend_over_equal_values_is_no_trend(parts: Callable):
    trend = {"kind": "trend", "experiment": "a2_filters", "over": ["filters1", "filters2"]}
    for part in parts(**trend, metric="train_loss_last_epoch"):
        assert part.sample.mean.value == part.sample.mean.error == 0
        assert not part.holds


def test_a_trend_needs_cells_that_tell_its_settings_apart(parts: Callable):
    """With one value of a setting, or two settings that change together, any slope would fit."""
    trend = {"kind": "trend", "experiment": "a2_filters", "metric": "train_seconds"}
    for over, alike in ((["filters1"], {"filters1": 50}), (["filters1", "filters2"], {"filters2": 60})):
        (part,) = parts(**trend, over=over, cells=alike)
        assert not hasattr(part, "sample")
        assert part.why.startswith("the cells do not tell the effect of filters1")


def test_on_a_linear_scale_a_trend_is_the_change_over_the_tested_range(parts: Callable):
    trend = {"kind": "trend", "experiment": "a2_filters", "over": ["filters1"], "metric": "train_seconds"}
    (doubling,), (change,) = parts(**trend), parts(**trend, scale="linear")
    filters = [cell.varying["filters1"] for cell in change.cells]
    names = [(cell.experiment, cell.name) for cell in cells()]
    seconds = [10.0 * (names.index((cell.experiment, cell.name)) + 1) for cell in change.cells]
    slope = np.polyfit(filters, seconds, 1)[0]
    assert change.sample.mean.value == pytest.approx(slope * (max(filters) - min(filters)))
    assert (change.unit, change.quantity) == ("seconds", "difference")
    least, most = min(filters), max(filters)
    assert change.text == f"change from filters1={least} to {most}, along a straight line, of training time"
    assert (doubling.unit, doubling.quantity) == ("seconds per doubling", "slope")
    assert doubling.text == "slope of training time per doubling of filters1"
    assert change.timed


# Units

# What the name of a number says of its unit; the first word that fits
WORDS = {
    "ratio": "×",
    "seconds": "seconds",
    "samples": "texts of ten",
    "correlation": "correlation",
    "epoch of": "epochs",
    "epochs until": "epochs",
    "blank": "maps",
    "activation": "",
    "gradient norm": "",
    "accuracy": "share",
    "loss": "nats",
    "valid": "share",
    "steps": "steps",
    "parameters": "parameters",
    "epoch": "epochs",
    "layer sizes": "",
    "selected": "",
}


@pytest.mark.parametrize("study", STUDIES)
def test_every_effect_and_every_number_of_the_studies_has_its_unit(untrained: dict, study: str):
    def expected(name: str) -> str:
        return next(of for word, of in WORDS.items() if word in name.replace("_", " "))

    measurements = untrained[study]
    for claim in claims.read(study).claims:
        for test in claim.tests:
            metric = test.metric if isinstance(test.metric, str) else " of ".join(map(str, test.metric.values()))
            per = " per doubling" if test.kind == "trend" and test.scale == "log" else ""
            single = claim.model_copy(update={"tests": [test]})
            of_parts = {part.unit for part in Hypotheses(study, single, measurements, []).all()}
            assert of_parts == {"×" if test.kind == "ratio" else expected(metric) + per}, (claim.id, metric)
    for row in reported.rows(study):
        assert unit(row["metric"]) == expected(row["metric"]), row
        # A squared error is not in nats
        of_squares = any(cell.settings.get("loss") == "squared_error" for cell in measurements.find(row["experiment"]))
        assert not (of_squares and unit(row["metric"]) == "nats")
    assert unit("train_seconds_ratio") == "×"


# Runs that diverge at once


def diverged(cell: BundledCell, known: Cell, seed: int, rows: int = 20) -> tuple[dict, pd.DataFrame]:
    """A run of a cell whose loss was no number from its first evaluation on, and its history."""
    split = cell.evaluated
    values = {name: math.nan if "loss" in name else 0.1 for name in asked.history(known, split)}
    values |= {f"{split}_correct_even": 1, f"{split}_correct_odd": 1} if f"{split}_correct_even" in values else {}
    history = pd.DataFrame([values | {"epoch": 1.0, "seed": seed}])
    about = {"folder": cell.folder.as_posix(), "experiment": cell.experiment, "cell": cell.name, "status": "diverged"}
    run = {
        "seed": seed,
        "epochs": 1,
        "parameters": 7,
        "parameters_by_layer": '{"dense1": 90, "dense2": 310}',
        "valid_by_prompt": "[0.5]",
    }
    if (template := known.template.experiments[cell.experiment]).converged_at:
        run["epochs_to_converge"] = metrics.epochs_to(history, template.converged_at, split)
    return about | run | metrics.summarise(history, rows, split), history.assign(**about)


@pytest.mark.parametrize("study", STUDIES)
def test_runs_that_diverge_at_once_are_graded(study: str):
    parameters = params.parse(PAPER)
    every = [cell for cell in expansion.expand(parameters) if cell.study == study]
    mine = described(every, status="diverged")
    pairs = [diverged(cell, known, seed) for cell, known in zip(mine, every, strict=True) for seed in (0, 1, 2)]
    runs, curves = pd.DataFrame([run for run, _ in pairs]), pd.concat([history for _, history in pairs])
    manifest = describe.manifest(study, parameters, []).model_copy(update={"cells": mine})
    graded = grading.grade(Bundle(manifest, runs, curves))
    # Where nothing was measured, nothing is said
    losses = graded.numbers[graded.numbers["metric"].str.contains("loss")]
    assert set(losses["grade"]) <= set(grades.UNJUDGED)
    # A loss that no number is may be anything: nothing is confirmed by it
    for claim in graded.claims["claims"]:
        unknown = claim["parts"] and all(part["effect"] is None for part in claim["parts"])
        assert not unknown or claim["verdict"] in ("inconclusive", "not run"), claim["id"]
    json.dumps(graded.claims, allow_nan=False)
