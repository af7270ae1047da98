"""Write the tables of parameters in docs/."""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade docs    # after changing the description of a setting
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing may follow `regrade docs`."""


def run(options: argparse.Namespace) -> int:
    """Write the tables into the pages."""
    from regrade.reporting.exports import docs

    parameters.require_project()
    docs.write()
    return 0
