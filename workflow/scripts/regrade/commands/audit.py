"""Say how often verdicts on a study would be wrong, and right.

The study's claims are judged by made-up runs of its cells, where the truth is known.
"""

import argparse

from regrade.commands import parameters
from regrade.core.errors import UserError

EXAMPLES = """\
regrade audit ce4042
regrade audit ce4042 vudl --worlds 1000
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade audit`."""
    parser.add_argument("studies", nargs="+", metavar="STUDY")
    parser.add_argument(
        "--worlds", type=int, metavar="N", help="number of made-up worlds (default: audit_worlds of params.yaml)"
    )
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Print the audit of each study."""
    from regrade.cells import expansion
    from regrade.checking import references
    from regrade.commands import audit_view
    from regrade.statistics import audit

    params = parameters.read(options)
    worlds = params.present_audit_worlds if options.worlds is None else options.worlds
    if worlds < 1:
        raise UserError(f"--worlds is {worlds}; give at least 1")
    every = expansion.expand(params)
    references.check(params, every)
    for study in options.studies:
        parameters.require_study(study, params)
        print(audit_view.as_text(audit.audit(study, params, every, worlds)))
    return 0
