"""What was measured, cell by cell: metrics per seed, curves, and which test rows were answered correctly."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from regrade.cells.cell import Cell
from regrade.cells.layout import PREDICTIONS, RECORD
from regrade.config.types import Value
from regrade.core.errors import UserError
from regrade.core.integrity import checked
from regrade.statistics import collect, curves
from regrade.statistics.estimate import Estimate, estimate

FINISHED = ("done", "diverged")
# The column of predictions.parquet that an accuracy is the mean of
_PREDICTED = {"best_epoch": "best", "cross_fitted": "cross_fitted", "last_epoch": "last"}

# A weighted sum that is smaller, relative to its terms, is 0
ROUNDING = 1e-14

# A metric: a column of the collected runs, or a measure of a curve with its arguments
Metric = str | dict[str, Value]
T = TypeVar("T")


@dataclass(frozen=True)
class Measurements:
    """The cells of a study and the tables of their runs and curves (see regrade.statistics.collect)."""

    cells: list[Cell]
    runs: pd.DataFrame
    curves: pd.DataFrame

    def find(self, experiment: str, **settings: Value) -> list[Cell]:
        """The cells of an experiment whose varying settings include these; none where params.yaml asks for none.

        A setting may have a word in place of its value, if the experiment has names for values.
        """
        return [
            cell
            for cell in self.cells
            if cell.experiment == experiment and includes(cell.varying, cell.valued(settings))
        ]

    @cached_property
    def _runs(self) -> dict[str, pd.DataFrame]:
        return dict(iter(self.runs[self.runs["status"].isin(FINISHED)].groupby("folder")))

    @cached_property
    def _curves(self) -> dict[tuple[str, str], pd.DataFrame]:
        return dict(iter(self.curves.groupby(["experiment", "cell"])))

    @cached_property
    def _kept(self) -> dict[tuple[str, ...], object]:
        return {}

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """What `make` gives, which is made when it is asked for under this key for the first time."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def of(self, cell: Cell) -> pd.DataFrame:
        """The finished runs of a cell, one row per seed; none when it is not trained."""
        return self._runs.get(cell.folder.as_posix(), self.runs.iloc[:0])

    def curve(self, cell: Cell) -> pd.DataFrame:
        """The histories of a cell's runs, one row per evaluation; none when it is not trained."""
        return self._curves.get((cell.experiment, cell.name), self.curves.iloc[:0])

    def values(self, cell: Cell, metric: Metric) -> pd.Series:
        """A metric of a cell by seed, without seeds that have none; empty when it is not trained.

        A run that never converged counts as converging at its last epoch, the least that it can have needed.
        """
        runs = self.of(cell)
        if not len(runs):
            return pd.Series(dtype=float)
        runs = runs.set_index("seed")
        if isinstance(metric, dict):
            arguments = {key: value for key, value in metric.items() if key != "measure"}
            measure = curves.MEASURES[metric["measure"]]
            histories = self.curve(cell)
            needed = [arguments[key] for key in ("of", "against") if key in arguments]
            if missing := [name for name in needed if name not in histories]:
                raise UserError(f"{cell.experiment}: its histories have no column {missing[0]!r}")
            found = {seed: measure(history, **arguments) for seed, history in histories.groupby("seed")}
            return pd.Series(found, dtype=float).dropna()
        if metric not in runs:
            return pd.Series(dtype=float)
        values = runs[metric].astype(float)
        if metric == "epochs_to_converge":
            values = values.fillna(runs["epochs"].astype(float))
        return values.dropna()

    def correct(self, cell: Cell, metric: Metric) -> "Correct | None":
        """Which rows each seed answered correctly, where the metric is the mean of that; None where it is not."""
        if not isinstance(metric, str) or not len(self.of(cell)):
            return None
        split, _, which = metric.partition("_accuracy_")
        if split not in ("test", "validation") or which not in _PREDICTED or metric not in self.runs:
            return None
        return self.once((cell.folder.as_posix(), which), lambda: _answers(cell, _PREDICTED[which]))

    def contrast(self, weights: list[tuple[Cell, float]], metric: Metric) -> Estimate:
        """The weighted sum of a metric over cells, paired by seed and, where cells share them, by test row."""
        values = [self.values(cell, metric) for cell, _ in weights]
        seeds = sorted(set.intersection(*(set(one.index) for one in values)))
        terms = np.array([weight * one.loc[seeds].to_numpy() for (_, weight), one in zip(weights, values, strict=True)])
        total = terms.sum(axis=0)
        # Equal values, weighted, may leave a rounding error: no effect, however well the seeds agree on it
        total[np.abs(total) <= ROUNDING * np.abs(terms).sum(axis=0)] = 0
        samples: list[tuple[Correct, np.ndarray]] = []
        for cell, weight in weights:
            right = self.correct(cell, metric) if len(seeds) else None
            if right is None:
                continue
            part = weight * right.matrix(seeds)
            at = next((i for i, (other, _) in enumerate(samples) if other.same_rows(right)), None)
            if at is None:
                samples.append((right, part))
            else:
                samples[at] = (samples[at][0], samples[at][1] + part)
        return estimate(total, [sample for _, sample in samples])

    def ratio(self, first: Cell, second: Cell, metric: Metric) -> Estimate:
        """A metric of one cell divided by that of another, seed by seed: of seconds, epochs and losses.

        Test rows are not counted as a sample, so it is not for accuracies.
        """
        ours, base = self.values(first, metric), self.values(second, metric)
        seeds = sorted(set(ours.index) & set(base.index[base != 0]))
        return estimate((ours.loc[seeds] / base.loc[seeds]).to_numpy())


@dataclass(frozen=True)
class Correct:
    """The answers of a cell's runs to the rows of one sample: true classes (rows,), correct or not by seed (rows,)."""

    dataset: str
    labels: np.ndarray
    by_seed: dict[int, np.ndarray]

    def matrix(self, seeds: list[int]) -> np.ndarray:
        """1.0 for correct, 0.0 for wrong: (seeds, rows)."""
        return np.stack([self.by_seed[seed] for seed in seeds]).astype(float)

    def same_rows(self, other: "Correct") -> bool:
        """Whether both are of the same rows of the same data, however these are read."""
        return self.dataset == other.dataset and np.array_equal(self.labels, other.labels)


def _answers(cell: Cell, column: str) -> Correct | None:
    """The answers of one kind in a cell's predictions; None for a language model, which has texts there.

    UserError on damage.
    """
    path = checked(cell.folder, PREDICTIONS, RECORD)
    try:
        if "label" not in pq.read_schema(path).names:
            return None
        table = pq.read_table(path, columns=["seed", "label", column])
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): delete {cell.folder} and run again") from error
    seeds, labels = table["seed"].to_numpy(), table["label"].to_numpy()
    right = labels == table[column].to_numpy()
    every = pd.unique(seeds)
    rows = {int(seed): right[seeds == seed] for seed in every}
    return Correct(cell.data.dataset, labels[seeds == every[0]], rows)


def includes(varying: dict[str, Value], settings: dict[str, Value]) -> bool:
    """Whether `varying` has all of these settings with these values."""
    return all(key in varying and varying[key] == value for key, value in settings.items())


def measured(study: str, every: list[Cell]) -> Measurements:
    """What was collected of a study's cells. UserError when it is damaged; it is deleted then."""
    return Measurements([cell for cell in every if cell.study == study], *collect.tables(study))
