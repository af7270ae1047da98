"""Write dvc.yaml from params.yaml.

Its stages run Snakemake on params.yaml alone, so it takes no overlays: put a study into params.yaml first.
"""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade dvc    # after adding a data set, a study or an experiment
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing may follow `regrade dvc`."""


def run(options: argparse.Namespace) -> int:
    """Write the file."""
    from regrade.config import overlays, params
    from regrade.reporting.exports import dvc_pipeline

    parameters.require_project()
    dvc_pipeline.write(params.parse(overlays.merged()))
    return 0
