"""Figures: charts of curves and of best accuracies, as Altair charts."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from regrade.cells import Cell, label
from regrade.reporting.evidence import ACCURACIES, Evidence

WIDTH, HEIGHT = 460, 260
AXIS_TITLES = {"loss": "loss (cross-entropy)", "accuracy": "accuracy"}


def curves(
    evidence: Evidence, cells: list[Cell], metric: str, names: list[str] | None, splits: Sequence[str]
) -> alt.Chart | None:
    """`metric` (loss or accuracy) by epoch: mean over the seeds, band from smallest to largest. None without data.

    One cell: a colour per split. Several cells: a colour per cell, called by `names`, train dashed.
    """
    parts = []
    names = names or [label(cell.varying) for cell in cells]
    for cell, name in zip(cells, names, strict=True):
        rows = evidence.curves[
            (evidence.curves["experiment"] == cell.experiment) & (evidence.curves["cell"] == cell.name)
        ]
        for split in splits:
            by_epoch = rows.groupby("epoch")[f"{split}_{metric}"].agg(["mean", "min", "max"]) if len(rows) else None
            if by_epoch is not None:
                parts.append(by_epoch.reset_index().assign(split=split, cell=name))
    if not parts:
        return None
    data = pd.concat(parts)
    few = data["epoch"].max() <= 20
    ticks = {"values": list(range(1, int(data["epoch"].max()) + 1))} if few else {}
    base = alt.Chart(data).encode(x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(format="d", **ticks)))
    several = len(cells) > 1
    title = AXIS_TITLES[metric] if len(splits) > 1 else f"{splits[0]} {AXIS_TITLES[metric]}"
    colour = alt.Color(
        "cell:N" if several else "split:N",
        title=None,
        sort=None,
        legend=alt.Legend(orient="bottom", labelLimit=400, columns=2, symbolOpacity=1, symbolType="stroke"),
    )
    band = base.mark_area(opacity=0.2).encode(
        y=alt.Y("min:Q", title=title, scale=alt.Scale(zero=False)),
        y2="max:Q",
        color=colour,
        detail="split:N",
    )
    line = base.mark_line(strokeWidth=1.5, point={"size": 18} if few else False).encode(y="mean:Q", color=colour)
    if several and len(splits) > 1:
        line = line.encode(
            strokeDash=alt.StrokeDash("split:N", title=None, sort=["test", "train"], legend=alt.Legend(orient="bottom"))
        )
    return (band + line).properties(width=WIDTH, height=HEIGHT)


def best_accuracies(evidence: Evidence, cells: list[Cell], names: list[str] | None = None) -> alt.Chart | None:
    """Best-epoch accuracy per cell with its 95 % interval, and the reported one as a diamond. None without data.

    With `names`, a bar per cell under its name; else a dot per cell, one panel per value of the first of two settings.
    """
    rows = []
    for i, cell in enumerate(cells):
        measured, stated = evidence.measured(cell), evidence.stated(cell, ACCURACIES[0])
        rows.append(
            {**cell.varying, "cell": names[i] if names else label(cell.varying), "reported": stated, **measured}
        )
    data = pd.DataFrame(rows)
    if not cells or "mean" not in data or data["mean"].isna().all():
        return None
    keys = list(cells[0].varying)
    panels = len(keys) == 2 and not names
    x = alt.X(
        f"{keys[1]}:O" if panels else "cell:N",
        sort=None,
        title=keys[1] if panels else None,
        axis=alt.Axis(labelLimit=260, labelAngle=0 if names else -90),
    )
    y_scale = alt.Scale(zero=bool(names))
    base = alt.Chart(data).encode(x=x)
    mark = (
        base.mark_bar(size=28, color="#4c78a8", opacity=0.75)
        if names
        else base.mark_point(size=45, filled=True, color="#4c78a8")
    )
    layers = base.mark_rule(strokeWidth=2, color="#26476b").encode(
        y=alt.Y("low:Q", title="test accuracy, best epoch", scale=y_scale), y2="high:Q"
    )
    layers = mark.encode(y=alt.Y("mean:Q", scale=y_scale)) + layers
    layers += base.mark_point(shape="diamond", size=70, color="#e45756", strokeWidth=2).encode(y="reported:Q")
    if panels:
        return layers.properties(width=100, height=HEIGHT).facet(column=alt.Column(f"{keys[0]}:O", sort=None))
    return layers.properties(width=max(300, 110 * len(cells)), height=HEIGHT)
