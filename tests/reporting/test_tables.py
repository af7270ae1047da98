"""Tables of times with their intervals, and how many numbers chance alone leaves outside."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from regrade.bundle.manifest import BundledCell, Manifest
from regrade.reporting.citation import Citation
from regrade.reporting.evidence import Evidence
from regrade.reporting.graded import Verdicts
from regrade.reporting.pages import numbers
from regrade.reporting.pages.places import Places
from regrade.reporting.tables import comparisons, table_format
from regrade.statistics import grades
from regrade.statistics.measurements import Measurements
from scipy import stats

CELLS = [BundledCell(study="s", experiment="e", name=name, status="done") for name in "abc"]
CPU, GPU = "CPU", "GPU"


def evidence(*by_seed: list[float], devices: tuple[list[str], ...] = ()) -> Measurements:
    """Runs of the cells with these seconds, by seed."""
    runs = pd.DataFrame(
        [
            {"folder": cell.folder.as_posix(), "status": "done", "seed": seed, "train_seconds": value}
            for cell, seconds in zip(CELLS, by_seed, strict=False)
            for seed, value in enumerate(seconds)
        ],
        columns=["folder", "status", "seed", "train_seconds"],
    )
    if devices:
        runs["device"] = [device for of_cell in devices for device in of_cell]
    return Measurements(CELLS, runs, pd.DataFrame({"experiment": [], "cell": []}))


def times(measured: Measurements, reported: tuple = (10.0, 30.0, None)) -> pd.DataFrame:
    """A table of the cells' times, beside what the source states."""
    values = [measured.values(cell, "train_seconds") for cell in CELLS]
    return comparisons.timed(measured, list(zip("abc", CELLS, reported, values, strict=True)))


def test_numbers_of_runs_that_never_got_there_are_bounds():
    runs = [
        {"folder": CELLS[0].folder.as_posix(), "status": status, "seed": seed, "epochs": 50}
        | {"epochs_to_converge": epochs, "test_loss_last_epoch": loss}
        for seed, (status, epochs, loss) in enumerate(
            [("done", 40, 1.2037), ("done", np.nan, 1.1), ("done", 42, 1.3), ("diverged", np.nan, np.nan)]
        )
    ]
    curves = pd.DataFrame({"experiment": [], "cell": [], "seed": [], "epoch": []})
    manifest = Manifest.model_construct(experiments={})
    of_study = Evidence(CELLS[:1], pd.DataFrame(runs), curves, manifest, False)
    by_name = {number.metric: number for number in numbers.of_cell(of_study, CELLS[0])}
    converged, loss = by_name["epochs_to_converge"], by_name["test_loss_last_epoch"]
    assert converged.values == ["40", "≥ 50", "42", "≥ 50"]
    low, _ = stats.t.interval(0.95, 3, np.mean([40, 50, 42, 50]), stats.sem([40, 50, 42, 50]))
    assert (converged.mean, converged.interval) == ("≥ 45.50", f"{low:.2f} or more")
    assert loss.values == ["1.204", "1.100", "1.300", "–"] and loss.mean == "1.201"
    low, high = stats.t.interval(0.95, 2, np.mean([1.2037, 1.1, 1.3]), stats.sem([1.2037, 1.1, 1.3]))
    assert loss.interval == f"{low:.4f} to {high:.3f}"


def test_a_table_for_latex_has_nothing_that_is_a_command_there(tmp_path: Path):
    table = pd.DataFrame({"hidden_size": ["a_b", "c"], "95 % interval": ["1 & 2", "50 %"]})
    nowhere = Places(frozenset(), frozenset(), frozenset())
    table_format.write(table, table_format.Shown(table), tmp_path, "table", nowhere)
    lines = (tmp_path / "table.tex").read_text().splitlines()
    assert r"hidden\_size & 95 \% interval \\" in lines and r"a\_b & 1 \& 2 \\" in lines
    assert not any(re.search(r"(?<!\\)[%_#]", line) for line in lines)


