"""Show results that no cell needs, at any scale, and delete them."""

import argparse
import sys

from regrade.commands import parameters

EXAMPLES = """\
regrade prune
regrade prune --yes --configfile my-study.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade prune`."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Show what nobody needs, ask, and delete it."""
    from regrade.cells import prune

    params = parameters.read(options)
    unnamed = prune.unnamed(params)
    for path in unnamed:
        print(f"{prune.size(path) / 1e6:9.2f} MB  {path}")
    if not unnamed:
        print("Nothing to delete.")
        return 0
    print(f"{sum(map(prune.size, unnamed)) / 1e6:9.2f} MB in all")
    if others := prune.others(unnamed, params):
        print(
            f"The parameters have no study {', '.join(others)}: to keep its results, give the overlay that has it "
            "(--configfile)."
        )
    if not options.yes and not _agreed():
        print("Nothing was deleted; `prune --yes` deletes without asking.")
        return 0
    prune.delete(unnamed)
    print(f"Deleted {len(unnamed)} files and folders.")
    return 0


def _agreed() -> bool:
    try:
        return sys.stdin.isatty() and input("Delete all of these? [y/N] ").strip().lower() == "y"
    except EOFError:  # Ctrl-D
        print()
        return False
