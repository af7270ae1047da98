"""The sources' own noise as a chart: configurations that they state more than once, beside our seeds."""

import altair as alt
import pandas as pd

from regrade.reporting.figures import REPORTED, WIDTH


def chart(repeated: list[dict]) -> alt.LayerChart | None:
    """A row per configuration, with bands from the lowest to the highest accuracy. None where nothing is repeated.

    `repeated` as in claims.json: where, stated, measured.
    """
    rows = [
        {"where": one["where"], "who": who, "accuracy": value}
        for one in repeated
        for who, values in (("reported", one["stated"]), ("reproduced", one["measured"]))
        for value in values
    ]
    if not rows:
        return None
    colour = alt.Color(
        "who:N",
        title=None,
        scale=alt.Scale(domain=["reported", "reproduced"], range=[REPORTED["color"], "#4c78a8"]),
        legend=alt.Legend(orient="bottom"),
    )
    base = alt.Chart(pd.DataFrame(rows)).encode(
        y=alt.Y("where:N", title=None, sort=None, axis=alt.Axis(labelLimit=380)), yOffset="who:N", color=colour
    )
    band = base.mark_bar(opacity=0.25, height=10).encode(
        x=alt.X("min(accuracy):Q", title="accuracy, best epoch", scale=alt.Scale(zero=False)), x2="max(accuracy):Q"
    )
    return (band + base.mark_point(filled=True, size=40).encode(x="accuracy:Q")).properties(width=WIDTH)
