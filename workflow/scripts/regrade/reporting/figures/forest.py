"""A forest plot of a study's claims: what each puts in which range, and what came out."""

from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from regrade.reporting.figures import style
from regrade.reporting.figures.limits import limits

ROW, WIDTH, RIGHT, MOST_CHARACTERS = 19, 480, 120, 40
# Between panels, for the name of an axis
GAP = 56
# Half of a row's height, in rows
BAND, BOUND = 0.36, 0.44
CLAIMED, CLAIMED_EDGE = "#DCE3EC", "#6F7F94"
# The order of the panels, by what their numbers are
QUANTITIES = ("difference", "value", "ratio", "slope")
INTERVAL: dict[str, Any] = {"linewidth": 1.6}

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
    """Claims whose numbers can share an axis, each list in the order of the claims."""

    def axis(claim: Claim) -> tuple[int, str]:
        return QUANTITIES.index(claim["quantity"]), claim["unit"]

    return [list(group) for _, group in groupby(sorted(claims, key=axis), key=axis)]


def _legend(panels: list[list[Claim]]) -> list[Line2D | Patch]:
    verdicts = {claim["verdict"] for panel in panels for claim in panel}
    return [
        Patch(facecolor=CLAIMED, edgecolor=CLAIMED_EDGE, linewidth=0.8, label="claimed"),
        *(Line2D([], [], label=name, markersize=6, **look) for name, look in style.JUDGED.items() if name in verdicts),
    ]


def _panel(axes: Axes, panel: list[Claim]) -> None:
    ends = [claim[end] for claim in panel for end in ("low", "high")]
    bounds = [bound for claim in panel for bound in claim["claimed"]]
    low, high = limits([claim["effect"] for claim in panel], [*ends, *bounds])
    axes.set_xlim(low, high)
    axes.set_ylim(len(panel) - 0.5, -0.5)
    for row, claim in enumerate(panel):
        _claimed(axes, row, claim["claimed"])
        _effect(axes, row, claim)
        axes.annotate(_count(claim), (1, row), (8, 0), ("axes fraction", "data"), "offset points", va="center_baseline")
    quantity, unit = panel[0]["quantity"], panel[0]["unit"]
    axes.set_yticks(range(len(panel)), [style.clipped(claim["id"], MOST_CHARACTERS) for claim in panel])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{quantity} ({unit})" if unit else quantity)


def _claimed(axes: Axes, row: int, claimed: list[float | None]) -> None:
    """The claimed range as a band up to the edge where it has no bound, and a line at each bound."""
    edges = axes.get_xlim()
    low, high = (edge if bound is None else bound for bound, edge in zip(claimed, edges, strict=True))
    axes.barh(row, high - low, left=low, height=2 * BAND, color=CLAIMED, linewidth=0, zorder=0.5)
    bounds = [bound for bound in claimed if bound is not None]
    axes.vlines(bounds, row - BOUND, row + BOUND, color=CLAIMED_EDGE, linewidth=1.2)


def _effect(axes: Axes, row: int, claim: Claim) -> None:
    """The effect and its interval; what is off the axis is an arrow at its edge, an effect with its value."""
    look = style.JUDGED[claim["verdict"]]
    low, high = axes.get_xlim()
    effect = claim["effect"]
    if claim["low"] is not None:
        start, end = np.clip([claim["low"], claim["high"]], low, high)
        axes.hlines(row, start, end, color=look["color"], **INTERVAL)
        for place, off, marker in ((low, claim["low"] < low, "<"), (high, claim["high"] > high, ">")):
            if off:
                axes.plot(place, row, marker=marker, markersize=4, color=look["color"], clip_on=False)
    if low <= effect <= high:
        axes.plot(effect, row, **{"linestyle": "none", "markersize": 6} | look, zorder=3)
    else:
        left = effect < low
        place, ha = (low, "left") if left else (high, "right")
        text = f"← {effect:.3g}" if left else f"{effect:.3g} →"
        axes.text(place, row, text, ha=ha, va="center", color="black", fontsize="small")


def _count(claim: Claim) -> str:
    """In how many runs a claim about runs is true, and of how many the number is known, if not of all."""
    if claim["about"] != "runs":
        return ""
    known = f" ({claim['known']} known)" if claim["known"] < claim["seeds"] else ""
    return f"{claim['doing']} of {claim['seeds']}{known}"
