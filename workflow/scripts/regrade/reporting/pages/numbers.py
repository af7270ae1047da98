"""All numbers of the runs of a cell, as its page and the comparison of cells show them."""

import math
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
        if pd.api.types.is_numeric_dtype(runs[name]):
            rows.append(_number(evidence, cell, name))
        else:
            rows.append(Number(name, list(runs[name]), "", ""))
    return rows


def _number(evidence: Evidence, cell: BundledCell, name: str) -> Number:
    """A metric; of runs that did not get so far, what is known of it."""
    values = evidence.of(cell).set_index("seed")[name]
    bounds = evidence.bounds(cell, name).reindex(values.index)
    # Counts and epochs
    whole = (values.dropna() % 1 == 0).all() and values.max() > 1
    texts = [_value(low, high, whole) for low, high in zip(bounds["low"], bounds["high"], strict=True)]
    sample = evidence.sample([(cell, 1.0)], name)
    below, above = sample.open_ends
    if not (below or above):
        mean = float(values.mean())
        of_all = formatted(mean, ",.0f") if whole and mean % 1 == 0 else short(mean)
        return Number(name, texts, of_all, interval(evidence.interval(cell, name)))
    least, most = (-math.inf if below else 0.0), (math.inf if above else 0.0)
    mean, (low, high) = sample.mean.value, sample.mean.interval()
    return Number(name, texts, _value(mean + least, mean + most, False), interval((low + least, high + most)))


def _value(low: float, high: float, whole: bool) -> str:
    """A number that lies between these, which are equal if it is known."""
    low_text, high_text = (formatted(end, ",.0f") if whole else short(end) for end in (low, high))
    if low == high:
        return low_text
    if math.isnan(low) or (math.isinf(low) and math.isinf(high)):
        return "–"
    return f"≤ {high_text}" if math.isinf(low) else f"≥ {low_text}"
