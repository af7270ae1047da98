"""Forecast what training will cost on this machine: time, memory and disk, before anything is trained.

A machine that it does not know yet is calibrated first, for a minute at most. What was trained already counts.
"""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from regrade.commands import parameters
from regrade.core.errors import UserError

if TYPE_CHECKING:
    from regrade.config.params import Params
    from regrade.costs.rates import Rates

EXAMPLES = """\
regrade cost --config scale=paper
regrade cost --cores 16 --config scale=paper device=cuda
regrade cost --calibrate      # measure this machine again
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade cost`."""
    parser.add_argument(
        "--cores", type=int, metavar="N", help="cores that jobs share, as for Snakemake; all of this machine if absent"
    )
    parser.add_argument("--calibrate", action="store_true", help="measure this machine again, when nothing else runs")
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Calibrate the machine if need be, and show the forecast."""
    from rich.console import Console

    from regrade.cells import expansion, progress
    from regrade.commands import cost_view, status_view
    from regrade.costs import measured
    from regrade.costs.model import Forecasts, Model

    cores = os.cpu_count() or 1 if options.cores is None else options.cores
    if cores < 1:
        raise UserError(f"--cores is {cores}; give the number of cores that jobs may use, 1 or more")
    params = parameters.read(options)
    every = expansion.expand(params)
    rates = _rates(params, options.calibrate)
    cells, _ = progress.read(every)
    # What another processor took says nothing of this one; some cells train on the CPU where others use a GPU
    on_cpu = {cell.folder for cell in every if cell.on_cpu} if rates.on_gpu else set()
    known = {
        folder: one
        for folder, one in measured.of_all(cells).items()
        if one.here or one.processor == rates.processor or folder in on_cpu
    }
    forecasts = Forecasts(Model(params, [rates]), every, known)
    console = Console(highlight=False, width=status_view.WIDE)
    console.print(cost_view.view(params, cells, forecasts, cores))
    return 0


def _rates(params: "Params", again: bool) -> "Rates":
    """The calibration of this machine, which is made if there is none."""
    from regrade.costs import calibration, rates

    here = calibration.here(params.device, params.threads)
    known = None if again else rates.of_processor(*here)
    if known is None:
        seconds = params.forecast.calibration_seconds
        print(f"Calibrating this machine, about {seconds:g} s", file=sys.stderr)
        calibration.calibrate_apart(params.device, params.threads, seconds)
        known = rates.of_processor(*here)
        assert known is not None, "it was written just now"
    return known
