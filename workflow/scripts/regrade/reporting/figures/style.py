"""What all figures share: the style file, the meaning of colours, dashes and markers, and the layout of axes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import LineStyleType

from regrade.reporting import TEMPLATES

FILE = TEMPLATES / "figures.mplstyle"
# Matplotlib's own defaults below it, so that a user's matplotlibrc changes nothing
_BACKEND = ("backend", "backend_fallback", "interactive", "toolbar", "timezone", "webagg.", "tk.", "keymap.")
_SETTINGS = {
    name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith(_BACKEND)
} | matplotlib.rc_params_from_file(FILE, use_default_template=False)

# Each thing has one colour in all figures, and besides a dash or a marker, which remain in black and white
COLOURS: list[str] = _SETTINGS["axes.prop_cycle"].by_key()["color"]
SPLITS = {"train": COLOURS[1], "test": COLOURS[0], "validation": COLOURS[2]}
DASHES: dict[str, LineStyleType] = {"train": "--", "validation": "-."}
REPRODUCED, REPORTED = COLOURS[0], "#D55E00"
# Keyword arguments of matplotlib: each has a type of its own
DIAMOND: dict[str, Any] = {
    "marker": "D",
    "markeredgecolor": REPORTED,
    "markerfacecolor": "white",
    "linestyle": "none",
    "markersize": 5,
}
# What a claim's verdict and a number's grade look like. A hollow marker judges nothing
_GOOD, _BAD = {"marker": "o", "color": COLOURS[2]}, {"color": COLOURS[3]}
_UNJUDGED = {"color": COLOURS[5], "markerfacecolor": "white"}
JUDGED: dict[str, dict[str, Any]] = {
    "confirmed": _GOOD,
    "contradicted": {"marker": "X", **_BAD},
    "inconclusive": {"marker": "s", "color": COLOURS[1]},
    "within": _GOOD,
    "above": {"marker": "^", **_BAD},
    "below": {"marker": "v", **_BAD},
    "too few seeds": {"marker": "s", **_UNJUDGED},
    "other settings": {"marker": "P", **_UNJUDGED},
    "not at full protocol": {"marker": "D", **_UNJUDGED},
    "other protocol": {"marker": "^", **_UNJUDGED},
    "not run": {"marker": "v", **_UNJUDGED},
}
# Seven, as there are six colours: the combinations repeat after 42
MARKERS = ("o", "s", "^", "v", "P", "X", "*")

# Of axes, in pixels of the page: with its margins, a figure is as wide as a column of the page's pairs
WIDTH, HEIGHT = 404, 230
INCH = 96
LINE = 16


@contextmanager
def look() -> Iterator[None]:
    """A context, or decorator, in which figures are made and written with our own settings of matplotlib."""
    with matplotlib.rc_context(_SETTINGS):
        yield


def grid(
    count: int = 1,
    columns: int = 1,
    width: float = WIDTH,
    height: float | Sequence[float] = HEIGHT,
    left: float = 62,
    right: float = 12,
    top: float = 10,
    bottom: float = 40,
    gap: tuple[float, float] = (14, 40),
    share: bool = False,
    legend: Sequence[Artist] = (),
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes of width × height pixels, `columns` in a row, and margins around all of them.

    `height`: of all axes, or of those in each row. `gap`: pixels between columns and between rows. `share`: all have
    the same y axis, labelled on the left. `legend`: what has an entry in a legend along the lower edge, which gets the
    room that it needs.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    across = left + columns * width + (columns - 1) * gap[0] + right
    names = [str(handle.get_label()) for handle in legend]
    entries = max(1, min(len(names), int((across - 6) // (text_width(names) + 46))))
    bottom += LINE * -(-len(names) // entries)
    heights = [height] * rows if isinstance(height, int | float) else list(height)
    down = top + sum(heights) + (rows - 1) * gap[1] + bottom
    figure = Figure(figsize=(across / INCH, down / INCH))
    edges = {"left": left / across, "right": 1 - right / across, "bottom": bottom / down, "top": 1 - top / down}
    spaces = {"wspace": gap[0] / width, "hspace": gap[1] * rows / sum(heights), "height_ratios": heights}
    axes = figure.subplots(rows, columns, sharey=share, squeeze=False, gridspec_kw=edges | spaces).flatten()
    for unused in axes[count:]:
        unused.remove()
    if legend:
        # Below the axes, or from the figure's edge on where that is too narrow
        start = max(6, min(left, across - entries * (text_width(names) + 46)))
        figure.legend(handles=legend, loc="lower left", bbox_to_anchor=(start / across, 3 / down), ncols=entries)
    return figure, list(axes[:count])


def text_width(texts: Sequence[str]) -> float:
    """Approximate width in pixels of the longest of these texts, as a tick label or in a legend."""
    return 6.6 * max(map(len, texts), default=0)


def clipped(text: str, most: int) -> str:
    """The text, with an ellipsis in its middle if it has more than `most` characters: ends often tell texts apart.

    Its dollars are escaped: what a source calls its tables is no formula.
    """
    half = (most - 1) // 2
    return (text if len(text) <= most else f"{text[:half]}…{text[-half:]}").replace("$", r"\$")