def test_a_caption_says_which_cells_have_which_seeds():
    seeds = [range(20), range(5), range(5)]
    cells = [cell.model_copy(update={"seeds": list(some)}) for cell, some in zip(CELLS, seeds, strict=True)]
    runs = pd.DataFrame(
        [{"folder": cell.folder.as_posix(), "status": "done", "seed": seed} for cell in cells for seed in cell.seeds]
    )
    manifest = Manifest.model_construct(scale="paper", experiments={})
    citation = Citation(Evidence(cells, runs, pd.DataFrame(), manifest, False))
    assert citation.made(cells) == "The source's full protocol; seeds 0 to 4 (2 cells), 0 to 19 (1 cell)."
    assert citation.made(cells[1:]) == "The source's full protocol; seeds 0 to 4."


def test_times_and_their_ratios_have_intervals_over_the_seeds():
    first, second = [1.0, 1.2, 1.1], [2.0, 2.2, 2.6]
    table = times(evidence(first, second, []))
    assert table["reported_ratio"].tolist()[:2] == [1, 3]
    ratios = np.divide(second, first)
    assert table["ratio"][1] == pytest.approx(ratios.mean())
    low, high = stats.t.interval(0.95, 2, ratios.mean(), stats.sem(ratios))
    assert (table["ratio_low"][1], table["ratio_high"][1]) == pytest.approx((low, high))
    assert np.isnan(
        table.loc[2, ["reported_seconds", "seconds", "seconds_low", "ratio", "ratio_low"]].astype(float)
    ).all()
    shown = comparisons.shown_times(table).table
    assert shown.loc[0].tolist() == ["a", "10", "1.1 (0.9 to 1.3)", "1.00", "1.00", "–"]
    assert shown.loc[2].tolist() == ["c", "–", "–", "–", "–", "–"]


def test_seeds_that_were_trained_together_share_one_time_and_have_no_interval():
    table = times(evidence([2.0, 2.0], [3.0, 3.0], [1.0, 1.5]), reported=(None, None, None))
    assert table["seconds"].tolist() == [2, 3, 1.25]
    assert table["seconds_low"].isna().tolist() == [True, True, False]
    # Of the first two seeds of the last cell, one was trained with the other of the first cell
    assert table["ratio_low"].isna().tolist() == [True, True, True]
    assert not len(comparisons.timed(evidence(), []))


def test_times_are_of_one_kind_of_device_and_one_of_each_job_as_in_grades():
    together = [8.0] * 2 + [6.0] * 2  # two jobs of two seeds
    mixed = [1.0] * 2 + [9.0, 9.0, 12.0]  # a job on a GPU, then two on a CPU
    devices = ([CPU] * 4, [GPU] * 2 + [CPU] * 3, [GPU])
    measured = evidence(together, mixed, [2.0], devices=devices)
    table = times(measured)
    # Not 6.4, the mean over the seconds of all five seeds; and of the GPU where there is nothing else
    assert table["seconds"].tolist() == [7, 10.5, 2]
    assert table["device"].tolist() == [CPU, CPU, GPU]
    # No time is negative, though t reaches far with two jobs
    assert table["seconds_low"][0] == 0 < table["seconds_high"][0]
    # The first job of the second cell ran elsewhere, that of the third cell, too
    assert table["ratio"].tolist()[:2] == [1, 1.5] and np.isnan(table["ratio"][2])
    sample = measured.ratio(CELLS[1], CELLS[0], "train_seconds")
    assert (table["ratio"][1], sample.seeds) == (sample.mean.value, (2,))
    assert "Device of the seconds" in comparisons.shown_times(table).table


def test_chance_alone_leaves_one_in_twenty_of_the_compared_numbers_outside():
    counts = {grades.WITHIN: 31, grades.ABOVE: 4, grades.BELOW: 5, grades.SAME: 7, grades.NOT_RUN: 2}
    verdicts = Verdicts([], [{"grade": grade} for grade, count in counts.items() for _ in range(count)], {})
    assert verdicts.predicted == 40
    assert verdicts.outside_by_chance == pytest.approx(2)
