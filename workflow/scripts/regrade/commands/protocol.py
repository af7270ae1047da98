"""Write what each study's source did, from params.yaml.

Cells with other settings than in protocol.yaml are not judged. With overlays or single parameters, name the studies
that they are about.
"""

import argparse
import os

from regrade.commands import parameters
from regrade.core.errors import UserError

EXAMPLES = """\
regrade protocol
regrade protocol my_study --configfile my-study.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade protocol`."""
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="only these studies; all if absent")
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Write protocol.yaml of the studies, and print which of these files have changed."""
    from regrade.config.protocol import path
    from regrade.reporting.exports import protocol

    if not options.studies and (options.configfile or options.config):
        # An overlay may change other studies, too, whose sources did not do what it says
        raise UserError(
            "with --configfile or --config, name the studies whose record is to follow them, as in regrade protocol "
            "my_study --configfile my_study.yaml"
        )
    params = parameters.read(options)
    for study in options.studies:
        parameters.require_study(study, params)
    named = {
        name: content for name, content in params.studies.items() if name in options.studies or not options.studies
    }
    before = {file: file.read_bytes() for file in map(path, named) if file.exists()}
    protocol.write(params.model_copy(update={"studies": named}))
    changed = [file for file in map(path, named) if file.read_bytes() != before.get(file)]
    for file in changed:
        print(f"Written: {os.path.relpath(file)}")
    if not changed:
        print("Nothing changed.")
    return 0
