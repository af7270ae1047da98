"""Accuracies with intervals, beside what is reported."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import label
from regrade.reporting.evidence import Evidence, accuracy_metrics
from regrade.reporting.figures import style
from regrade.reporting.template_functions import figure

PANELS_IN_A_ROW = 6
BAR, PANEL = 110, 110
# Of a bar's name, and of a cell's whose name is written upright
CHARACTERS_IN_A_LINE, MOST_CHARACTERS = 17, 44

INTERVAL: dict[str, Any] = {"color": style.REPRODUCED, "linewidth": 1.6}
REPORTED = Line2D([], [], label="reported", **style.DIAMOND)
LEGEND = [Line2D([], [], marker="o", label="reproduced, 95 % interval", markersize=5, **INTERVAL), REPORTED]


@figure
def best_accuracies(evidence: Evidence, experiment: str, names: list[str] | None = None) -> Figure | None:
    """Best-epoch accuracy of each cell with its 95 % interval, and the reported one as a diamond. None without data.

    With `names`, a bar per cell under its name; else a dot per cell, one panel per value of the first of two settings.
    """
    cells = evidence.find(experiment)
    data = pd.DataFrame([evidence.measured(cell) | _stated(evidence, cell) for cell in cells])
    if not cells or "mean" not in data or data["mean"].isna().all():
        return None
    if names:
        return _bars(data, names, axis_title(cells[0]))
    keys = list(cells[0].varying)
    return _panels(data, cells, *keys) if len(keys) == 2 else _dots(data, cells)


def _stated(evidence: Evidence, cell: BundledCell) -> dict[str, list[float]]:
    value = evidence.stated(cell, accuracy_metrics(cell)[0])
    return {"reported": [] if value is None else [value]}


def axis_title(cell: BundledCell) -> str:
    """What an axis with best accuracies of cells like this one is called."""
    return f"{cell.evaluated} accuracy, best epoch"


def _bars(data: pd.DataFrame, names: Sequence[str], title: str) -> Figure:
    texts = [textwrap.fill(style.clipped(name, 3 * CHARACTERS_IN_A_LINE), CHARACTERS_IN_A_LINE) for name in names]
    lines = max(text.count("\n") + 1 for text in texts)
    width = max(300, BAR * len(data))
    bar = Patch(color=style.REPRODUCED, alpha=0.45, label="reproduced, mean")
    interval = Line2D([], [], label="95 % interval", **INTERVAL)
    drawing, (axes,) = style.grid(width=width, bottom=12 + style.LINE * lines, legend=[bar, interval, REPORTED])
    axes.bar(np.arange(len(data)), data["mean"], width=0.3, color=style.REPRODUCED, alpha=0.45)
    with_intervals(axes, data, marker=None)
    axes.set_xticks(range(len(data)), texts)
    axes.set_xlim(-0.5, len(data) - 0.5)
    axes.set_ylabel(title)
    return drawing


def _dots(data: pd.DataFrame, cells: Sequence[BundledCell]) -> Figure:
    texts = [style.clipped(label(cell.varying), MOST_CHARACTERS) for cell in cells]
    width = max(style.WIDTH, 26 * len(data))
    drawing, (axes,) = style.grid(width=width, bottom=16 + style.text_width(texts), legend=LEGEND)
    with_intervals(axes, data)
    axes.set_xticks(range(len(data)), texts, rotation=90)
    axes.set_ylabel(axis_title(cells[0]))
    return drawing


def _panels(data: pd.DataFrame, cells: Sequence[BundledCell], of_panel: str, along: str) -> Figure:
    data = data.assign(panel=[cell.varying[of_panel] for cell in cells], x=[cell.varying[along] for cell in cells])
    panels = list(dict.fromkeys(data["panel"]))
    titles = [style.clipped(f"{of_panel.replace('_', ' ')} = {panel}", MOST_CHARACTERS) for panel in panels]
    places = list(dict.fromkeys(data["x"]))
    texts = [style.clipped(str(place), MOST_CHARACTERS) for place in places]
    columns = min(len(panels), PANELS_IN_A_ROW)
    width = max(PANEL, style.text_width(titles))
    upright = style.text_width(texts) * len(texts) > width
    deep = style.text_width(texts) if upright else 12
    drawing, every = style.grid(
        len(panels), columns, width, top=24, bottom=30 + deep, gap=(12, 46 + deep), share=True, legend=LEGEND
    )
    for axes, panel, title in zip(every, panels, titles, strict=True):
        rows = data[data["panel"] == panel]
        with_intervals(axes, rows, [places.index(x) for x in rows["x"]])
        axes.set_title(title)
        axes.set_xticks(range(len(texts)), texts, rotation=90 if upright else 0)
        axes.set_xlim(-0.5, len(texts) - 0.5)
        axes.set_xlabel(along.replace("_", " "))
    for axes in every[::columns]:
        axes.set_ylabel(axis_title(cells[0]))
    return drawing


def with_intervals(
    axes: Axes, data: pd.DataFrame, places: Sequence[float] | None = None, marker: str | None = "o"
) -> None:
    """Draw each row's mean, its interval from low to high, and what is reported of it as diamonds; LEGEND explains.

    `data`: mean, low, high, and reported (a list). `marker` is the mean's, None for none.
    """
    centres = np.arange(len(data)) if places is None else np.asarray(places)
    axes.vlines(centres, data["low"], data["high"], **INTERVAL)
    if marker:
        axes.plot(centres, data["mean"], linestyle="none", marker=marker, markersize=5, color=style.REPRODUCED)
    stated = [(place, one) for place, values in zip(centres, data["reported"], strict=True) for one in values]
    axes.plot([place for place, _ in stated], [one for _, one in stated], **style.DIAMOND)
    axes.grid(visible=False, axis="x")
