"""Figures of points in the plane."""

import altair as alt
import pandas as pd

from regrade import datasets
from regrade.cells import Cell
from regrade.datasets import prepared


def scatter(cell: Cell) -> alt.Chart | None:
    """The rows of a cell's dataset of two inputs, a panel per split, a colour per class. None where not prepared."""
    folder = datasets.folder(cell.data)
    if not folder.exists():
        return None
    parts = []
    for split in ("train", "test"):
        inputs, targets = prepared.load(folder, split)
        parts.append(pd.DataFrame({"x": inputs[:, 0], "y": inputs[:, 1], "class": targets, "split": split}))
    # Each point is an element of the picture: as many as can be told apart
    data = pd.concat([part.head(800) for part in parts])
    chart = alt.Chart(data).mark_circle(size=10, opacity=0.6)
    chart = chart.encode(
        x=alt.X("x:Q", title=None), y=alt.Y("y:Q", title=None), color=alt.Color("class:N", title="class")
    )
    return chart.properties(width=230, height=230).facet(
        column=alt.Column("split:N", sort=["train", "test"], title=None)
    )
