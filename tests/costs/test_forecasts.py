"""Forecasts from made-up rates and histories, and what jobs ask for because of them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.config import params
from regrade.costs import accuracy, calibration, rates, schedule
from regrade.costs.measured import Measured
from regrade.costs.model import Forecasts, Model
from regrade.costs.rates import Rates
from regrade.costs.requests import request
from regrade.costs.schedule import Job
from regrade.costs.work import Work
from support.expanded import CONFIG
from support.project import merged
from support.tiny import PARAMS, STUDY, sweep

# A second per step: what a cell takes is how many steps it has
A_STEP = Rates({"device": "n1"}, False, "2", True, {"batches": 1.0}, begin=7.0, start=3.0, memory=4e8, spread=1.0)
ROWS = {"datasets": {"moons": {"expected": {"train_rows": 80, "test_rows": 20}}}, "scales": {"small": {"data": "real"}}}
# Ten and five steps per epoch and run, and one for the evaluation of each
SIZES = sweep(grid={"width": [2, 3], "batch_size": [8, 16]})
OWN = {"module": {"import": "my_nets:Net", "width": "$width"}}


def model(*changes: dict, of: tuple[Rates, ...] = (A_STEP,)) -> tuple[Model, list[Cell]]:
    read = params.parse(merged(yaml.safe_load(yaml.safe_dump(PARAMS)), ROWS, *changes))
    return Model(read, of), expansion.expand(read)


@pytest.fixture(autouse=True)
def empty_folder(elsewhere: None) -> None:
    """Nothing is prepared, trained or calibrated."""


def test_a_cell_is_forecast_by_its_own_epochs_or_by_cells_like_it_or_by_operations():
    costs, (one, half, other, _) = model(SIZES)
    # Runs are stacked: their steps are one
    assert Forecasts(costs, [], {}).pace(one) == (11, "operations")
    assert Forecasts(costs, [], {}).pace(half) == (6, "operations")
    known = {one.folder: Measured(pace=11.0), other.folder: Measured(pace=22.0)}
    forecasts = Forecasts(costs, [one, other, half], known)
    assert forecasts.pace(one) == (22, "measured")
    # Two and four times as long as operations say, so three times
    assert forecasts.pace(half) == (18, "like")
    assert forecasts.of(half).seconds == 7 + 2 * 18
    assert forecasts.of(half).memory > 4e8
    assert forecasts.pace(one, apart=True) == (44, "like"), "without its own epochs, by the other"
    assert Forecasts(costs, [one], {one.folder: known[one.folder]}).pace(one, apart=True) == (11, "operations")


def test_without_rates_nothing_but_disk_is_known():
    costs, (one, half, *_) = model(SIZES, of=())
    forecast = Forecasts(costs, [one], {}).of(one)
    assert (forecast.basis, forecast.pace, forecast.seconds, forecast.memory) == ("unknown", None, None, None)
    assert forecast.disk > 0
    known = {one.folder: Measured(pace=11.0, memory=8e8)}
    assert [Forecasts(costs, [one], known).of(cell).memory for cell in (one, half)] == [8e8, None]


def test_the_error_of_earlier_forecasts_is_without_the_cells_own_epochs():
    costs, cells = model(SIZES)
    known = {
        cell.folder: Measured(costs.pace(cell) * factor / 2, seconds=factor * (7 + 2 * costs.pace(cell)), memory=8e8)
        for cell, factor in zip(cells, (2, 2, 2, 4), strict=True)
    }
    ratios = accuracy.ratios(cells, Forecasts(costs, cells, known))
    assert ratios["operations"] == [2, 2, 2, 4]
    # The first three are forecast from two cells at 2 and one at 4, the last from three at 2
    assert all(1 <= ratio < 1.3 for ratio in ratios["like"][:3]) and ratios["like"][3] > 2
    assert all(1.9 < ratio < 2 for ratio in ratios["memory"])
    assert accuracy.of(ratios["operations"]) == accuracy.Accuracy(4, 2, 2, pytest.approx(3.4))
    assert accuracy.of([]) is None


def test_jobs_ask_for_the_slowest_processor_with_margins_and_a_floor():
    slow = replace(A_STEP, seconds={"batches": 100.0}, memory=2e9)
    costs, cells = model(SIZES, of=(A_STEP, slow))
    # Margins of 2 and 1.5; two epochs of eleven steps at 100 s, seven seconds at the beginning and three before
    assert request(cells[:1], costs) == (2 * (2 * 1100 + 10) // 60 + 1, pytest.approx(3000, abs=3))
    assert request(cells[:1], model(SIZES)[0]) == (15, 1500)
    assert request(cells[:2], costs).minutes == 2 * (2 * 1100 + 2 * 600 + 2 * 10) / 60


def test_what_nobody_can_count_is_unknown_until_it_is_trained():
    Path("my_nets.py").write_text("class Net:\n    def __init__(self, width):\n        pass\n")
    own = {"studies": {STUDY: {"networks": {"mlp": [OWN, {"dense": {"units": "classes"}}]}}}}
    costs, (one, other) = model(own)
    forecast = Forecasts(costs, [], {}).of(one)
    assert (forecast.basis, forecast.seconds) == ("unknown", None) and "network of your own" in forecast.why
    assert request([one, other], costs) == (480, 4000)
    assert Forecasts(costs, [one, other], {other.folder: Measured(pace=3.0)}).of(one).seconds == 2 * 2 * 3
    unprepared, (cell, _) = model({"datasets": {"moons": {"expected": {"test_rows": 20}}}})
    unprepared.params.datasets["moons"].expected.__dict__["train_rows"] = None
    assert "snakemake prepare_moons" in Forecasts(unprepared, [], {}).of(cell).why
    nowhere, (cell, _) = model(of=())
    assert Forecasts(nowhere, [], {}).of(cell).basis == "unknown" and request([cell], nowhere) == (240, 4000)


def test_the_paper_can_be_forecast_before_anything_is_there():
    read = params.parse(CONFIG | {"scale": "paper"})
    every = expansion.expand(read)
    forecasts = Forecasts(Model(read, rates.known("cpu")), [], {})
    unknown = {cell.folder: forecast.why for cell in every if not (forecast := forecasts.of(cell)).seconds}
    assert not unknown


def test_jobs_wait_for_their_turn_and_for_those_before_them():
    jobs = [Job(4), Job(3), Job(2), Job(1, frozenset({0}))]
    assert schedule.wall(jobs, 1) == 10
    assert schedule.wall(jobs, 2) == 5
    assert schedule.wall(jobs, 9) == 5
    assert schedule.wall([], 2) == 0


def test_rates_are_those_that_explain_the_times():
    true = {"product": 2e-3, "batches": 0.5}
    works = [Work({"product": a, "batches": b}, 1, 1, 0, 0, 0) for a, b in ((10, 1), (5000, 2), (100, 30), (9000, 40))]
    timed = [(one, sum(true[kind] * amount for kind, amount in one.epoch.items())) for one in works]
    explained, spread = calibration._explained(timed)
    assert explained == pytest.approx(true) and spread == pytest.approx(1)


def test_a_calibration_trains_its_probes_and_is_kept(monkeypatch: pytest.MonkeyPatch):
    network = [{"dense": {"units": 3, "activation": "relu"}}, {"dense": {"units": 2}}]
    probe = {"shape": [4], "rows": 20, "batch_size": 5, "network": network}
    Path("probes.yaml").write_text(yaml.safe_dump([probe, probe | {"rows": 60}, probe | {"backend": "numpy"}]))
    monkeypatch.setattr(calibration, "PROBES", Path("probes.yaml"))
    before = torch.get_num_threads()
    measured = calibration.calibrate("cpu", 1, 0)
    torch.set_num_threads(before)
    assert all(rate >= 0 for rate in measured.seconds.values()) and any(measured.seconds.values())
    assert measured.start > 0 and measured.memory > 1e8 and "1 thread" in measured.processor["device"]
    measured.write()
    assert rates.of_processor(measured.processor, measured.torch) == measured
    assert rates.of_processor(measured.processor, "another") is None
    assert rates.known("cpu") == (measured,)


def test_the_probes_that_come_with_us_have_every_kind_of_operation_that_the_studies_have():
    probed = {kind for probe in calibration.probes() for kind, amount in _amounts(probe).items() if amount}
    read = params.parse(CONFIG | {"scale": "paper"})
    costs = Model(read, rates.known("cpu"))
    needed = {
        kind
        for cell in expansion.expand(read)
        for one in costs.works(cell)
        for kind, amount in one.epoch.items()
        if amount
    }
    assert needed <= probed


def _amounts(probe: calibration.Probe) -> dict[str, float]:
    return calibration.work.of_sizes(probe.configuration, probe.sizes, probe.runs, 0, False, True).epoch
