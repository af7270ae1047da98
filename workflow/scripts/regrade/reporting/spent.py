"""What the runs of a bundle cost, and what they were forecast to cost."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import FINISHED
from regrade.cells import expansion
from regrade.config.params import Params
from regrade.costs import rates
from regrade.costs.model import Forecasts, Model

HOUR = 3600
CPU = "CPU"


@dataclass(frozen=True)
class Spent:
    """Hours of training. `cpu`: of one core; `gpu`: of a GPU, which several jobs may have shared.

    `forecasts`: by cell trained on a CPU, the hours that its operations let expect on the machine whose calibration
    comes with the project, and those that it took. `runs`: how many, those that several cells share once. `trained`:
    cells that have any, of all `cells`.
    """

    cpu: float
    gpu: float
    forecasts: list[tuple[float, float]]
    runs: int
    trained: int
    cells: int

    @classmethod
    def of(cls, runs: Bundle, params: Params) -> "Spent":
        """What the runs of a bundle cost."""
        same_as = {cell.folder.as_posix(): cell.same_as or cell.folder.as_posix() for cell in runs.manifest.cells}
        table = runs.runs[runs.runs["status"].isin(FINISHED)]
        table = table.assign(configuration=table["folder"].map(same_as))
        table = table.drop_duplicates(["configuration", "seed"])
        seconds = table.get("train_seconds", pd.Series(dtype=float))
        on_cpu = table.get("device", pd.Series("", index=table.index)).fillna("").str.startswith(CPU)
        by_cell = table[on_cpu].groupby(["experiment", "cell"])
        taken = {key: (float(of["train_seconds"].sum()) / HOUR, tuple(of["seed"])) for key, of in by_cell}
        return cls(
            cpu=float(seconds[on_cpu].sum()) / HOUR,
            gpu=float(seconds[~on_cpu].sum()) / HOUR,
            forecasts=_forecasts(runs, taken, params),
            runs=len(table),
            trained=sum(cell.trained for cell in runs.manifest.cells),
            cells=len(runs.manifest.cells),
        )

    @property
    def median_ratio(self) -> float:
        """The median of `ratios`."""
        return statistics.median(self.ratios)

    @classmethod
    def total(cls, every: Iterable["Spent"]) -> "Spent":
        """The sum over several studies."""
        every = list(every)
        return cls(
            sum(one.cpu for one in every),
            sum(one.gpu for one in every),
            [pair for one in every for pair in one.forecasts],
            sum(one.runs for one in every),
            sum(one.trained for one in every),
            sum(one.cells for one in every),
        )

    @property
    def forecast(self) -> float:
        """Hours of one core that were forecast for what trained on a CPU."""
        return sum(forecast for forecast, _ in self.forecasts)

    @property
    def ratios(self) -> list[float]:
        """Hours taken as multiples of hours forecast, in order of size."""
        return sorted(taken / forecast for forecast, taken in self.forecasts)


def _forecasts(
    runs: Bundle, taken: Mapping[tuple[str, str], tuple[float, tuple[int, ...]]], params: Params
) -> list[tuple[float, float]]:
    """For cells that params.yaml has, too, whatever the archives of their data: forecast and actual hours.

    `taken`: by experiment and cell, hours of the runs on a CPU, and their seeds.
    """
    forecasts = Forecasts(Model(params, rates.shipped(on_gpu=False)), [], {})
    cells = {
        (cell.experiment, frozenset(cell.varying.items())): cell
        for cell in expansion.expand(params)
        if cell.study == runs.manifest.study
    }
    pairs = []
    for cell in runs.manifest.cells:
        ours = cells.get((cell.experiment, frozenset(cell.varying.items())))
        hours, seeds = taken.get((cell.experiment, cell.name), (0.0, ()))
        if ours and hours and (seconds := forecasts.of(replace(ours, seeds=seeds)).seconds):
            pairs.append((seconds / HOUR, hours))
    return pairs
