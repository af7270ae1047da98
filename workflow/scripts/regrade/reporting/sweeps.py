"""Figures of accuracy against a setting: of one setting, and of a sweep with one factor at a time."""

import altair as alt
import numpy as np
import pandas as pd

from regrade.cells import Cell
from regrade.reporting.evidence import ACCURACIES, Evidence
from regrade.reporting.figures import HEIGHT, WIDTH, with_intervals
from regrade.statistics.intervals import mean_interval


def by_setting(evidence: Evidence, cells: list[Cell], key: str) -> alt.LayerChart | None:
    """Best train and test accuracy by the setting `key`, means with 95 % intervals. None without data.

    Train accuracies are of the epoch with the highest, as the test accuracies are.
    """
    rows = []
    for cell in cells:
        for split in ("train", "test"):
            values = evidence.of(cell).get(f"{split}_accuracy_best_epoch", pd.Series(dtype=float))
            mean, low, high = mean_interval(values)
            # With few seeds, t reaches beyond what an accuracy can be
            interval = {"low": np.clip(low, 0, 1), "high": np.clip(high, 0, 1)}
            rows.append({"setting": cell.varying[key], "split": split, "mean": mean} | interval)
    data = pd.DataFrame(rows).dropna(subset="mean") if rows else pd.DataFrame()
    if not len(data):
        return None
    base = alt.Chart(data).encode(
        x=alt.X("setting:Q", title=key.replace("_", " "), scale=alt.Scale(type="log", nice=False)),
        color=alt.Color("split:N", title=None, sort=["train", "test"]),
    )
    band = base.mark_area(opacity=0.2).encode(
        y=alt.Y("low:Q", title="accuracy, best epoch", scale=alt.Scale(zero=False)), y2="high:Q"
    )
    return (band + base.mark_line(point=True).encode(y="mean:Q")).properties(width=WIDTH, height=HEIGHT)


def sweep(evidence: Evidence, experiment: str) -> alt.HConcatChart | None:
    """A panel for each factor of an experiment with variations around its settings. None without data.

    The grey band is the spread of the source's own repetitions of the central configuration: no difference within it
    says anything.
    """
    factors = evidence.study.experiments[experiment].around if experiment in evidence.study.experiments else None
    if not factors:
        return None
    centre = evidence.find(experiment, **_centre(evidence, experiment))[0]
    repeats = evidence.stated_values(centre, ACCURACIES[0])
    panels = []
    for factor in factors:
        others = {key: value for key, value in centre.varying.items() if key != factor}
        rows = [
            {"setting": cell.varying[factor], "reported": value, **evidence.measured(cell)}
            for cell in evidence.find(experiment, **others)
            for value in evidence.stated_values(cell, ACCURACIES[0]) or [None]
        ]
        data = pd.DataFrame(rows).sort_values("setting")
        if "mean" not in data:
            data = data.assign(mean=None, low=None, high=None)
        x = alt.X("setting:O", title=factor.replace("_", " "), axis=alt.Axis(labelAngle=0))
        mark = alt.Chart().mark_point(size=45, filled=True, color="#4c78a8")
        chart = with_intervals(data, x, mark, alt.Scale(zero=False))
        if repeats:
            span = pd.DataFrame([{"from": min(repeats), "to": max(repeats)}])
            chart = alt.Chart(span).mark_rect(opacity=0.25, color="gray").encode(y="from:Q", y2="to:Q") + chart
        panels.append(chart.properties(width=150, height=HEIGHT))
    return alt.hconcat(*panels).resolve_scale(y="shared") if evidence.any_trained(experiment) else None


def _centre(evidence: Evidence, experiment: str) -> dict:
    """The settings that the factors are varied around: of each factor, the value that most cells have."""
    varied = pd.DataFrame([cell.varying for cell in evidence.find(experiment)])
    return {factor: values.mode()[0].item() for factor, values in varied.items()}
