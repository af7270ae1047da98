"""What mattered in a grid: effects beside the noise of single runs, shares of variance, a map of two settings."""

import math

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from regrade.core.digits import significant
from regrade.reporting.figures import style
from regrade.statistics.effects import SEEDS, Grid
from regrade.statistics.units import unit

ROW, WIDTH, MOST_CHARACTERS = 19, 300, 32
SQUARE, LARGEST = (64, 34), 12
NOISE = "#D5D9DF"
BAND = Patch(color=NOISE, label="single runs of a cell, ± 1 standard deviation")
# Above this brightness of its colour, a number in a map is black
BRIGHT = 0.55


@style.look()
def main_effects(grid: Grid) -> Figure:
    """A row per value of each setting: how far its cells are from the mean of all, with the 95 % interval.

    A band shows how far single runs of one cell are from their mean: an effect within it is less than one more run.
    """
    rows = [(name, level) for name in grid.ranked for level in grid.levels[name]]
    names = [style.clipped(f"{name}={level.value}", MOST_CHARACTERS) for name, level in rows]
    handles = [Line2D([], [], marker="o", markersize=5, color=style.REPRODUCED, label="effect, 95 % interval"), BAND]
    left = 16 + style.text_width(names)
    # The last tick may reach beyond the axis
    figure, (axes,) = style.grid(height=ROW * len(rows), width=WIDTH, left=left, right=24, bottom=46, legend=handles)
    axes.axvspan(-grid.spread, grid.spread, color=NOISE, linewidth=0, zorder=0)
    axes.axvline(0, color="#444444", linewidth=0.8)
    for row, (_, level) in enumerate(rows):
        low, high = level.effect.interval()
        if not math.isnan(low):
            axes.hlines(row, low, high, color=style.REPRODUCED, linewidth=1.6)
        axes.plot(level.effect.value, row, "o", color=style.REPRODUCED, markersize=5)
    ends = np.cumsum([len(grid.levels[name]) for name in grid.ranked])[:-1]
    axes.hlines(ends - 0.5, 0, 1, transform=axes.get_yaxis_transform(), color="#444444", linewidth=0.5)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(f"{grid.metric.replace('_', ' ')}, from the mean{_unit(grid)}")
    return figure


@style.look()
def shares(grid: Grid) -> Figure:
    """A bar per source of variance, with a mark for what chance alone stays below in 95 % of experiments."""
    rows = [*sorted(grid.shares[:-1], key=lambda one: -one.share), grid.shares[-1]]
    names = [style.clipped(one.source, MOST_CHARACTERS) for one in rows]
    colours = [NOISE if one.source == SEEDS else style.REPRODUCED for one in rows]
    handles = [Line2D([], [], color="black", marker="|", linestyle="none", markersize=9, label="chance alone, 95 %")]
    left = 16 + style.text_width(names)
    figure, (axes,) = style.grid(
        height=ROW * 1.3 * len(rows), width=WIDTH, left=left, right=50, bottom=46, legend=handles
    )
    axes.barh(range(len(rows)), [grid.parts[one.source] for one in rows], color=colours, height=0.7)
    for row, one in enumerate(rows):
        axes.text(
            1.02,
            row,
            f"{100 * grid.parts[one.source]:.0f} %",
            va="center_baseline",
            transform=axes.get_yaxis_transform(),
        )
        if not math.isnan(one.chance):
            axes.plot(min(one.chance, 1.0), row, "|", color="black", markersize=12, markeredgewidth=1.6)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the variance between single runs")
    return figure


@style.look()
def heat_map(grid: Grid) -> Figure | None:
    """Means by the values of the two settings that explain most. None with fewer settings, or too many values."""
    if len(grid.levels) < 2 or max(len(grid.levels[name]) for name in grid.ranked[:2]) > LARGEST:
        return None
    first, second = grid.ranked[:2]
    means = grid.map(first, second)
    rows, columns = means.shape
    down_names, across_names = (
        [style.clipped(str(level.value), MOST_CHARACTERS) for level in grid.levels[name]] for name in (first, second)
    )
    title, label = (style.clipped(text, MOST_CHARACTERS) for text in (f"{first} ↓", second))
    across = columns * max(SQUARE[0], style.text_width(across_names) + 8)
    width = max(across, style.text_width([title, label]))
    left = 16 + style.text_width(down_names)
    figure, (axes,) = style.grid(height=SQUARE[1] * rows, width=width, left=left, top=26, bottom=46)
    norm = Normalize(means.min(), means.max())
    picture = axes.imshow(means, aspect="auto", norm=norm)
    for row, column in np.ndindex(rows, columns):
        red, green, blue, _ = picture.to_rgba(means[row, column])
        bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > BRIGHT
        text = significant(float(means[row, column]), 3)
        axes.text(column, row, text, ha="center", va="center", color="black" if bright else "white")
    axes.set_xticks(range(columns), across_names)
    axes.set_yticks(range(rows), down_names)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.set_title(title)
    axes.set_xlabel(label)
    return figure


def _unit(grid: Grid) -> str:
    return f" ({one})" if (one := unit(grid.metric)) else ""
