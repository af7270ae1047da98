"""Merge bundles of a study into one: what several machines trained, or what was trained at several times."""

import argparse
from pathlib import Path

EXAMPLES = """\
regrade merge ours/cs324 theirs/cs324 --to both/cs324
regrade grade workflow/studies/cs324 both/cs324
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade merge`."""
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help="the folders of two bundles or more")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where to write, a new folder")


def run(options: argparse.Namespace) -> int:
    """Write the merged bundle, and say how many runs it has and what is left out."""
    from regrade.bundle import bundle, merging
    from regrade.core.errors import UserError
    from regrade.core.files import atomic_folder
    from regrade.core.targets import can_be_written

    if len(options.bundles) < 2:
        raise UserError("one bundle is given; give two or more")
    if options.to.exists():
        raise UserError(f"--to: {options.to} exists; give a new folder")
    both, notes = merging.merged([bundle.read(folder) for folder in options.bundles])
    with can_be_written(options.to), atomic_folder(options.to) as partial:
        both.write(partial)
        try:
            bundle.read(partial)
        except UserError as error:
            complaint = str(error).replace(str(partial), str(options.to))
            raise UserError(f"the bundles do not fit together: {complaint}") from error
    for note in notes:
        print(f"Note: {note}.")
    trained = [cell for cell in both.manifest.cells if cell.trained]
    print(f"{options.to}: {len(both.runs)} runs of {len(trained)} cells")
    return 0
