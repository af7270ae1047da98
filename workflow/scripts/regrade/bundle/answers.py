"""Which test rows runs answered correctly: a bit per row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import PREDICTIONS, RECORD
from regrade.core.errors import UserError
from regrade.core.files import short_hash
from regrade.core.integrity import checked

# The rules by which a class is predicted for each row: columns of predictions.parquet
RULES = ("best", "cross_fitted", "last")
COLUMNS = ("experiment", "cell", "seed", "rule", "sample", "rows", "bits")


@dataclass(frozen=True)
class Correct:
    """The answers of a cell's runs to the rows of one sample, which `sample` names: correct or not by seed (rows,)."""

    sample: str
    by_seed: Mapping[int, NDArray[np.bool]]

    def matrix(self, seeds: list[int]) -> NDArray[np.float64]:
        """1.0 for correct, 0.0 for wrong: (seeds, rows)."""
        return np.stack([self.by_seed[seed] for seed in seeds]).astype(float)

    def same_rows(self, other: "Correct") -> bool:
        """Whether both are about the same rows of the same data, however these are read."""
        return self.sample == other.sample


# By cell and rule
Answers = Mapping[tuple[str, str], Correct]


def of_cell(cell: BundledCell) -> dict[str, Correct]:
    """The answers of a trained cell's runs by rule; none of a language model, which has no labels.

    UserError when the file is damaged.
    """
    path = checked(cell.folder, PREDICTIONS, RECORD)
    try:
        if "label" not in pq.read_schema(path).names:
            return {}
        table = pq.read_table(path, columns=["seed", "label", *RULES])
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): delete {cell.folder} and run again") from error
    seeds, labels = table["seed"].to_numpy(), table["label"].to_numpy()
    of_seed = {int(seed): seeds == seed for seed in pd.unique(seeds)}
    sample = sample_name(cell.dataset, labels[next(iter(of_seed.values()))])
    correct = {rule: labels == table[rule].to_numpy() for rule in RULES}
    return {
        rule: Correct(sample, {seed: right[mine] for seed, mine in of_seed.items()}) for rule, right in correct.items()
    }


def sample_name(dataset: str, labels: "NDArray[np.integer] | list[str]") -> str:
    """What rows of a dataset with these labels are called; rows of other labels are others."""
    return f"{dataset}-{short_hash([str(label) for label in labels])}"


def packed(answers: Answers, cells: Iterable[BundledCell]) -> pd.DataFrame:
    """The table of a bundle: per cell, rule and seed, `bits` has a bit per row, the first as the highest of a byte."""
    rows = [
        (cell.experiment, cell.name, seed, rule, correct.sample, len(right), np.packbits(right).tobytes())
        for cell in cells
        for rule in RULES
        if (correct := answers.get((cell.folder.as_posix(), rule)))
        for seed, right in correct.by_seed.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def unpacked(table: pd.DataFrame, folders: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], Correct]:
    """The answers by cell and rule; the inverse of `packed`. `folders`: by experiment and cell."""
    answers: dict[tuple[str, str], dict[int, NDArray[np.bool]]] = {}
    samples: dict[tuple[str, str], str] = {}
    for row in table.itertuples(index=False):
        key = folders[row.experiment, row.cell], str(row.rule)
        bits = np.unpackbits(np.frombuffer(row.bits, np.uint8), count=int(row.rows)).astype(bool)
        answers.setdefault(key, {})[int(row.seed)] = bits
        samples[key] = str(row.sample)
    return {key: Correct(samples[key], by_seed) for key, by_seed in answers.items()}
