"""The toy sets as points in the plane, and how far two networks are apart that should be the same."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from regrade.bundle.manifest import BundledCell
from regrade.datasets import prepared
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import style
from regrade.reporting.tables import table_format
from regrade.reporting.template_functions import figure, table, value

# As many points as can be told apart
MOST, PIXELS = 800, 230


@figure
def scatter(evidence: Evidence, cell: BundledCell | None) -> Figure | None:
    """The rows of a cell's dataset of two inputs, a panel per split, a colour and a marker per class.

    None where it is not prepared.
    """
    folder = cell.data.folder if cell and evidence.at_hand else None
    if not (folder and folder.exists()):
        return None
    points = {split: [part[:MOST] for part in prepared.load(folder, split)] for split in ("train", "test")}
    classes = np.unique(np.concatenate([targets for _, targets in points.values()]))
    handles = [Line2D([], [], label=f"class {number}", **_look(number)) for number in classes]
    made, panels = style.grid(2, 2, PIXELS, PIXELS, left=48, top=24, bottom=26, gap=(48, 0), legend=handles)
    for axes, (split, (inputs, targets)) in zip(panels, points.items(), strict=True):
        for number in classes:
            axes.plot(*inputs[targets == number].T[:2], **_look(number), rasterized=True)
        axes.set_title(split)
    return made


def _look(number: int) -> dict:
    colour, marker = style.COLOURS[number % len(style.COLOURS)], style.MARKERS[number % len(style.MARKERS)]
    return {
        "color": colour,
        "marker": marker,
        "linestyle": "none",
        "markersize": 2.6,
        "alpha": 0.6,
        "markeredgewidth": 0,
    }


@value
def converged(evidence: Evidence, cells: Sequence[BundledCell]) -> str:
    """How many of the runs of these cells have converged, as in `3 of 10 runs`."""
    epochs = [evidence.of(cell).get("epochs_to_converge", pd.Series(dtype=float)) for cell in cells]
    return f"{sum(one.notna().sum() for one in epochs)} of {sum(map(len, epochs))} runs"


def shown_pairs(pairs: pd.DataFrame) -> table_format.Shown:
    """`pairs` for a reader; the first of the two cells is linked."""
    return table_format.with_headings(
        pairs.drop(columns="folder_other"),
        seeds=("Paired seeds", "d"),
        test_loss=("Largest difference of test loss", ".2g"),
        test_accuracy=("Largest difference of test accuracy", ".2g"),
        equal=("Seeds converged at the same evaluation", "d"),
    )


@table(shown_pairs)
def pairs(evidence: Evidence, rows: Sequence[tuple[str, BundledCell | None, BundledCell | None]]) -> pd.DataFrame:
    """How far two cells, (text, cell, cell), are apart, seed by seed: the largest differences at any evaluation.

    `equal`: seeds in which both converge at the same evaluation.
    """
    compared = []
    for text, first, second in rows:
        if not (first and second and len(evidence.of(first)) and len(evidence.of(second))):
            continue
        curves = [evidence.curve(cell) for cell in (first, second)]
        both = curves[0].merge(curves[1], on=["seed", "epoch"], suffixes=("", "_other"))
        row = {"": text, "seeds": both["seed"].nunique()}
        for metric in ("test_loss", "test_accuracy"):
            row[metric] = (both[metric] - both[f"{metric}_other"]).abs().max() if metric in both else None
        runs = [evidence.of(cell).set_index("seed") for cell in (first, second)]
        converged = [one.get("epochs_to_converge", pd.Series(dtype=float)) for one in runs]
        of_both = converged[0].align(converged[1], join="inner")
        # Not at all, in both, is the same, too
        row["equal"] = int((of_both[0].fillna(0) == of_both[1].fillna(0)).sum())
        compared.append(row | {"folder": first.folder.as_posix(), "folder_other": second.folder.as_posix()})
    return pd.DataFrame(compared)
