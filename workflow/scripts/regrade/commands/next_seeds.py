"""Say which further seeds of which cells settle the most claims in the given hours, and write them as an overlay.

It goes by the last reports: how much runs differ, which claims are open, and what training takes on this machine. Run
it with the --configfile and --config that you run Snakemake with, then Snakemake with the overlay, too (docs/next.md).
"""

import argparse
import math
import shlex
from pathlib import Path

from regrade.commands import parameters
from regrade.core.errors import UserError

COMMAND = "regrade next"
EXAMPLES = """\
regrade next --hours 2 --config scale=paper
regrade next --hours 0.5 --study cs324 --to more.yaml
regrade next --hours 2 --from reference --config scale=paper   # as if these were your runs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade next`."""
    parser.add_argument("--hours", type=float, required=True, metavar="H", help="how long training may take, all jobs")
    parser.add_argument("--study", nargs="+", default=[], metavar="NAME", help="only claims of these studies")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="bundles to go by, one per study, instead of your reports",
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("next.yaml"),
        metavar="FILE",
        help="the overlay to write (default: next.yaml); replaces one that this command has written, no other file",
    )
    parameters.add_cores(parser)
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Show the plan and write the overlay."""
    from regrade.cells import expansion
    from regrade.commands import next_view, terminal
    from regrade.core.files import write_text
    from regrade.core.targets import can_be_written, require_own
    from regrade.costs import forecasting
    from regrade.settle import overlay, reports
    from regrade.settle.plan import Planner

    if not 0 < options.hours < math.inf:
        raise UserError(f"--hours is {options.hours:g}; give a number of hours above 0")
    require_own(options.to, overlay.beginning(COMMAND))
    params = parameters.read(options)
    for study in options.study:
        parameters.require_study(study, params)
    at_once = forecasting.at_once(params, options.cores)
    every = expansion.expand(params)
    present = reports.bundles(params.studies, options.source, options.study)
    trained, claims = reports.claims(present, every, params, options.study or None)
    _, forecasts = forecasting.forecasts(params, every)
    plan = Planner(claims, trained, forecasts, at_once).plan(options.hours)
    lines = overlay.comments(plan, f"{COMMAND} --hours {options.hours:g}")
    with can_be_written(options.to):
        write_text(options.to, overlay.text(overlay.entries(plan.seeds, trained.values(), params), lines))
    terminal.console().print(next_view.view(plan, options.hours, at_once), "")
    print(f"To train them: {_to_train(options)} (and what else you give Snakemake)")
    return 0


def _to_train(options: argparse.Namespace) -> str:
    """The command that trains the seeds, with the parameters that they were chosen for."""
    # The new overlay last, since it takes the place of an earlier one's seeds
    overlays = [*(name for name in options.configfile if name != str(options.to)), str(options.to)]
    values = ["--config", *options.config] if options.config else []
    return shlex.join(["snakemake", "--configfile", *overlays, *values])
