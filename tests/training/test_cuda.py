"""Training on a CUDA GPU: the numbers of the CPU but for rounding, stacked as alone, and resumed as in one go."""

import math

import pytest
import torch
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.cells.layout import RECORD
from regrade.core.files import read_json
from regrade.runtime import device, process
from regrade.training import job, scoring
from regrade.training.loading import load
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support import runs
from support.families import families, prepare, small
from support.runs import timeless

pytestmark = [
    pytest.mark.usefixtures("elsewhere"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
ON_GPU = small(device="cuda", seeds=[0, 1, 2])
CELLS = {
    f"{cell.study}-{cell.experiment}-{number}": cell for number, cell in enumerate(families(expansion.expand(ON_GPU)))
}


def advanced(cell: Cell, seeds: list[int], data: Data, times: int = 1) -> list[RunState]:
    return runs.advanced(cell.configuration(), [RunState(seed) for seed in seeds], data, times)


def place(cell: Cell) -> torch.device:
    """Where a job on a GPU trains the cell."""
    return device.choose("cuda", cell.configuration().settings.backend)


def is_random(cell: Cell) -> bool:
    """Whether the network draws numbers on its device, which a GPU and a CPU do differently."""
    return any(layer.kind == "dropout" and layer.rate for layer in cell.configuration().network)


def assert_alike(ours: list[RunState], theirs: list[RunState], tolerance: float) -> None:
    """The losses of the histories are equal but for rounding; a row of the few may fall to the other side."""
    for one, other in zip(ours, theirs, strict=True):
        assert len(one.history) == len(other.history)
        for mine, yours in zip(timeless(one), timeless(other), strict=True):
            for name in (name for name in mine if name.endswith("_loss")):
                assert math.isclose(mine[name], yours[name], rel_tol=tolerance), (name, mine[name], yours[name])
            for name in (name for name in mine if name.endswith("_accuracy")):
                assert abs(mine[name] - yours[name]) <= 0.1


@pytest.fixture(params=CELLS)
def cell(request: pytest.FixtureRequest) -> Cell:
    process.set_up(1)
    chosen = CELLS[request.param]
    prepare(chosen)
    return chosen


def test_the_numbers_are_those_of_the_cpu(cell: Cell):
    """Over an epoch, in which rounding has not grown yet."""
    if is_random(cell):
        pytest.skip("draws on the device")
    here, there = (load(cell.configuration(), where) for where in (place(cell), torch.device("cpu")))
    assert_alike(advanced(cell, [0, 1], here), advanced(cell, [0, 1], there), 1e-3)


def test_stacked_as_alone_and_resumed_as_in_one_go(cell: Cell):
    data = load(cell.configuration(), place(cell))
    together = advanced(cell, [0, 1, 2], data)
    assert_alike([together[1]], advanced(cell, [1], data), 1e-3)
    resumed = runs.advanced(cell.configuration(), together[:2], data, 1)
    assert_alike(resumed, advanced(cell, [0, 1], data, times=2), 1e-2)


def test_a_job_trains_and_a_stored_model_scores_as_it_did(cell: Cell):
    job.train(cell, ON_GPU)
    record = read_json(cell.folder / RECORD)
    assert {run["device"] for run in record["runs"]} == {device.describe(place(cell))}
    scores = list(scoring.scores(cell.folder, ON_GPU))
    assert scores and all(score.accuracy == score.stored for score in scores)
