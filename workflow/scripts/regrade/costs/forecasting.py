"""Forecasts on this machine, which is calibrated if it is not known yet."""

import os
import sys
from collections.abc import Sequence

from regrade.cells import progress
from regrade.cells.cell import Cell
from regrade.cells.progress import Progress
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.costs import calibration, measured, rates
from regrade.costs.model import Forecasts, Model
from regrade.costs.rates import Rates
from regrade.runtime import device, gpus


def forecasts(params: Params, every: Sequence[Cell], again: bool = False) -> tuple[list[Progress], Forecasts]:
    """How far the cells are, and what training them takes; `again`: after another calibration."""
    here = _rates(params, again)
    cells, _ = progress.read(every)
    # What another processor took says nothing of this one; some cells train on the CPU where others use a GPU
    on_cpu = {cell.folder for cell in every if cell.on_cpu} if here.on_gpu else set()
    known = {
        folder: one
        for folder, one in measured.of_all(cells).items()
        if one.here or one.processor == here.processor or folder in on_cpu
    }
    return cells, Forecasts(Model(params, [here]), every, known)


def at_once(params: Params, cores: int | None) -> int:
    """How many jobs train side by side; `cores`: that they share, None for all. UserError for none."""
    cores = os.cpu_count() or 1 if cores is None else cores
    if cores < 1:
        raise UserError(f"--cores is {cores}; give the number of cores that jobs may use, 1 or more")
    jobs = max(cores // params.threads, 1)
    return (
        min(jobs, max(gpus.count(), 1) * params.jobs_per_gpu)
        if device.choose(params.device, "torch").type == "cuda"
        else jobs
    )


def _rates(params: Params, again: bool) -> Rates:
    """The calibration of this machine, which is made if there is none."""
    here = calibration.here(params.device, params.threads)
    known = None if again else rates.of_processor(*here)
    if known is None:
        seconds = params.forecast.calibration_seconds
        print(f"Calibrating this machine, about {seconds:g} s", file=sys.stderr)
        calibration.calibrate_apart(params.device, params.threads, seconds)
        known = rates.of_processor(*here)
        assert known is not None, "it was written just now"
    return known
