"""Tables: each reported number beside the reproduced one. `folder` says which cell's results a row is made of."""

import json

import numpy as np
import pandas as pd

from regrade.cells import Cell
from regrade.reporting.evidence import ACCURACIES, Evidence
from regrade.statistics import collect
from regrade.statistics.intervals import mean_interval

# Columns of the CSV; the printed forms join low and high
COLUMNS = (
    "reported",
    "mean",
    "low",
    "high",
    "seeds",
    "test_accuracy_cross_fitted",
    "test_accuracy_last_epoch",
    "peeking",
    "best_epoch",
    "status",
    "folder",
)


def comparison(evidence: Evidence, rows: list[tuple[dict, Cell, bool]]) -> pd.DataFrame:
    """One row per cell: what names it (a dict of columns), then COLUMNS.

    `mean`, `low`, `high` are of the accuracy at the best epoch, which is what the source reports. Where the third value
    is true, the reported number is the experiment's highest: source and reproduction have their own winners.
    """
    made = []
    for names, cell, best in rows:
        stated = evidence.highest_stated if best else evidence.stated
        reported = stated(cell.experiment if best else cell, ACCURACIES[0])
        about = {"status": evidence.status(cell)[0], "folder": cell.folder.as_posix()}
        made.append(names | {"reported": reported} | evidence.measured(cell) | about)
    names = list(rows[0][0]) if rows else []
    return pd.DataFrame(made, columns=[*names, *COLUMNS])


def times(evidence: Evidence, rows: list[tuple[dict, Cell]]) -> pd.DataFrame:
    """Training seconds per run, reported and reproduced, and their ratios to the first row's."""
    made = []
    for names, cell in rows:
        measured = evidence.measured(cell).get("train_seconds")
        seconds = {"reported_seconds": evidence.stated(cell, "train_seconds"), "seconds": measured}
        made.append(names | seconds | {"folder": cell.folder.as_posix()})
    names = list(rows[0][0]) if rows else []
    columns = ["reported_seconds", "seconds", "folder", "reported_ratio", "ratio"]
    table = pd.DataFrame(made, columns=[*names, *columns])
    for column in ("reported_seconds", "seconds") if made else ():
        table[column] = table[column].astype(float)
        table[f"{column.removesuffix('seconds')}ratio"] = table[column] / table[column].iloc[0]
    return table


def values(evidence: Evidence, rows: list[tuple[dict, Cell, str, str, float]]) -> pd.DataFrame:
    """One row per metric of a cell: what names it, then reported, mean, low and high (95 % interval), seeds, of.

    A row is given as its names, the cell, the metric's column among the runs, its name in reported.csv, and a factor
    that turns our unit into the source's. `seeds` are those with a value, `of` all.
    """
    made = []
    for names, cell, metric, stated, factor in rows:
        found = evidence.of(cell).get(metric, pd.Series(dtype=float))
        known = found.dropna() * factor
        mean, low, high = mean_interval(known)
        if "accuracy" in metric:  # of test rows, too; with few seeds, t reaches beyond what an accuracy can be
            low, high = np.clip(evidence.contrast([(cell, 1.0)], metric).interval(), 0, 1)
        numbers = {"mean": mean, "low": low, "high": high, "seeds": len(known), "of": len(found)}
        made.append(names | {"reported": evidence.stated(cell, stated)} | numbers | {"folder": cell.folder.as_posix()})
    return pd.DataFrame(made)


def pairs(evidence: Evidence, rows: list[tuple[dict, Cell, Cell]]) -> pd.DataFrame:
    """How far two cells are apart, seed by seed: names, paired seeds, the largest differences at any evaluation.

    `equal`: seeds in which both converge at the same evaluation.
    """
    made = []
    for names, first, second in rows:
        # From the cells' own files: differences may be smaller than what the collected curves keep
        curves = [collect.read(cell.folder)[1] for cell in (first, second)]
        both = curves[0].merge(curves[1], on=["seed", "epoch"], suffixes=("", "_other"))
        row = names | {"seeds": both["seed"].nunique()}
        for metric in ("test_loss", "test_accuracy"):
            row[metric] = (both[metric] - both[f"{metric}_other"]).abs().max()
        converged = [evidence.of(cell).set_index("seed")["epochs_to_converge"] for cell in (first, second)]
        # Not at all, in both, is the same, too
        row["equal"] = int((converged[0].fillna(0) == converged[1].fillna(0)).sum())
        made.append(row | {"folder": first.folder.as_posix(), "folder_other": second.folder.as_posix()})
    return pd.DataFrame(made)


def parameters(evidence: Evidence, rows: list[tuple[dict, Cell, str, str]]) -> pd.DataFrame:
    """Trainable parameters, reported and counted: names, cell, our layer ("" for all), its name in reported.csv."""
    made = []
    for names, cell, layer, stated in rows:
        runs = evidence.of(cell)
        counts = json.loads(runs["parameters_by_layer"].iloc[0]) if len(runs) else {}
        metric = "trainable_parameters"
        reported = evidence.stated_of_layer(cell, stated, metric) if layer else evidence.stated(cell, metric)
        counted = counts.get(layer) if layer else sum(counts.values()) or None
        made.append(names | {"reported": reported, "counted": counted, "folder": cell.folder.as_posix()})
    return pd.DataFrame(made)
