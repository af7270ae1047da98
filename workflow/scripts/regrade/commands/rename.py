"""Give results of earlier versions, in which seeds were part of a cell's name, their present names.

Nothing is trained again for it. Each folder whose record fits a cell is renamed, at any scale of params.yaml.
"""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade rename
regrade rename --configfile my-study.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade rename`."""
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Rename what fits, each winner's candidates before the cells that follow it, and say what was renamed."""
    from regrade.cells import expansion, renaming
    from regrade.statistics import selection

    params, count = parameters.read(options), 0
    for scale in params.scales:
        for cell in expansion.expand(params.model_copy(update={"scale": scale})):
            chosen = cell.selection
            if chosen and not chosen.path.exists() and all(one.is_finished for one in chosen.candidates):
                selection.write(chosen)
            if folder := renaming.earlier(cell):
                renaming.rename(folder, cell)
                print(f"{folder} → {cell.name}")
                count += 1
    print(f"Renamed {count} folders.")
    return 0
