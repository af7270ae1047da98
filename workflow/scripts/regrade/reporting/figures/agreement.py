"""Reported against reproduced numbers, a panel per table of the source."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regrade.reporting.figures import style
from regrade.reporting.figures.limits import limits
from regrade.statistics.units import unit

# A table with fewer numbers of one unit has no panel
LEAST_NUMBERS = 3
COLUMNS, SIDE, TICKS = 3, 205, 4
MOST_CHARACTERS = 34
# Numbers that differ by more than this factor are drawn on a logarithmic scale
DECADES = 100
INTERVALS = ("mean", "low", "high", "predicted_low", "predicted_high")
PREDICTION: dict[str, Any] = {"linewidth": 1.0, "alpha": 0.6}
MEAN: dict[str, Any] = {"linewidth": 2.6}
POINT: dict[str, Any] = {"linestyle": "none", "markersize": 5}
ARROW = 15


@style.look()
def agreement(grades: list[dict]) -> Figure | None:
    """Of each table with at least three measured numbers of a unit: ours against the source's. None without any.

    `grades` as in grades.parquet. Thin lines are prediction intervals, which decide the grade; thick ones are 95 %
    intervals of the mean.
    """
    tables = _tables(grades)
    if not tables:
        return None
    known = {grade for _, numbers in tables for grade in numbers["grade"]}
    handles = [Line2D([], [], label=name, **POINT | look) for name, look in style.JUDGED.items() if name in known]
    handles += [
        Line2D([], [], color="black", label="one more run", **PREDICTION),
        Line2D([], [], color="black", label="95 % interval", **MEAN),
    ]
    figure, every = style.grid(len(tables), COLUMNS, SIDE, SIDE, top=24, gap=(66, 66), bottom=44, legend=handles)
    for number, (axes, (title, numbers)) in enumerate(zip(every, tables, strict=True)):
        _panel(axes, numbers)
        axes.set_title(style.clipped(title, MOST_CHARACTERS))
        axes.set_xlabel("reported")
        if number % COLUMNS == 0:
            axes.set_ylabel("reproduced")
    return figure


def _tables(grades: list[dict]) -> list[tuple[str, pd.DataFrame]]:
    """By place in the source and unit: the numbers that the source states and we measured, as floats."""
    rows = pd.DataFrame(grades, columns=["source", "metric", "grade", "reported", *INTERVALS])
    for column in ("reported", "mean"):
        rows[column] = pd.to_numeric(rows[column], errors="coerce")  # some state texts, or lower bounds
    rows = rows.dropna(subset=["reported", "mean"])
    rows["unit"] = rows["metric"].map(unit)
    rows = rows[rows["unit"] != "parameters"]  # counts are the same or not, which needs no plot
    groups = rows.groupby(["source", "unit"], sort=False)
    return [
        (f"{source} ({name})" if name else source, numbers)
        for (source, name), numbers in groups
        if len(numbers) >= LEAST_NUMBERS
    ]


def _panel(axes: Axes, numbers: pd.DataFrame) -> None:
    values = numbers[["reported", "mean"]].to_numpy().ravel()
    if values.min() > 0 and values.max() > DECADES * values.min():
        axes.set(xscale="log", yscale="log")
        axes.minorticks_off()
        low, high = np.exp(limits(np.log(values)))
    else:
        low, high = limits(values, numbers[["predicted_low", "predicted_high"]].to_numpy().ravel())
        axes.locator_params(nbins=TICKS)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.plot([low, high], [low, high], color="#888888", linewidth=0.8, zorder=1)
    for grade, of_grade in numbers.groupby("grade", sort=False):
        look = style.JUDGED[str(grade)]
        x = of_grade["reported"]
        for (least, most), line in ((("predicted_low", "predicted_high"), PREDICTION), (("low", "high"), MEAN)):
            # Intervals may have no end
            axes.vlines(x, of_grade[least].clip(low, high), of_grade[most].clip(low, high), color=look["color"], **line)
        axes.plot(x, of_grade["mean"], **POINT | look, zorder=3)
        _point_at(axes, of_grade, look)


def _point_at(axes: Axes, numbers: pd.DataFrame, look: dict[str, Any]) -> None:
    """An arrow at the edge for each number that is off the axes, which show what most numbers are about.

    Not a triangle, which would be a grade.
    """
    low, high = axes.get_xlim()
    x, y = numbers["reported"], numbers["mean"]
    # Of each side: where in the arrow its place is, across and up
    for off, arrow, across, up in (
        (y > high, "↑", "center", "top"),
        (y < low, "↓", "center", "bottom"),
        (x > high, "→", "right", "center"),
        (x < low, "←", "left", "center"),
    ):
        for at, height in numbers.loc[off, ["reported", "mean"]].clip(low, high).to_numpy():
            axes.text(at, height, arrow, color=look["color"], size=ARROW, ha=across, va=up, zorder=4)
