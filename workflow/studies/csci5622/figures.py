"""Accuracy against a setting: of one setting, and of a sweep with one factor at a time; numbers of parameters."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator
from regrade.bundle.manifest import BundledCell
from regrade.config.reported import EPOCH_SECONDS, number_of
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import style
from regrade.reporting.figures.accuracies import LEGEND, axis_title, with_intervals
from regrade.reporting.tables import comparisons, table_format
from regrade.reporting.template_functions import figure, table

PANEL = 150
# What the source quotes of its sweep
ACCURACY = "test_accuracy_best_epoch"


@figure
def by_setting(evidence: Evidence, experiment: str, key: str) -> Figure | None:
    """Best train and test accuracy by the setting `key`, means with 95 % intervals as in tables. None without data.

    Train accuracies are of the epoch with the highest, as the test accuracies are.
    """
    cells = sorted(evidence.find(experiment), key=lambda cell: cell.varying[key])
    if not evidence.any_trained(experiment):
        return None
    looks = {
        split: {"color": style.SPLITS[split], "linestyle": style.DASHES.get(split, "-"), "marker": marker}
        for split, marker in (("train", "s"), ("test", "o"))
    }
    band = Patch(color="black", alpha=0.18, label="95 % interval of the mean")
    handles = [*(Line2D([], [], label=split, **look) for split, look in looks.items()), band]
    made, (axes,) = style.grid(legend=handles)
    settings = [cell.varying[key] for cell in cells]
    for split, look in looks.items():
        metric = f"{split}_accuracy_best_epoch"
        axes.plot(settings, [evidence.values(cell, metric).mean() for cell in cells], **look)
        ends = np.transpose([evidence.interval(cell, metric) for cell in cells])
        axes.fill_between(settings, *ends, color=look["color"], alpha=0.18, linewidth=0)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(settings, [f"{setting:g}" for setting in settings])
    axes.set_xlabel(key.replace("_", " "))
    axes.set_ylabel("accuracy, best epoch")
    return made


@figure
def sweep(evidence: Evidence, experiment: str) -> Figure | None:
    """A panel for each factor of an experiment with variations around its settings. None without data.

    The grey band is the spread of the source's own repetitions of the central configuration: no difference within it
    says anything.
    """
    if not evidence.any_trained(experiment):
        return None
    factors = list(evidence.find(experiment)[0].varying)
    centre = evidence.find(experiment, **_centre(evidence, experiment))[0]
    repeats = evidence.stated_values(centre, ACCURACY)
    band = Patch(color="black", alpha=0.13, label="spread of the source's repetitions")
    handles = [*LEGEND, band] if repeats else LEGEND
    made, panels = style.grid(len(factors), len(factors), PANEL, share=True, legend=handles)
    for axes, factor in zip(panels, factors, strict=True):
        others = {key: value for key, value in centre.varying.items() if key != factor}
        cells = sorted(evidence.find(experiment, **others), key=lambda cell: cell.varying[factor])
        rows = [evidence.measured(cell) | {"reported": evidence.stated_values(cell, ACCURACY)} for cell in cells]
        if repeats:
            axes.axhspan(min(repeats), max(repeats), color="black", alpha=0.13, linewidth=0)
        with_intervals(axes, pd.DataFrame(rows, columns=["mean", "low", "high", "reported"]))
        axes.set_xticks(range(len(cells)), [str(cell.varying[factor]) for cell in cells])
        axes.set_xlim(-0.6, len(cells) - 0.4)
        axes.set_xlabel(factor.replace("_", " "))
    panels[0].set_ylabel(axis_title(centre))
    return made


def _centre(evidence: Evidence, experiment: str) -> dict:
    """The settings that the factors are varied around: of each factor, the value that most cells have."""
    varied = pd.DataFrame([cell.varying for cell in evidence.find(experiment)])
    return {factor: values.mode()[0].item() for factor, values in varied.items()}


def shown_parameters(parameters: pd.DataFrame) -> table_format.Shown:
    """`parameters` for a reader."""
    return table_format.with_headings(parameters, reported=("Reported", ",.0f"), counted=("Counted", ",.0f"))


@table(shown_parameters)
def parameters(evidence: Evidence, rows: Sequence[tuple[str, BundledCell | None, str, str]]) -> pd.DataFrame:
    """Trainable parameters, reported and counted: (text, cell, layer, the layer's name in reported.csv).

    "" stands for all layers.
    """
    counts = []
    for text, cell, layer, stated in rows:
        if not cell:
            continue
        recorded = evidence.known(cell, "parameters_by_layer")
        of_layers = json.loads(recorded.iloc[0]) if len(recorded) else {}
        metric = "trainable_parameters"
        reported = evidence.stated_of_layer(cell, stated, metric) if layer else evidence.stated(cell, metric)
        counted = of_layers.get(layer) if layer else sum(of_layers.values()) or None
        counts.append({"": text, "reported": reported, "counted": counted, "folder": cell.folder.as_posix()})
    return pd.DataFrame(counts)


@table(comparisons.shown_times)
def seconds_per_epoch(evidence: Evidence, rows: Sequence[tuple[str, BundledCell | None]]) -> pd.DataFrame:
    """Mean seconds of an epoch, its evaluation included, of chosen cells (text, cell); see `comparisons.timed`."""
    return comparisons.timed(evidence, [(text, cell, *_seconds(evidence, cell)) for text, cell in rows if cell])


def _seconds(evidence: Evidence, cell: BundledCell) -> tuple[float | None, "pd.Series[float]"]:
    """The mean of the epochs that the source states, and ours by seed."""
    stated = [
        number_of(row)
        for row in evidence.reported
        if (row["experiment"], row["metric"]) == (cell.experiment, EPOCH_SECONDS)
    ]
    seconds, epochs = evidence.values(cell, "train_seconds"), evidence.values(cell, "epochs")
    return float(np.mean(stated)) if stated else None, seconds / epochs
