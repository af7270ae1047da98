"""Write what each study's source did, from params.yaml.

Cells with other settings than in protocol.yaml are not judged.
"""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade protocol
regrade protocol --configfile my-study.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade protocol`."""
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Write protocol.yaml of every study."""
    from regrade.reporting.exports import protocol

    protocol.write(parameters.read(options))
    return 0
