"""What training a cell takes: from what was measured of it, of cells like it, or from operations."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Literal

from regrade.cells.cell import Cell
from regrade.cells.progress import configuration_of
from regrade.config.params import Params
from regrade.costs import operations, sizes, work
from regrade.costs.measured import Measured
from regrade.costs.rates import Rates
from regrade.costs.work import Work

# From what a forecast comes: epochs of the cell itself, those of cells like it, operations alone; or nothing
Basis = Literal["measured", "like", "operations", "unknown"]


@dataclass(frozen=True)
class Forecast:
    """What a cell's job takes. `pace`: seconds per epoch of all its runs, one after another or stacked.

    `seconds`: of training. `memory`, `disk`: bytes. None where it is not known; `why` then says why.
    """

    basis: Basis
    pace: float | None = None
    seconds: float | None = None
    memory: float | None = None
    disk: float | None = None
    why: str = ""


class Model:
    """What operations tell of the cells of some parameters, on processors whose rates are known.

    Of several processors, as the nodes of a cluster, the slowest counts. Where a cell follows a winner that is not
    known yet, the median candidate counts. The operations of a cell are counted once.
    """

    def __init__(self, params: Params, rates: Sequence[Rates]):
        """Without rates, nothing but disk is known."""
        self.params, self.rates = params, rates
        self._works: dict[tuple[Path, tuple[int, ...], bool], list[Work] | str] = {}

    def works(self, cell: Cell) -> list[Work] | str:
        """The work of a cell, as it may be whichever candidate wins where that is not known; or why it is not known."""
        winner = configuration_of(cell)
        key = cell.folder, cell.seeds, winner is None
        if key not in self._works:
            kept = len(set(cell.seeds) & set(self.params.of_experiment(cell.study, cell.experiment).keep_models))
            on_gpu = any(rates.on_gpu for rates in self.rates)
            stacks = all(rates.stacks for rates in self.rates)
            try:
                self._works[key] = [
                    work.of(configuration, len(cell.seeds), kept, self.params.datasets, on_gpu, stacks)
                    for configuration in ([winner] if winner else cell.possible)
                ]
            except (sizes.Unknown, operations.Unknown) as error:
                self._works[key] = str(error)
        return self._works[key]

    def pace(self, cell: Cell) -> float | None:
        """Seconds per epoch of all runs of a cell's job; None where operations or rates are not known."""
        works = self.works(cell)
        if isinstance(works, str) or not self.rates:
            return None
        return max(median(rates.of_epoch(one) for one in works) for rates in self.rates)

    def disk(self, cell: Cell, one: Work) -> float:
        """Bytes that stay when a cell is done; see `keep_states` of scales."""
        return one.results + (one.states if self.params.present_scale.keep_states or cell.in_full else 0)

    def most(self, cell: Cell) -> Forecast:
        """What a cell takes at most, whichever candidate wins; the time until it begins to train included."""
        works = self.works(cell)
        if isinstance(works, str) or not self.rates:
            return Forecast("unknown")
        seconds = [rates.start + _seconds(rates, one, rates.of_epoch(one)) for one in works for rates in self.rates]
        memory = max(rates.memory for rates in self.rates) + max(one.memory for one in works)
        return Forecast("operations", seconds=max(seconds), memory=memory)


def _seconds(rates: Rates, one: Work, pace: float) -> float:
    return rates.begin * one.groups + pace * one.epochs


class Forecasts:
    """Forecasts with what is known of some cells. A cell that was not trained yet is compared with those like it.

    What cells take for their operations is compared: of the same experiment, else of the same network of the study,
    else of the same kinds of layers anywhere. The median counts.
    """

    def __init__(self, model: Model, every: Iterable[Cell], known: Mapping[Path, Measured]):
        self.model, self.known = model, known
        self._ratios: dict[Hashable, dict[Path, float]] = {}
        for cell in every:
            if cell.folder in known:
                counted = model.pace(cell)
                ratio = known[cell.folder].pace * (len(cell.seeds) / counted if counted else 1)
                for key in _alike(cell, counted is None):
                    self._ratios.setdefault(key, {})[cell.folder] = ratio

    def pace(self, cell: Cell, apart: bool = False) -> tuple[float | None, Basis]:
        """Seconds per epoch of all runs of a cell, and from what they come.

        `apart`: without what is known of the cell itself, as they would be forecast if it were not trained yet.
        """
        if cell.folder in self.known and not apart:
            return self.known[cell.folder].pace * len(cell.seeds), "measured"
        counted = self.model.pace(cell)
        for key in _alike(cell, counted is None):
            others = [ratio for folder, ratio in self._ratios.get(key, {}).items() if folder != cell.folder]
            if others:
                return median(others) * (counted or len(cell.seeds)), "like"
        return counted, "unknown" if counted is None else "operations"

    def further(self, cell: Cell, seeds: Sequence[int]) -> float | None:
        """Seconds of a job that trains a cell with further seeds, all together; None where it is not known.

        What the cell's own seeds take, in multiples of what their operations say, is taken for them.
        """
        pace, _ = self.pace(cell)
        if pace is None:
            return None
        more = replace(cell, seeds=tuple(seeds))
        counted, of_more = self.model.pace(cell), self.model.pace(more)
        pace *= of_more / counted if counted and of_more else len(seeds) / len(cell.seeds)
        works = self.model.works(more)
        if isinstance(works, str):
            return pace * cell.configuration().settings.epochs
        return max(
            (rates.start + median(_seconds(rates, one, pace) for one in works) for rates in self.model.rates),
            default=None,
        )

    def of(self, cell: Cell, apart: bool = False) -> Forecast:
        """What a cell's job takes; `apart` as in `pace`."""
        pace, basis = self.pace(cell, apart)
        own = None if apart else self.known.get(cell.folder)
        works, rates = self.model.works(cell), self.model.rates
        if isinstance(works, str):
            epochs = cell.configuration().settings.epochs
            seconds = None if pace is None else pace * epochs
            memory, disk = (own.memory, own.disk) if own else (None, None)
            return Forecast(basis, pace, seconds, memory, disk, works)
        seconds = None
        if pace is not None:
            seconds = max((median(_seconds(one, each, pace) for each in works) for one in rates), default=None)
        # Without rates nobody knows what the process itself holds, mostly the larger part
        memory = max(one.memory for one in rates) + max(one.memory for one in works) if rates else None
        return Forecast(
            basis,
            pace,
            own.seconds if own and own.seconds is not None else seconds,
            own.memory if own and own.memory else memory,
            own.disk if own and own.disk else max(self.model.disk(cell, one) for one in works),
        )


def _alike(cell: Cell, uncounted: bool) -> list[Hashable]:
    """From the closest to the least: what cells have in common that are compared.

    Where operations cannot be counted, seconds are compared, and only within an experiment.
    """
    configuration = cell.configuration()
    within = (cell.study, cell.experiment, uncounted)
    if uncounted:
        return [within]
    kinds = frozenset(layer.kind for layer in configuration.network)
    backend = configuration.settings.backend
    return [within, (cell.study, configuration.settings.network, backend, "network"), (kinds, backend)]
