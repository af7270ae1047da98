"""Whether the curves of runs that are done are whole: those of a run that diverged may end at any time."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from regrade.bundle import CURVES
from regrade.bundle.manifest import BundledCell
from regrade.bundle.tables import KEYS, REQUIRED
from regrade.config.types import is_number


def complaints(curves: pd.DataFrame, runs: pd.DataFrame, cells: Iterable[BundledCell]) -> Iterator[str]:
    """What is wrong with the curves of runs that are done. `curves`: a row per value, none of them twice."""
    if not len(curves):
        return
    kept = [*KEYS, "status", *(["epochs"] if "epochs" in runs else [])]
    of_runs = curves[list(REQUIRED[CURVES])].merge(runs[kept], on=KEYS, how="left")
    done = of_runs[of_runs["status"] == "done"]
    if (empty := done["value"].isna()).any():
        row = done[empty].iloc[0]
        yield (
            f"{row['metric']} is not a number at epoch {row['epoch']:g} of {_place(row)}, whose status is done; give "
            "the number, or say diverged"
        )
    yield from _lacking_curves(done, runs)
    yield from _lacking_values(done)
    every = {(cell.experiment, cell.name): _every(cell) for cell in cells}
    for key, of_run in done.groupby(KEYS, sort=False):
        if step := every[key[0], key[1]]:
            yield from _lacking_epochs(of_run, step)


def _lacking_curves(done: pd.DataFrame, runs: pd.DataFrame) -> Iterator[str]:
    """The first run without any curve in a cell in which another run that is done has some."""
    drawn, known = (pd.MultiIndex.from_frame(table[KEYS]) for table in (done, runs))
    of_cell = known.droplevel("seed").isin(drawn.droplevel("seed"))
    for _, row in runs[of_cell & ~known.isin(drawn) & (runs["status"] == "done")].iloc[:1].iterrows():
        yield f"{_place(row)} has no curve, but other runs of its cell have; add it, or say diverged"


def _lacking_values(done: pd.DataFrame) -> Iterator[str]:
    """The first epoch of a run at which a metric of its cell has no row."""
    metrics = done.groupby(KEYS[:2])["metric"].unique()
    of_runs = done.groupby(KEYS, sort=False)
    counts = pd.DataFrame({"rows": of_runs.size(), "epochs": of_runs["epoch"].nunique()})
    for (experiment, cell, seed), rows, epochs in counts.itertuples():
        if rows == epochs * len(metrics[experiment, cell]):
            continue
        of_run = of_runs.get_group((experiment, cell, seed))
        for metric in metrics[experiment, cell]:
            missing = sorted(set(of_run["epoch"]) - set(of_run.loc[of_run["metric"] == metric, "epoch"]))
            if missing:
                yield f"{_place(of_run.iloc[0])} has no {metric} at epoch {missing[0]:g}; add it, or say diverged"


def _lacking_epochs(of_run: pd.DataFrame, step: int) -> Iterator[str]:
    """The first epoch at which a run that is evaluated every `step` epochs was not, or was before its first."""
    row, epochs = of_run.iloc[0], {float(epoch) for epoch in of_run["epoch"]}
    last = row.get("epochs", math.nan)
    last = float(last) if np.isfinite(last) else max(epochs)
    if min(epochs) <= 0:
        yield f"{_place(row)} has an epoch {min(epochs):g}, before any training; remove it"
    # Not counted up to the last: that number, too, may come from anywhere
    epoch = next(epoch for epoch in range(step, (len(epochs) + 2) * step, step) if epoch not in epochs)
    missing = [epoch for epoch in (epoch, last) if epoch <= last and epoch not in epochs]
    if missing:
        yield f"{_place(row)} has no evaluation at epoch {missing[0]:g}; add it, or say diverged"


def _every(cell: BundledCell) -> int | None:
    """After how many whole epochs a cell is evaluated at the latest; None where nobody says it."""
    every = cell.configuration.get("settings", {}).get("evaluate_every")
    return max(round(every), 1) if is_number(every) and math.isfinite(every) else None


def _place(row: "pd.Series[object]") -> str:
    return ", ".join(f"{key} {row[key]}" for key in KEYS)
