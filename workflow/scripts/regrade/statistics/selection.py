"""Who wins among the cells of an experiment."""

import math

import pandas as pd

from regrade.bundle import collect
from regrade.cells.cell import Cell, Selection
from regrade.core.files import write_json

# Means of metrics, which are shares or losses, are equal if they agree to this many decimals
DIGITS = 12


def choose(selection: Selection) -> dict[str, object]:
    """The winner's settings and the ranking, highest mean first; equals in the order of params.yaml.

    The seeds that all candidates have count, so that none is favoured by seeds that the others lack; without any such
    seed, all count.
    """
    table, _ = collect.tables(selection.candidates)
    seeds = sorted(set.intersection(*(set(cell.trained_seeds) for cell in selection.candidates)))
    if seeds:
        table = table[table["seed"].isin(seeds)]
    means = table.groupby("cell", sort=False)[selection.by].mean()
    # Means of the same numbers in another order differ by rounding
    means = means.loc[means.round(DIGITS).sort_values(ascending=False, kind="stable").index]
    winner = next(cell for cell in selection.candidates if cell.name == means.index[0])
    return {
        "settings": {name: winner.settings[name] for name in selection.settings} | _epochs(selection, table, winner),
        "cell": winner.folder.as_posix(),
        "by": selection.by,
        "seeds": seeds,
        "ranking": {name: float(value) for name, value in means.items()},
    }


def _epochs(selection: Selection, table: pd.DataFrame, winner: Cell) -> dict[str, int]:
    """How many epochs to train for, where that is taken over: the winner's best epoch, the mean over seeds.

    1 where all of its runs diverged at once, so that none of their epochs is the best.
    """
    best = table.loc[table["cell"] == winner.name, "best_epoch"].mean()
    return {"epochs": 1 if math.isnan(best) else max(math.floor(best + 0.5), 1)} if selection.epochs else {}


def write(selection: Selection) -> None:
    """Write the choice to the selection's file."""
    write_json(selection.path, choose(selection))
