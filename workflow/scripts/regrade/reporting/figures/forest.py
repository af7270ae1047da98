"""A forest plot of a study's claims: what each puts in which range, and what came out."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from regrade.core.digits import significant
from regrade.reporting.figures import style
from regrade.reporting.figures.limits import limits

ROW, WIDTH, RIGHT, MOST_CHARACTERS = 19, 480, 120, 40
# Between panels, for the name of an axis
GAP = 56
# How thick a band is, in points; half of what a line at its end is, in rows
BAND, BOUND = 10.5, 0.44
# Where the counts begin, as a part of the axis; most ticks along it
COUNT, TICKS = 1.02, 6
CLAIMED, CLAIMED_EDGE = "#DCE3EC", "#6F7F94"
POINT: dict[str, Any] = {"linestyle": "none", "markersize": 6}

Claim = dict[str, Any]


@style.look()
def forest(claims: list[Claim]) -> Figure | None:
    """A row per claim: the claimed range as a band, the effect with its 95 % interval. None without claims.

    `claims` as in claims.json, all with an effect; of each, the decisive part is drawn. Numbers of one kind and unit
    share a panel.
    """
    panels = _panels(claims)
    if not panels:
        return None
    names = [style.clipped(claim["id"], MOST_CHARACTERS) for panel in panels for claim in panel]
    figure, every = style.grid(
        len(panels),
        width=WIDTH,
        height=[ROW * len(panel) for panel in panels],
        left=16 + style.text_width(names),
        right=RIGHT,
        gap=(0, GAP),
        bottom=46,
        legend=_legend(panels),
    )
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, panel)
    return figure


def _panels(claims: list[Claim]) -> list[list[Claim]]:
    """Claims whose numbers can share an axis, the largest panel first; within one, in the order of the claims."""
    panels: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        panels.setdefault((claim["quantity"], claim["unit"]), []).append(claim)
    return sorted(panels.values(), key=len, reverse=True)


def _legend(panels: list[list[Claim]]) -> list[Line2D | Patch]:
    verdicts = {claim["verdict"] for panel in panels for claim in panel}
    return [
        Patch(facecolor=CLAIMED, edgecolor=CLAIMED_EDGE, linewidth=0.8, label="claimed"),
        *(Line2D([], [], label=name, markersize=6, **look) for name, look in style.JUDGED.items() if name in verdicts),
    ]


def _panel(axes: Axes, panel: list[Claim]) -> None:
    ends = [claim[end] for claim in panel for end in ("low", "high")]
    bounds = [bound for claim in panel for bound in claim["claimed"]]
    axes.set_xlim(limits([claim["effect"] for claim in panel], [*ends, *bounds]))
    axes.set_ylim(len(panel) - 0.5, -0.5)
    rows = list(enumerate(panel))
    _claimed(axes, [claim["claimed"] for claim in panel])
    # Artists for many rows at once: each takes its time in each of three formats
    for verdict in dict.fromkeys(claim["verdict"] for claim in panel):
        _effects(axes, [(row, claim) for row, claim in rows if claim["verdict"] == verdict], style.JUDGED[verdict])
    for row, count in enumerate(map(_count, panel)):
        if count:
            axes.text(COUNT, row, count, va="center_baseline", transform=axes.get_yaxis_transform())
    quantity, unit = panel[0]["quantity"], panel[0]["unit"]
    axes.set_yticks(range(len(panel)), [style.clipped(claim["id"], MOST_CHARACTERS) for claim in panel])
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=TICKS)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{quantity} ({unit})" if unit else quantity)


def _claimed(axes: Axes, claimed: list[tuple[float | None, float | None]]) -> None:
    """The claimed ranges as bands up to the edge where they have no bound, and a line at each bound.

    Of a range off the axis, there is an arrow at the edge.
    """
    left, right = axes.get_xlim()
    starts = [left if low is None else low for low, _ in claimed]
    ends = [right if high is None else high for _, high in claimed]
    rows = np.arange(len(claimed))
    axes.hlines(rows, starts, ends, color=CLAIMED, linewidth=BAND, zorder=0.5, capstyle="butt")
    for row, start, end in zip(rows, starts, ends, strict=True):
        if end < left or start > right:
            edge, marker = (left, "<") if end < left else (right, ">")
            axes.plot(edge, row, marker, markersize=6, color=CLAIMED_EDGE, clip_on=False)
    bounds = [(row, bound) for row, both in enumerate(claimed) for bound in both if bound is not None]
    if bounds:
        at, values = np.transpose(bounds)
        axes.vlines(values, at - BOUND, at + BOUND, color=CLAIMED_EDGE, linewidth=1.2)


def _effects(axes: Axes, rows: list[tuple[int, Claim]], look: dict[str, Any]) -> None:
    """Effects with their intervals; what is off the axis is an arrow at its edge, an effect with its value."""
    left, right = axes.get_xlim()
    # An interval with one end known goes on beyond the axis
    ends = [(row, *(claim[end] for end in ("low", "high"))) for row, claim in rows]
    ranges = [
        (row, -np.inf if low is None else low, np.inf if high is None else high)
        for row, low, high in ends
        if (low, high) != (None, None)
    ]
    if ranges:
        at, lows, highs = np.transpose(ranges)
        axes.hlines(at, np.clip(lows, left, right), np.clip(highs, left, right), color=look["color"], linewidth=1.6)
        for edge, off, marker in ((left, lows < left, "<"), (right, highs > right, ">")):
            if off.any():
                axes.plot([edge] * off.sum(), at[off], marker, markersize=4, color=look["color"], clip_on=False)
    points = [(claim["effect"], row) for row, claim in rows if left <= claim["effect"] <= right]
    if points:
        axes.plot(*np.transpose(points), **POINT | look, zorder=3)
    for row, claim in rows:
        if claim["effect"] < left:
            axes.text(left, row, f"← {significant(claim['effect'], 3)}", ha="left", va="center")
        elif claim["effect"] > right:
            axes.text(right, row, f"{significant(claim['effect'], 3)} →", ha="right", va="center")


def _count(claim: Claim) -> str:
    """In how many runs a claim about runs is true, and of how many the number is known, if not of all."""
    if claim["about"] != "runs":
        return ""
    known = f" ({claim['known']} known)" if claim["known"] < claim["seeds"] else ""
    return f"{claim['doing']} of {claim['seeds']}{known}"
