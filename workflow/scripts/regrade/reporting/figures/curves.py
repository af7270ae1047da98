"""Curves: a metric by epoch, of one cell or of several."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import LineStyleType

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import label
from regrade.config.reported import number_of
from regrade.reporting import downsample
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import style
from regrade.reporting.template_functions import figure, value
from regrade.statistics import comparison

# Curves of at most this many evaluations are drawn with points
FEW = 20
# Longer curves have a marker every this many evaluations
MARKED = 12
MOST_CHARACTERS = 60


@figure
def curves(
    evidence: Evidence,
    cells: BundledCell | list[BundledCell] | None,
    metric: str,
    names: list[str] | None = None,
    splits: Sequence[str] = ("train", "test"),
    unit: str = "epoch",
    floor: float | None = None,
    every: int = 1,
) -> Figure | None:
    """`metric` (loss, accuracy, …) by epoch: mean over the seeds, band from smallest to largest. None without data.

    One cell: a colour per split. Several cells: a colour and a marker per cell, called by `names`. Beside test, train
    is dashed. What the source states epoch by epoch is drawn as diamonds. `unit`: epoch, or step for what counts steps
    of the optimizer. A metric of no split has the split "". `floor`: a lower bound of the metric, drawn dotted.
    `every`: draws only epochs that are multiples of it, and the last.
    """
    cells = cells if isinstance(cells, list) else [cells] if cells else []
    names = [style.clipped(name, MOST_CHARACTERS) for name in names or [label(cell.varying) for cell in cells]]
    scale = comparison.steps_per_epoch(cells[0]) if unit == "step" and cells else 1
    drawn: list[tuple[int, str, pd.DataFrame]] = [
        (number, split, table.set_axis(table.index * scale))
        for number, cell in enumerate(cells)
        for split, table in _means(evidence, cell, metric, splits, every).items()
    ]
    if not drawn:
        return None
    several = len(cells) > 1
    handles = _handles(names if several else [], splits, {number for number, *_ in drawn})
    stated = [
        (number, split, points)
        for number, cell in enumerate(cells)
        for split in splits
        if (points := _stated(evidence, cell, metric, split))
    ]
    if stated:
        handles.append(Line2D([], [], label="reported", **style.DIAMOND))
    if floor is not None:
        handles.append(Line2D([], [], color="black", linestyle=":", label="floor"))
    drawing, (axes,) = style.grid(top=18, legend=handles)
    shown = [table.index for *_, table in drawn] + [[epoch for epoch, _ in points] for *_, points in stated]
    epochs = np.unique(np.concatenate(shown))
    for number, split, table in drawn:
        _draw(axes, table, number, len(cells), split, splits, few=len(epochs) <= FEW)
    for number, split, points in stated:
        colour = _colour(number, several, split)
        axes.plot(*zip(*points, strict=True), **style.DIAMOND | {"markerfacecolor": colour, "markersize": 4}, zorder=3)
    if floor is not None:
        axes.axhline(floor, color="black", linestyle=":", linewidth=1)
    axes.set_xlabel(unit)
    axes.set_ylabel(" ".join(([splits[0]] if splits[0] and len(splits) == 1 else []) + [metric.replace("_", " ")]))
    # Where there are few epochs, each has its tick
    if len(epochs) <= FEW and (epochs % 1 == 0).all() and epochs[-1] < 100:
        axes.set_xticks(epochs)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not any(np.isfinite(table).any(axis=None) for *_, table in drawn):
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no finite values: the runs diverged", transform=axes.transAxes, ha="center")
    return drawing


def _means(
    evidence: Evidence, cell: BundledCell, metric: str, splits: Sequence[str], every: int
) -> dict[str, pd.DataFrame]:
    """By split: mean, smallest and largest value over the seeds by epoch, fewer epochs if there are many."""
    rows = evidence.curve(cell)
    if not len(rows):
        return {}
    rows = rows[(rows["epoch"] % every == 0) | (rows["epoch"] == rows["epoch"].max())]
    rows = rows[rows["epoch"].isin(downsample.kept(rows["epoch"]))]
    by_epoch = rows.groupby("epoch")
    columns = {split: f"{split}_{metric}" if split else metric for split in splits}
    return {
        split: by_epoch[column].agg(["mean", "min", "max"]).astype(float)
        for split, column in columns.items()
        if column in rows
    }


def _stated(evidence: Evidence, cell: BundledCell, metric: str, split: str) -> list[tuple[float, float]]:
    """What the source states of a cell by epoch."""
    return [
        (float(row["cell"]["epoch"]), number_of(row))
        for row in evidence.rows_about(cell)
        if "epoch" in row["cell"] and row["metric"] == f"{split}_{metric}"
    ]


def _colour(number: int, several: bool, split: str) -> str:
    return style.COLOURS[number % len(style.COLOURS)] if several else style.SPLITS.get(split, style.COLOURS[0])


def _dash(split: str, splits: Sequence[str]) -> LineStyleType:
    return style.DASHES.get(split, "-") if len(splits) > 1 else "-"


def _draw(
    axes: Axes, table: pd.DataFrame, number: int, cells: int, split: str, splits: Sequence[str], few: bool
) -> None:
    """One curve with its band; markers of long curves are apart from those of the others."""
    colour = _colour(number, cells > 1, split)
    step = max(len(table) // MARKED, 1)
    marker = style.MARKERS[number % len(style.MARKERS)] if few or cells > 1 else None
    # A single evaluation has no area, only an extent
    if len(table) > 1:
        axes.fill_between(table.index, table["min"], table["max"], color=colour, alpha=0.18, linewidth=0)
    else:
        axes.vlines(table.index, table["min"], table["max"], color=colour, alpha=0.4, linewidth=3)
    axes.plot(
        table.index,
        table["mean"],
        color=colour,
        linestyle=_dash(split, splits),
        marker=marker,
        markevery=1 if few else (number * step // max(cells, 1), step),
    )


def _handles(names: list[str], splits: Sequence[str], numbers: set[int]) -> list[Line2D]:
    """The entries of the legend: the cells that are drawn and the splits, each if there are several."""
    handles = [
        Line2D([], [], color=_colour(number, True, ""), marker=style.MARKERS[number % len(style.MARKERS)], label=name)
        for number, name in enumerate(names)
        if number in numbers
    ]
    for split in splits if len(splits) > 1 else ():
        colour = "black" if names else _colour(0, False, split)
        handles.append(Line2D([], [], color=colour, linestyle=_dash(split, splits), label=split))
    return handles


@value
def steps_per_epoch(evidence: Evidence, cell: BundledCell) -> int:
    """See `regrade.statistics.comparison`."""
    return comparison.steps_per_epoch(cell)
