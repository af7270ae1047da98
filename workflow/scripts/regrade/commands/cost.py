"""Forecast what training will cost on this machine: time, memory and disk, before anything is trained.

A machine that it does not know yet is calibrated first, which takes about a minute. Forecasts use what has been
trained here.
"""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade cost --config scale=paper
regrade cost --cores 16 --config scale=paper device=cuda
regrade cost --calibrate      # measure this machine again
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade cost`."""
    parameters.add_cores(parser)
    parser.add_argument("--calibrate", action="store_true", help="measure this machine again, when nothing else runs")
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Calibrate the machine if need be, and show the forecast."""
    from regrade.cells import expansion
    from regrade.commands import cost_view, terminal
    from regrade.costs import forecasting

    params = parameters.read(options)
    at_once = forecasting.at_once(params, options.cores)
    cells, forecasts = forecasting.forecasts(params, expansion.expand(params), options.calibrate)
    terminal.console().print(cost_view.view(params, cells, forecasts, at_once))
    return 0
