"""Which test rows a cell's runs answered correctly."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from regrade.cells.cell import Cell
from regrade.cells.layout import PREDICTIONS, RECORD
from regrade.core.errors import UserError
from regrade.core.integrity import checked


@dataclass(frozen=True)
class Correct:
    """The answers of a cell's runs to the rows of one sample: true classes (rows,), correct or not by seed (rows,)."""

    dataset: str
    labels: NDArray[np.integer]
    by_seed: dict[int, NDArray[np.bool]]

    def matrix(self, seeds: list[int]) -> NDArray[np.float64]:
        """1.0 for correct, 0.0 for wrong: (seeds, rows)."""
        return np.stack([self.by_seed[seed] for seed in seeds]).astype(float)

    def same_rows(self, other: "Correct") -> bool:
        """Whether both are about the same rows of the same data, however these are read."""
        return self.dataset == other.dataset and np.array_equal(self.labels, other.labels)


def read(cell: Cell, column: str) -> Correct | None:
    """A cell's predictions by one rule (a column) compared with the labels; None for a language model, which has none.

    UserError when the file is damaged.
    """
    path = checked(cell.folder, PREDICTIONS, RECORD)
    try:
        if "label" not in pq.read_schema(path).names:
            return None
        table = pq.read_table(path, columns=["seed", "label", column])
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): delete {cell.folder} and run again") from error
    seeds, labels = table["seed"].to_numpy(), table["label"].to_numpy()
    correct = labels == table[column].to_numpy()
    distinct = pd.unique(seeds)
    by_seed = {int(seed): correct[seeds == seed] for seed in distinct}
    return Correct(cell.data.dataset, labels[seeds == distinct[0]], by_seed)
