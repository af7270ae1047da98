"""Numbers and curves of a study in the forms that `dvc metrics` and `dvc plots` read."""

from pathlib import Path

import numpy as np
import pandas as pd

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import AND, label
from regrade.core.files import write_json, write_text
from regrade.reporting import METRICS, PLOTTED_CELLS, PLOTTED_CURVES, graded
from regrade.reporting.evidence import Evidence, accuracy_metrics

# An HTML page has to hold the curves of all cells
MOST_POINTS = 100


def write(evidence: Evidence, folder: Path) -> None:
    """Write the metrics and the plotted tables of a study into the folder of its report, where its verdicts are."""
    verdicts = graded.read(folder)
    numbers = {"cells": accuracies(evidence), "claims": verdicts.by_verdict, "grades": verdicts.by_grade}
    write_json(folder / METRICS, numbers, sealed=False)
    write_text(folder / PLOTTED_CURVES, curves(evidence).to_csv(index=False))
    write_text(folder / PLOTTED_CELLS, means(evidence).to_csv(index=False))


def accuracies(evidence: Evidence) -> dict[str, dict[str, dict[str, float]]]:
    """By experiment and cell, the means over the seeds of the accuracies that the cell has; {} where not trained.

    Cells are named without their hash, so that the same one is compared when a change elsewhere has renamed it.
    """
    by_experiment: dict[str, dict[str, dict[str, float]]] = {}
    for cell in evidence.cells:
        runs = evidence.of(cell)
        values = {name: runs[name].mean() for name in accuracy_metrics(cell) if name in runs}
        finite = {name: round(float(value), 6) for name, value in values.items() if np.isfinite(value)}
        by_experiment.setdefault(cell.experiment, {})[_name(cell)] = finite
    return by_experiment


def means(evidence: Evidence) -> pd.DataFrame:
    """One row per trained cell: experiment, cell, mean accuracy, its 95 % interval (low, high), the reported one.

    The accuracy is that at the best epoch; of language models, which have none, that after the last.
    """
    rows = []
    for cell in evidence.cells:
        runs = evidence.of(cell)
        name = next((name for name in accuracy_metrics(cell) if name in runs and runs[name].notna().any()), None)
        if name:
            estimate = evidence.contrast([(cell, 1.0)], name)
            # With few seeds, t reaches beyond what an accuracy can be
            low, high = np.clip(estimate.interval(), 0, 1)
            row = {
                "experiment": cell.experiment,
                "cell": _name(cell),
                "accuracy": estimate.value,
                "low": low,
                "high": high,
            }
            rows.append(row | {"reported": evidence.stated(cell, name)})
    return pd.DataFrame(rows, columns=["experiment", "cell", "accuracy", "low", "high", "reported"])


def curves(evidence: Evidence) -> pd.DataFrame:
    """Learning curves: experiment, cell, epoch, accuracy (mean over the seeds), at most MOST_POINTS rows per cell."""
    parts = []
    for cell in evidence.cells:
        curve = evidence.curve(cell)
        if len(curve):
            by_epoch = curve.groupby("epoch")[f"{_split(cell)}_accuracy"].mean()
            chosen = np.linspace(0, len(by_epoch) - 1, min(len(by_epoch), MOST_POINTS)).round().astype(int)
            points = by_epoch.iloc[chosen].rename("accuracy").reset_index()
            parts.append(points.assign(experiment=cell.experiment, cell=_name(cell)))
    columns = ["experiment", "cell", "epoch", "accuracy"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _split(cell: BundledCell) -> str:
    """The rows that the cell is evaluated on: test or validation."""
    return cell.evaluated


def _name(cell: BundledCell) -> str:
    """The cell without its hash; the only cell of an experiment has nothing that varies."""
    return label(cell.varying, AND) or "only"
