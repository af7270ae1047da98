"""How large the activations of a trained network are, layer by layer."""

import pandas as pd
import torch

from regrade.cells import Cell
from regrade.models.inspect.activations import statistics
from regrade.reporting.evidence import Evidence
from regrade.training import trained


def activations(evidence: Evidence, rows: list[tuple[dict, Cell, str, str]]) -> pd.DataFrame:
    """Mean and standard deviation of a layer's activations over the test rows, reported and of the first kept seed.

    A row is given as its names, the cell, the layer (convolution1, …), and the layer's name in reported.csv.
    """
    every = {cell.folder: cell for _, cell, *_ in rows}
    measured = {folder: _statistics(evidence, cell) for folder, cell in every.items()}
    made = []
    for names, cell, layer, stated in rows:
        mean, deviation = measured[cell.folder].get(layer, (None, None))
        made.append(
            names
            | {
                "reported_mean": evidence.stated_of_layer(cell, stated, "activation_mean"),
                "mean": mean,
                "reported_std": evidence.stated_of_layer(cell, stated, "activation_std"),
                "std": deviation,
                "folder": cell.folder.as_posix(),
            }
        )
    return pd.DataFrame(made)


def _statistics(evidence: Evidence, cell: Cell) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation by layer; empty without a kept model."""
    model = trained.load(cell)
    return {} if model is None else statistics(model.network, torch.from_numpy(model.test()[0]))
