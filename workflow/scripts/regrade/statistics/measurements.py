"""What was measured, cell by cell: metrics per seed, curves, and which test rows were answered correctly."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

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
        finished = self.runs[self.runs["status"].isin(FINISHED)]
        return {str(folder): runs for folder, runs in finished.groupby("folder")}

    @cached_property
    def _curves(self) -> dict[tuple[str, str], pd.DataFrame]:
        groups = self.curves.groupby(["experiment", "cell"])
        return {(str(experiment), str(cell)): curves for (experiment, cell), curves in groups}

    @cached_property
    def _cache(self) -> dict[tuple[str, ...], object]:
        return {}

    def once(self, key: tuple[str, ...], compute: Callable[[], T]) -> T:
        """What `compute` returns; it is called only the first time that this key is asked for."""
        if key not in self._cache:
            self._cache[key] = compute()
        return cast("T", self._cache[key])  # a key always stands for the same function

    def of(self, cell: Cell) -> pd.DataFrame:
        """The finished runs of a cell, one row per seed; no rows when it is not trained."""
        return self._runs.get(cell.folder.as_posix(), self.runs.iloc[:0])

    def curve(self, cell: Cell) -> pd.DataFrame:
        """The histories of a cell's runs, one row per evaluation; no rows when it is not trained."""
        return self._curves.get((cell.experiment, cell.name), self.curves.iloc[:0])

    def values(self, cell: Cell, metric: Metric) -> "pd.Series[float]":
        """A metric of a cell by seed, without seeds that have none; empty when it is not trained.

        A run that never converged counts as converging at its last epoch, the fewest that it can have needed.
        """
        runs = self.of(cell)
        if not len(runs):
            return pd.Series(dtype=float)
        runs = runs.set_index("seed")
        if isinstance(metric, dict):
            arguments = {key: value for key, value in metric.items() if key != "measure"}
            measure = curves.MEASURES[str(metric["measure"])]
            histories = self.curve(cell)
            columns = [arguments[key] for key in ("of", "against") if key in arguments]
            if missing := [name for name in columns if name not in histories]:
                raise UserError(f"{cell.experiment}: its histories have no column {missing[0]!r}")
            by_seed = {seed: measure(history, **arguments) for seed, history in histories.groupby("seed")}
            return finite(pd.Series(by_seed, dtype=float))
        if metric not in runs:
            return pd.Series(dtype=float)
        values = runs[metric].astype(float)
        if metric == "epochs_to_converge":
            values = values.fillna(runs["epochs"].astype(float))
        return finite(values)

    def correct(self, cell: Cell, metric: Metric) -> "Correct | None":
        """Which rows each seed answered correctly, if the metric is an accuracy over these rows; else None."""
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
        samples: list[tuple[Correct, NDArray[np.float64]]] = []
        for cell, weight in weights:
            correct = self.correct(cell, metric) if len(seeds) else None
            if correct is None:
                continue
            weighted = weight * correct.matrix(seeds)
            at = next((i for i, (other, _) in enumerate(samples) if other.same_rows(correct)), None)
            if at is None:
                samples.append((correct, weighted))
            else:
                samples[at] = (samples[at][0], samples[at][1] + weighted)
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
    labels: NDArray[np.integer]
    by_seed: dict[int, NDArray[np.bool]]

    def matrix(self, seeds: list[int]) -> NDArray[np.float64]:
        """1.0 for correct, 0.0 for wrong: (seeds, rows)."""
        return np.stack([self.by_seed[seed] for seed in seeds]).astype(float)

    def same_rows(self, other: "Correct") -> bool:
        """Whether both are about the same rows of the same data, however these are read."""
        return self.dataset == other.dataset and np.array_equal(self.labels, other.labels)


def _answers(cell: Cell, column: str) -> Correct | None:
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


def finite(values: "pd.Series[float]") -> "pd.Series[float]":
    """Without seeds that have no value, or whose loss grew beyond all numbers."""
    return values[np.isfinite(values)]


def includes(varying: dict[str, Value], settings: dict[str, Value]) -> bool:
    """Whether `varying` has all of these settings with these values."""
    return all(key in varying and varying[key] == value for key, value in settings.items())


def measured(study: str, every: list[Cell]) -> Measurements:
    """What was collected from a study's cells. If it is damaged it is deleted, with a UserError."""
    return Measurements([cell for cell in every if cell.study == study], *collect.tables(study))
