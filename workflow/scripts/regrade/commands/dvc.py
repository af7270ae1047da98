"""Write dvc.yaml from params.yaml."""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade dvc    # after adding a data set, a study or an experiment
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade dvc`."""
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Write the file."""
    from regrade.reporting.exports import dvc_pipeline

    dvc_pipeline.write(parameters.read(options))
    return 0
