"""Write the JSON schema of params.yaml."""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade schema    # after changing a model in config/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing may follow `regrade schema`."""


def run(options: argparse.Namespace) -> int:
    """Write the schema into workflow/schemas/."""
    from regrade.config import params
    from regrade.core.files import write_json
    from regrade.reporting.exports.schema import schema

    parameters.require_project()
    write_json(params.schema_path(), schema(), sealed=False)
    return 0
