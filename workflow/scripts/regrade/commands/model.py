"""Load the weights that a cell keeps, and score them again.

They are scored on the rows that the cell was evaluated on.
"""

import argparse
from pathlib import Path

from regrade.commands import parameters

EXAMPLES = """\
regrade model results/vudl/q2_language_models/dataset=ndfa+epochs=3-*
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade model`."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="as `regrade cells` lists them")
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Print the scores of each folder's model."""
    from regrade.training import scoring

    params = parameters.read(options)
    for folder in options.folders:
        if len(options.folders) > 1:
            print(f"{folder}:")
        for score in scoring.scores(folder, params):
            print(score)
    return 0
