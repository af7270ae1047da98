"""Make the reports from whatever cells exist; train none."""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade report
regrade report --config scale=demo
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade report`."""
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Write all reports, and print where the first page is."""
    from regrade.reporting import report

    print(f"The report: {report.write_all(parameters.read(options))}")
    return 0
