"""All numbers of the runs of a cell, as its page and the comparison of cells show them."""

from typing import NamedTuple

import pandas as pd

from regrade.bundle.manifest import BundledCell
from regrade.reporting.evidence import Evidence
from regrade.reporting.number_format import formatted, interval, short

# Columns of the runs that are not numbers of interest; the environment is shown apart from them
ABOUT = {"experiment", "cell", "folder", "settings", "seed", "parameters_by_layer", "valid_by_prompt", "versions"}
ABOUT |= {"commit", "dirty", "device", "peak_memory_bytes", "train_seconds", "resumed_at_epoch"}


class Number(NamedTuple):
    """A metric, its values by seed, their mean and its 95 % interval, as texts; words have no mean."""

    metric: str
    values: list[str]
    mean: str
    interval: str


def of_cell(evidence: Evidence, cell: BundledCell) -> list[Number]:
    """All numbers that the runs of a cell have."""
    rows, runs = [], evidence.of(cell)
    for name in (str(name) for name in runs.dropna(axis="columns", how="all").columns if name not in ABOUT):
        values = runs[name]
        if pd.api.types.is_numeric_dtype(values):
            # Counts and epochs, which may be floats because one run has none
            whole = (values.dropna() % 1 == 0).all() and values.max() > 1
            texts = [formatted(value, ",.0f") if whole else short(value) for value in values]
            mean = float(values.mean())
            of_all = formatted(mean, ",.0f") if whole and mean % 1 == 0 else short(mean)
            rows.append(Number(name, texts, of_all, interval(evidence.interval(cell, name))))
        else:
            rows.append(Number(name, list(values), "", ""))
    return rows
