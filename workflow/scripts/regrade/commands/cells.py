"""List all cells that are asked for, with states and folders."""

import argparse
import sys
from collections import Counter

from regrade.commands import parameters
from regrade.core.errors import UserError

EXAMPLES = """\
regrade cells
regrade cells --config scale=demo 'seeds=[0, 1]'
regrade cells --configfile my-study.yaml | grep missing
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade cells`."""
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Print a line per cell, and their number; 1 if the record of one is damaged."""
    from regrade.cells import expansion
    from regrade.checking import references

    params = parameters.read(options)
    every, damages = expansion.expand(params), []
    states: Counter[str] = Counter()
    references.check(params, every)
    for cell in every:
        try:
            state: str = "lacks" if cell.lacking else cell.status
        except UserError as error:
            state = "damaged"
            damages.append(error)
        states[state] += 1
        lacking = f"  (seeds {', '.join(map(str, cell.lacking))})" if state == "lacks" else ""
        print(f"{state:9s} {cell.folder}{lacking}")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    print(f"{len(every)} cells at scale {params.scale}: {counts}", file=sys.stderr)
    for damage in damages:
        print(f"Error: {damage}", file=sys.stderr)
    return 1 if damages else 0
