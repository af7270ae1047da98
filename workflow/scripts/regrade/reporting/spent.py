"""What the runs of a bundle cost, and what they were forecast to cost."""

from collections.abc import Iterable
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
    comes with the project, and those that it took. `runs`: how many. `trained`: cells that have any, of all `cells`.
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
        table = runs.runs[runs.runs["status"].isin(FINISHED)]
        seconds = table.get("train_seconds", pd.Series(dtype=float))
        on_cpu = table.get("device", pd.Series("", index=table.index)).fillna("").str.startswith(CPU)
        hours = (seconds[on_cpu] / HOUR).groupby([table["experiment"], table["cell"]]).sum()
        return cls(
            cpu=float(seconds[on_cpu].sum()) / HOUR,
            gpu=float(seconds[~on_cpu].sum()) / HOUR,
            forecasts=_forecasts(runs, {key: float(value) for key, value in hours.items() if value}, params),
            runs=len(table),
            trained=sum(cell.trained for cell in runs.manifest.cells),
            cells=len(runs.manifest.cells),
        )

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


def _forecasts(runs: Bundle, hours: dict, params: Params) -> list[tuple[float, float]]:
    """For cells that params.yaml has, too, whatever the archives of their data: forecast and actual hours."""
    forecasts = Forecasts(Model(params, rates.shipped(on_gpu=False)), [], {})
    cells = {
        (cell.experiment, frozenset(cell.varying.items())): cell
        for cell in expansion.expand(params)
        if cell.study == runs.manifest.study
    }
    pairs = []
    for cell in runs.manifest.cells:
        ours = cells.get((cell.experiment, frozenset(cell.varying.items())))
        taken = hours.get((cell.experiment, cell.name))
        if ours and taken and (seconds := forecasts.of(replace(ours, seeds=tuple(cell.seeds))).seconds):
            pairs.append((seconds / HOUR, taken))
    return pairs
