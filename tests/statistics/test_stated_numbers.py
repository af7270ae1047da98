"""Stated numbers beside ours: of the settings that they are for, as ratios, of curves, of winners."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from regrade.bundle import describe
from regrade.cells import expansion
from regrade.checking import references
from regrade.config import params, studies
from regrade.core.errors import UserError
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures.agreement import agreement
from regrade.statistics import comparison, grades
from regrade.statistics.measurements import Measurements
from support.described import described
from support.paper import HEADER, PAPER, measured_winner


def test_a_number_of_other_settings_is_not_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ce4042").mkdir()
    (tmp_path / "ce4042/reported.csv").write_text(
        f"{HEADER}a,a1_baseline,,train_seconds,3,\n"
        "b,a1_baseline,filters1=50;l2=0;epochs=1000,best_epoch,3,\n"
        "c,a1_baseline,filters1=70;l2=0.1;epochs=1000,best_epoch,3,said so\n"
    )
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    parameters = params.parse(PAPER | {"studies": {"ce4042": measured_winner()}})
    every = expansion.expand(parameters)
    references.check(parameters, every)
    (cell,) = (cell for cell in every if cell.experiment == "a1_baseline")
    rows = [
        {"folder": cell.folder.as_posix(), "status": "done", "seed": seed, "best_epoch": 3 + seed} for seed in (0, 1)
    ]
    curves = pd.DataFrame({"experiment": [], "cell": []})
    compared = comparison.comparisons("ce4042", Measurements(described(every), pd.DataFrame(rows), curves))
    table = grades.table(compared)
    assert table["grade"].tolist() == ["not run", "within", "other settings"]
    assert table["note"].tolist()[1:] == ["", "ours has filters1=50, l2=0; said so"]
    assert table["mean"].tolist()[1:] == ["3.5", "3.5"]


@pytest.mark.parametrize("together", [False, True])
def test_seconds_of_an_epoch_are_ratios_and_seeds_trained_together_are_one_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: bool
):
    (tmp_path / "ce4042").mkdir()
    lines = "a,a1_baseline,epoch=1,epoch_seconds,40,\nb,a1_baseline,epoch=3,epoch_seconds,20,a note\n"
    (tmp_path / "ce4042/reported.csv").write_text(HEADER + lines)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    parameters = params.parse(PAPER | {"studies": {"ce4042": measured_winner()}})
    every = expansion.expand(parameters)
    references.check(parameters, every)
    (cell,) = (cell for cell in every if cell.experiment == "a1_baseline")
    history = pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "seconds": 8 / epoch + (0 if together else seed)}
            for seed in (0, 1)
            for epoch in (1, 2, 3, 4)
        ]
    )
    rows = [{"folder": cell.folder.as_posix(), "status": "done", "seed": seed} for seed in (0, 1)]
    curves = history.assign(experiment=cell.experiment, cell=cell.name)
    first, third = comparison.comparisons("ce4042", Measurements(described(every), pd.DataFrame(rows), curves))
    # Of 40 and of 20 seconds, each rounded to whole seconds
    assert (first.rounding, third.rounding) == (0, pytest.approx(0.5 * (0.5 / 40 + 0.5 / 20)))
    table = grades.table([third])
    assert third.estimate
    assert third.estimate.value == pytest.approx(1 / 3 if together else (1 / 3 + (8 / 3 + 1) / 9) / 2)
    assert table["reported"].tolist() == ["0.5"]
    # The source's own numbers, and a ratio with as many digits as make sense
    assert table["note"].tolist() == ["20 s divided by the first, 40 s; a note"]
    assert grades.table([replace(third, stated=2330 / 153)])["reported"].tolist() == ["15.2"]
    assert table["grade"].tolist() == ["too few seeds" if together else "within"]


def test_equal_times_of_an_epoch_are_no_sign_of_one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Curves are rounded to a millisecond, so that jobs of their own often share a value."""
    (tmp_path / "ce4042").mkdir()
    lines = "a,a1_baseline,epoch=1,epoch_seconds,40,\nb,a1_baseline,epoch=3,epoch_seconds,20,\n"
    (tmp_path / "ce4042/reported.csv").write_text(HEADER + lines)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    cells = described(expansion.expand(params.parse(PAPER | {"studies": {"ce4042": measured_winner()}})))
    (cell,) = (cell for cell in cells if cell.experiment == "a1_baseline")
    about = {"experiment": cell.experiment, "cell": cell.name, "folder": cell.folder.as_posix(), "status": "done"}
    runs = pd.DataFrame([about | {"seed": seed, "train_seconds": 7 + seed // 2 / 1e6} for seed in range(6)])
    # The jobs of seeds 0 and 1, and of 4 and 5, have the same rounded times, those of 2 and 3 others
    times = {(seed, epoch): 0.002 if epoch == 1 or seed in (2, 3) else 0.001 for seed in range(6) for epoch in (1, 3)}
    curves = pd.DataFrame(
        [about | {"seed": seed, "epoch": epoch, "seconds": time} for (seed, epoch), time in times.items()]
    )
    _, third = comparison.comparisons("ce4042", Measurements(cells, runs, curves))
    assert third.sample.low.tolist() == [0.5, 1, 0.5]


def test_a_time_whose_first_line_names_no_cell_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The ratio of a cell to itself would be 1, whatever the source states."""
    (tmp_path / "ce4042").mkdir()
    lines = "a,a2_filters,filters1=11;filters2=20,train_seconds,40,\nb,a2_filters,filters1=10;filters2=20,train_seconds,20,n\n"
    (tmp_path / "ce4042/reported.csv").write_text(HEADER + lines)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    cells = described(expansion.expand(params.parse(PAPER | {"studies": {"ce4042": measured_winner()}})))
    rows = [
        {"folder": cell.folder.as_posix(), "status": "done", "seed": seed, "train_seconds": 5.0 + seed}
        for cell in cells
        for seed in (0, 1)
    ]
    nothing = pd.DataFrame({"experiment": [], "cell": []})
    table = grades.table(comparison.comparisons("ce4042", Measurements(cells, pd.DataFrame(rows), nothing)))
    assert table["grade"].tolist() == ["not run", "not run"]
    assert table["note"].tolist() == ["there is no such cell", "the first line's cell is not there; n"]


def test_lowest_highest_and_mean_accuracies_are_of_the_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "cs324").mkdir()
    metrics = ("test_accuracy_min", "train_accuracy_min", "train_accuracy_max")
    lines = [f"a,p1_cifar_mlp,,{metric},0.5,\n" for metric in metrics]
    (tmp_path / "cs324/reported.csv").write_text(
        HEADER + "".join(lines) + "a,p1_cifar_mlp,epoch=20,test_accuracy_mean,0.5,\n"
    )
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    parameters = params.parse(PAPER | {"studies": {"cs324": PAPER["studies"]["cs324"]}})
    every = expansion.expand(parameters)
    (cell,) = (cell for cell in every if cell.experiment == "p1_cifar_mlp")
    run = {"folder": cell.folder.as_posix(), "status": "done", "seed": 0, "train_accuracy_best_epoch": 0.7}
    curves = pd.DataFrame({"epoch": [10, 20, 30], "test_accuracy": [0.3, 0.2, 0.9], "train_accuracy": [0.4, 0.7, 0.6]})
    curves = curves.assign(seed=0, experiment=cell.experiment, cell=cell.name)
    compared = comparison.comparisons("cs324", Measurements(described(every), pd.DataFrame([run]), curves))
    assert [one.estimate.value for one in compared] == pytest.approx([0.2, 0.4, 0.7, 0.25])


def test_a_number_that_only_sounds_like_a_count_of_parameters_varies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "cs324").mkdir()
    lines = "".join(f"a,p1_cifar_mlp,,total_parameters_millions,{value},\n" for value in (1.25, 1.5, 9))
    (tmp_path / "cs324/reported.csv").write_text(HEADER + lines)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    every = expansion.expand(params.parse(PAPER | {"studies": {"cs324": PAPER["studies"]["cs324"]}}))
    (cell,) = (cell for cell in every if cell.experiment == "p1_cifar_mlp")
    rows = [
        {"folder": cell.folder.as_posix(), "status": "done", "seed": seed, "total_parameters_millions": value}
        for seed, value in enumerate((1.0, 1.5, 1.25))
    ]
    curves = pd.DataFrame({"experiment": [], "cell": []})
    table = grades.table(comparison.comparisons("cs324", Measurements(described(every), pd.DataFrame(rows), curves)))
    assert table["grade"].tolist() == ["within", "within", "above"]
    assert agreement(table.to_dict("records")) is not None


def test_a_mean_needs_the_epoch_at_which_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "cs324").mkdir()
    (tmp_path / "cs324/reported.csv").write_text(f"{HEADER}a,p1_cifar_mlp,,test_accuracy_mean,0.5,\n")
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    parameters = params.parse(PAPER | {"studies": {"cs324": PAPER["studies"]["cs324"]}})
    with pytest.raises(UserError, match="test_accuracy_mean: say of which epoch"):
        references.check(parameters, expansion.expand(parameters))


def test_a_winner_with_other_settings_than_the_sources_is_not_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    parameters = params.parse(PAPER | {"studies": {"ce4042": measured_winner()}})
    every = expansion.expand(parameters)
    references.check(parameters, every)
    monkeypatch.setattr(
        describe, "_taken_over", lambda cell: {"filters1": 90, "filters2": 100} if cell.selection else {}
    )
    mine = described(every)
    third = [cell for cell in mine if cell.experiment == "a3_optimizers"]
    rows = [
        {
            "folder": cell.folder.as_posix(),
            "status": "done",
            "seed": seed,
            "test_accuracy_best_epoch": 0.6,
        }
        for cell in third
        for seed in (0, 1)
    ]
    manifest = describe.manifest("ce4042", parameters, [])
    evidence = Evidence(mine, pd.DataFrame(rows), pd.DataFrame({"experiment": [], "cell": []}), manifest, False)
    table = grades.table(comparison.comparisons("ce4042", evidence))
    of_third = table[table["experiment"] == "a3_optimizers"]
    assert of_third["grade"].tolist() == ["other settings"] * 4
    assert of_third["note"].tolist() == ["ours has filters1=90"] * 4
    assert evidence.other_settings(third[0], "test_accuracy_best_epoch") == {"filters1": 90}
    assert evidence.stated(third[0], "test_accuracy_best_epoch") == 0.5815


def test_seeds_that_all_agree_do_not_say_how_far_another_one_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ce4042").mkdir()
    (tmp_path / "ce4042/reported.csv").write_text(
        f"{HEADER}a,a1_baseline,,best_epoch,3,\nb,a1_baseline,,best_epoch,4,\nc,a1_baseline,,best_epoch,>=2,\n"
    )
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    every = expansion.expand(params.parse(PAPER | {"studies": {"ce4042": measured_winner()}}))
    (cell,) = (cell for cell in every if cell.experiment == "a1_baseline")
    rows = [{"folder": cell.folder.as_posix(), "status": "done", "seed": seed, "best_epoch": 3} for seed in range(5)]
    curves = pd.DataFrame({"experiment": [], "cell": []})
    compared = comparison.comparisons("ce4042", Measurements(described(every), pd.DataFrame(rows), curves))
    assert grades.table(compared)["grade"].tolist() == ["within", "too few seeds", "within"]


@pytest.mark.parametrize(("stated", "grade"), [("120", "within"), ("40", "within"), ("1", "below")])
def test_a_number_is_not_outside_where_runs_did_not_get_to_their_end(
    stated: str, grade: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "cs324").mkdir()
    (tmp_path / "cs324/reported.csv").write_text(f"{HEADER}a,p1_cifar_mlp,,epochs_to_converge,{stated},\n")
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    every = expansion.expand(params.parse(PAPER | {"studies": {"cs324": PAPER["studies"]["cs324"]}}))
    (cell,) = (cell for cell in every if cell.experiment == "p1_cifar_mlp")
    run = {"folder": cell.folder.as_posix(), "status": "done", "epochs": 50}
    # Three of five never got there in 50 epochs
    rows = [
        run | {"seed": seed, "epochs_to_converge": epochs}
        for seed, epochs in enumerate([40, 42, np.nan, np.nan, np.nan])
    ]
    curves = pd.DataFrame({"experiment": [], "cell": [], "seed": [], "epoch": []})
    table = grades.table(comparison.comparisons("cs324", Measurements(described(every), pd.DataFrame(rows), curves)))
    assert table["grade"].tolist() == [grade]
    assert table["predicted_high"].tolist() == [math.inf]
    assert 0 < table["predicted_low"].item() < 40
    # Runs of which none got there say nothing of how they differ
    never = pd.DataFrame([row | {"epochs_to_converge": np.nan} for row in rows])
    table = grades.table(comparison.comparisons("cs324", Measurements(described(every), never, curves)))
    assert table["grade"].tolist() == ["within" if grade == "within" and stated == "120" else "too few seeds"]


def test_runs_that_diverged_are_left_out_and_runs_that_never_got_there_are_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "cs324").mkdir()
    metrics = ("epochs_to_converge", "test_loss_last_epoch")
    lines = [f"a,p1_cifar_mlp,,{metric},1,\n" for metric in metrics]
    (tmp_path / "cs324/reported.csv").write_text(HEADER + "".join(lines))
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    every = expansion.expand(params.parse(PAPER | {"studies": {"cs324": PAPER["studies"]["cs324"]}}))
    (cell,) = (cell for cell in every if cell.experiment == "p1_cifar_mlp")
    rows = [
        {"folder": cell.folder.as_posix(), "status": status, "epochs": 50, "seed": seed}
        | dict(zip(metrics, numbers, strict=True))
        for seed, (status, *numbers) in enumerate(
            [("done", 40, 1.0), ("done", 42, 2.0), ("done", np.nan, 3.0), ("diverged", np.nan, np.nan)]
        )
    ]
    curves = pd.DataFrame({"experiment": [], "cell": [], "seed": [], "epoch": []})
    table = grades.table(comparison.comparisons("cs324", Measurements(described(every), pd.DataFrame(rows), curves)))
    assert table["note"].tolist() == [
        "the mean is a bound: 2 of 4 runs never got that far",
        "the mean leaves out 1 of 4 runs, which diverged before",
    ]
    assert table["mean"].tolist() == ["45.5", "2"]
    # One run is too few, also where it is only known to be beyond a value
    alone = pd.DataFrame(rows[2:3])
    table = grades.table(comparison.comparisons("cs324", Measurements(described(every), alone, curves)))
    assert set(table["grade"]) == {"too few seeds"}


def test_numbers_from_tables_of_runs_are_of_their_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "cs324").mkdir()
    (tmp_path / "cs324/reported.csv").write_text(
        f"{HEADER}a,p1_cifar_mlp,,steps_above_chance,100,\na,p1_cifar_mlp,epoch=2,test_accuracy,0.5,\n"
    )
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    every = expansion.expand(params.parse(PAPER | {"studies": {"cs324": PAPER["studies"]["cs324"]}}))
    of_mlp = [cell for cell in every if cell.experiment == "p1_cifar_mlp"]
    (cell,) = described(of_mlp, classes=10, settings={"train_rows": 100, "batch_size": 10})
    run = {"folder": cell.folder.as_posix(), "epochs": 6}
    rows = [run | {"seed": seed, "status": "diverged" if seed == 4 else "done"} for seed in (7, 4, 2)]
    # The runs in another order than their seeds; one is above chance from epoch 3 on, one diverged after 2, one is never
    accuracies = {7: [0.1, 0.12, 0.3, 0.3, 0.3, 0.3], 4: [0.1, 0.13], 2: [0.1, 0.14, 0.1, 0.1, 0.1, 0.1]}
    curves = pd.DataFrame(
        {"seed": seed, "epoch": epoch, "test_accuracy": accuracy, "experiment": cell.experiment, "cell": cell.name}
        for seed, of_run in accuracies.items()
        for epoch, accuracy in enumerate(of_run, 1)
    )
    steps, at_epoch = (
        one.sample for one in comparison.comparisons("cs324", Measurements([cell], pd.DataFrame(rows), curves))
    )
    assert (steps.seeds, at_epoch.seeds) == ((2, 4, 7), (2, 4, 7))
    assert steps.low.tolist() == [60, 20, 30]
    assert steps.high.tolist() == [math.inf, math.inf, 30]
    assert at_epoch.low.tolist() == [0.14, 0.13, 0.12]
