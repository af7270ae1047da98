"""Write the pages of the reference run that comes with the project; nothing is trained.

With --record, write its findings (docs/findings.md) and verdicts (reference/verdicts.json), which a test compares with
what the present statistics make of its bundles.
"""

import argparse
from pathlib import Path

from regrade.commands import parameters

EXAMPLES = """\
regrade reference             # writes reference-report/index.html
regrade reference --record    # after bundles were added, or the statistics changed on purpose
"""
INTERRUPTED = "Interrupted; nothing was written"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade reference`."""
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("reference-report"),
        metavar="FOLDER",
        help="for the pages (default: reference-report)",
    )
    parser.add_argument("--record", action="store_true", help="write the findings and verdicts, not the pages")


def run(options: argparse.Namespace) -> int:
    """Write the pages, or the record; print where."""
    from regrade.config import overlays, params
    from regrade.reporting import reference_run

    parameters.require_project()
    # The sources' protocol, with which its cells are found; whatever params.yaml runs at present
    of_sources = params.parse(overlays.merged((), ("scale=paper", "device=cpu")))
    if options.record:
        reference_run.record(of_sources)
        print(f"Written: {reference_run.FINDINGS} and {reference_run.VERDICTS}")
    else:
        reference_run.write_site(options.to, of_sources)
        print(f"The report: {options.to / 'index.html'}")
    return 0
