"""The histories of a study as scripts that its pages draw curves from, one script per experiment."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import label
from regrade.core.files import write_text
from regrade.reporting import downsample
from regrade.reporting.evidence import Evidence
from regrade.reporting.pages.cells import settings
from regrade.reporting.pages.numbers import Number
from regrade.reporting.pages.places import Places, places
from regrade.reporting.pages.rendering import cell_page

SPLITS = ("train", "test", "validation")
APART = ("seed", "epoch", "experiment", "cell", "seconds")


def write(evidence: Evidence, numbers: dict[str, list[Number]], folder: Path) -> list[dict]:
    """Write folder/<experiment>.js of every experiment with a trained cell; name, title and cells of these experiments.

    `numbers`: of each cell, by its folder.

    A script, because a page that is opened from a disk may load scripts, but no data. It calls regradeHistories with
    the experiment's name and {metrics: {metric: splits}, cells: [{name, label, varying, page, file, settings, numbers,
    of, epochs, seeds, values}]}. Numbers are [metric, mean, 95 % interval] as texts. Values has by column one list per
    seed, null where a run has no value (it diverged, or ended earlier), and `of` is the number of evaluations before
    `thinning`.
    """
    written, known = [], places(evidence)
    for experiment, about in evidence.experiments.items():
        cells = [(cell, evidence.curve(cell)) for cell in evidence.find(experiment)]
        cells = [(cell, rows.dropna(axis="columns", how="all")) for cell, rows in cells if len(rows)]
        if not cells:
            continue
        columns = list(dict.fromkeys(name for _, rows in cells for name in rows.columns if name not in APART))
        contents = [
            _about(cell, known, numbers[cell.folder.as_posix()])
            | _values(rows, [name for name in columns if name in rows])
            for cell, rows in cells
        ]
        content = {"metrics": _metrics(columns), "cells": contents}
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        write_text(folder / f"{experiment}.js", f"regradeHistories({json.dumps(experiment)}, {text});\n")
        named = [{"name": cell["name"], "label": cell["label"]} for cell in contents]
        written.append({"name": experiment, "title": about.title, "cells": named})
    return written


def _about(cell: BundledCell, known: Places, numbers: list[Number]) -> dict:
    """What is said of a cell beside its curves."""
    folder = cell.folder.as_posix()
    return {
        "name": cell.name,
        "label": label(cell.varying) or cell.experiment,
        "varying": cell.varying,
        "page": cell_page(folder),
        "file": known.file(folder),
        # Those that only the network has, and all as it was trained
        "settings": {key: f"{value}" for key, value in (cell.settings | settings(cell)).items() if value is not None},
        "numbers": [[one.metric, one.mean, one.interval] for one in numbers],
    }


def _metrics(columns: list[str]) -> dict[str, list[str]]:
    """The splits that each metric is known for; "" for a metric of no split."""
    metrics: dict[str, list[str]] = {}
    for column in columns:
        split, _, metric = column.partition("_")
        if split not in SPLITS:
            split, metric = "", column
        metrics.setdefault(metric, []).append(split)
    return metrics


def _values(rows: pd.DataFrame, columns: list[str]) -> dict:
    epochs = downsample.kept(rows["epoch"])
    seeds = sorted(int(seed) for seed in rows["seed"].unique())
    values = {}
    for column in columns:
        table = rows.pivot(index="seed", columns="epoch", values=column).reindex(index=seeds, columns=epochs)
        values[column] = [[_rounded(value) for value in row] for row in table.to_numpy(dtype=float)]
    return {
        "of": rows["epoch"].nunique(),
        "epochs": [float(f"{epoch:.6g}") for epoch in epochs],
        "seeds": seeds,
        "values": values,
    }


def _rounded(value: float) -> float | None:
    """Four significant digits; None for what is not finite."""
    return float(f"{value:.4g}") if np.isfinite(value) else None
