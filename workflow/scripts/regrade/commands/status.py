"""Show how far the training is, while it runs: cells, epochs and the time left.

It only reads files, so it can be called from another terminal or a cluster's login node. Give it the --configfile
and --config that you gave Snakemake.
"""

import argparse
import time
from typing import TYPE_CHECKING

from regrade.commands import parameters
from regrade.core.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

EXAMPLES = """\
regrade status
regrade status --watch
regrade status --watch 30 --config scale=paper
"""
EVERY_SECONDS = 2.0
DAY = 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade status`."""
    parser.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=EVERY_SECONDS,
        metavar="SECONDS",
        help=f"show it again at this interval ({EVERY_SECONDS:g} seconds), until Ctrl-C or all cells are done",
    )
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Show it once, or again and again: in a terminal in the same place, elsewhere one below the other."""
    from rich.live import Live

    from regrade.cells import expansion, progress
    from regrade.commands import status_view, terminal
    from regrade.costs import rates
    from regrade.costs.model import Model

    if options.watch is not None and not 0 < options.watch <= DAY:
        raise UserError(f"--watch is {options.watch:g}; give a number of seconds above 0, at most a day ({DAY})")
    params = parameters.read(options)
    every = expansion.expand(params)
    model = Model(params, rates.known(params.device))
    console = terminal.console()

    def look() -> tuple["RenderableType", bool]:
        cells, others = progress.read(every)
        return status_view.view(model, cells, others), all(cell.state == "done" for cell in cells)

    view, done = look()
    if options.watch is None or done:
        console.print(view)
        return 0
    if not console.is_terminal:
        while not done:
            console.print(view, "")
            time.sleep(options.watch)
            view, done = look()
        console.print(view)
        return 0
    with Live(view, console=console, auto_refresh=False) as live:
        while not done:
            time.sleep(options.watch)
            view, done = look()
            live.update(view, refresh=True)
    return 0
