"""The sources' own noise as a chart: configurations that they state more than once, beside our seeds."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regrade.reporting.figures import style

ROW, MOST_CHARACTERS = 44, 64
KINDS = (("reported", "stated", "D", style.REPORTED, -0.17), ("reproduced", "measured", "o", style.REPRODUCED, 0.17))


@style.look()
def noise(repeated: list[dict]) -> Figure | None:
    """A row per configuration, with bands from the lowest to the highest accuracy. None where nothing is repeated.

    `repeated` as in claims.json: where, stated, measured.
    """
    if not any(one["stated"] or one["measured"] for one in repeated):
        return None
    names = [style.clipped(one["where"], MOST_CHARACTERS) for one in repeated]
    left = 20 + style.text_width(names)
    handles = [
        Line2D([], [], color=colour, marker=marker, label=name, alpha=0.7) for name, _, marker, colour, _ in KINDS
    ]
    figure, (axes,) = style.grid(height=ROW * len(names), left=left, legend=handles)
    for row, one in enumerate(repeated):
        for _, values, marker, colour, shift in KINDS:
            known = one[values]
            if known:
                axes.hlines(row + shift, min(known), max(known), color=colour, alpha=0.3, linewidth=7)
                axes.plot(known, [row + shift] * len(known), linestyle="none", marker=marker, color=colour, alpha=0.7)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("accuracy, best epoch")
    return figure
