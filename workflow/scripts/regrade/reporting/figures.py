"""Figures: charts of curves and of best accuracies, as Altair charts."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from regrade.cells import Cell, label
from regrade.reporting import thinning
from regrade.reporting.evidence import ACCURACIES, Evidence

WIDTH, HEIGHT = 460, 260
REPORTED = {"shape": "diamond", "color": "#e45756"}


def curves(
    evidence: Evidence,
    cells: list[Cell],
    metric: str,
    names: list[str] | None,
    splits: Sequence[str],
    unit: str = "epoch",
    floor: float | None = None,
) -> alt.LayerChart | None:
    """`metric` (loss, accuracy, …) by epoch: mean over the seeds, band from smallest to largest. None without data.

    One cell: a colour per split. Several cells: a colour per cell, called by `names`, train dashed. What the source
    states epoch by epoch is drawn as diamonds. `unit`: epoch, or step for what counts steps of the optimizer. A metric
    of no split has the split "". `floor`: a value that cannot be fallen short of, as a dashed line.
    """
    names = names or [label(cell.varying) for cell in cells]
    parts = [
        part for cell, name in zip(cells, names, strict=True) for part in _means(evidence, cell, name, metric, splits)
    ]
    if not parts:
        return None
    data = pd.concat(parts)
    if unit == "step":
        data["epoch"] *= steps_per_epoch(cells[0])
    few = data["epoch"].max() <= 20
    ticks = {"values": list(range(1, int(data["epoch"].max()) + 1))} if few else {}
    base = alt.Chart(data).encode(x=alt.X("epoch:Q", title=unit, axis=alt.Axis(format="d", **ticks)))
    several = len(cells) > 1
    title = metric.replace("_", " ") if len(splits) > 1 else f"{splits[0]} {metric.replace('_', ' ')}".strip()
    colour = alt.Color(
        "cell:N" if several else "split:N",
        title=None,
        sort=None,
        legend=alt.Legend(orient="bottom", labelLimit=400, columns=2, symbolOpacity=1, symbolType="stroke")
        if several or any(splits)
        else None,
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
    stated = pd.DataFrame([row for cell in cells for row in _stated(evidence, cell, metric, splits)])
    layers = band + line
    if len(stated):
        points = alt.Chart(stated).mark_point(shape=REPORTED["shape"], size=30, filled=True, opacity=0.8)
        layers += points.encode(x="epoch:Q", y="value:Q", color=colour)
    if floor is not None:
        rule = alt.Chart(pd.DataFrame([{"floor": floor}])).mark_rule(strokeDash=[4, 4], color="gray")
        layers += rule.encode(y="floor:Q")
    return layers.properties(width=WIDTH, height=HEIGHT)


def _means(evidence: Evidence, cell: Cell, name: str, metric: str, splits: Sequence[str]) -> list[pd.DataFrame]:
    """Mean, smallest and largest value over the seeds by epoch, thinned if there are many, one table per split."""
    rows = evidence.curve(cell)
    if not len(rows):
        return []
    rows = rows[rows["epoch"].isin(thinning.kept(rows["epoch"]))]
    columns = [f"{split}_{metric}" if split else metric for split in splits]
    tables = [rows.groupby("epoch")[column].agg(["mean", "min", "max"]) for column in columns]
    return [table.reset_index().assign(split=split, cell=name) for table, split in zip(tables, splits, strict=True)]


def _stated(evidence: Evidence, cell: Cell, metric: str, splits: Sequence[str]) -> list[dict]:
    """What the source states of a cell epoch by epoch; it does so only of experiments with a single cell."""
    return [
        {"epoch": row["cell"]["epoch"], "split": split, "value": float(row["value"]), "cell": cell.experiment}
        for split in splits
        for row in evidence.reported
        if row["experiment"] == cell.experiment and "epoch" in row["cell"] and row["metric"] == f"{split}_{metric}"
    ]


def steps_per_epoch(cell: Cell) -> int:
    """Steps of the optimizer in an epoch of a cell whose settings give the training rows."""
    settings = cell.configuration().settings
    return -(-settings.train_rows // settings.batch_size)


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
        sort=list(dict.fromkeys(data[keys[1]])) if panels else None,
        title=keys[1] if panels else None,
        axis=alt.Axis(labelLimit=260, labelAngle=0 if names else -90),
    )
    mark = (
        alt.Chart().mark_bar(size=28, color="#4c78a8", opacity=0.75)
        if names
        else alt.Chart().mark_point(size=45, filled=True, color="#4c78a8")
    )
    layers = with_intervals(data, x, mark, alt.Scale(zero=bool(names)))
    if panels:
        return layers.properties(width=100, height=HEIGHT).facet(
            column=alt.Column(f"{keys[0]}:O", sort=list(dict.fromkeys(data[keys[0]])))
        )
    return layers.properties(width=max(300, 110 * len(cells)), height=HEIGHT)


def with_intervals(data: pd.DataFrame, x: alt.X, mark: alt.Chart, scale: alt.Scale) -> alt.LayerChart:
    """`mark` at each row's mean, its interval from low to high as a rule, what is reported as a diamond."""
    base = alt.Chart(data).encode(x=x)
    mark = mark.encode(x=x, y=alt.Y("mean:Q", scale=scale))
    mark.data = data
    rule = base.mark_rule(strokeWidth=2, color="#26476b").encode(
        y=alt.Y("low:Q", title="test accuracy, best epoch", scale=scale), y2="high:Q"
    )
    return mark + rule + base.mark_point(**REPORTED, size=70, strokeWidth=2).encode(y="reported:Q")
