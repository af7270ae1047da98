"""All that a study's report is made of: what the source stated, what was run, what came out."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from regrade.cells.cell import Cell
from regrade.cells.layout import RECORD
from regrade.config import reported
from regrade.config.params import Params
from regrade.config.reported import ReportedNumber
from regrade.config.study import Study
from regrade.config.types import Value
from regrade.datasets import prepared
from regrade.datasets.identity import DataIdentity
from regrade.statistics import collect, naming
from regrade.statistics.intervals import mean_interval
from regrade.statistics.measurements import FINISHED, Measurements, includes
from regrade.statistics.protocol import OTHER_PROTOCOL, Standings

KINDS = ("best_epoch", "cross_fitted", "last_epoch")
# A line of reported.csv that has one of these is not about a whole cell
PARTS = {"layer", "epoch", "prompt"}


@dataclass(frozen=True)
class Evidence(Measurements):
    """What was measured of a study's cells, with the study's name and the parameters."""

    name: str
    params: Params

    @property
    def study(self) -> Study:
        """The study as params.yaml has it."""
        return self.params.studies[self.name]

    @cached_property
    def reported(self) -> list[ReportedNumber]:
        """The numbers that the source states."""
        return reported.rows(self.name)

    def cell(self, experiment: str, **settings: Value) -> Cell | None:
        """The first of `find`, None where there is none."""
        return next(iter(self.find(experiment, **settings)), None)

    @cached_property
    def _statuses(self) -> dict[str, tuple[str, str]]:
        first = self.runs.drop_duplicates("folder")
        return {
            folder: (status, error or "")
            for folder, status, error in zip(first["folder"], first["status"], first["error"], strict=True)
        }

    def status(self, cell: Cell) -> tuple[str, str]:
        """The cell's status, and the error where it failed."""
        return self._statuses[cell.folder.as_posix()]

    def best(self, experiment: str, metric: str = "test_accuracy_best_epoch") -> Cell | None:
        """The cell with the highest mean; the first in params.yaml when none is trained, None when there is none."""
        means = {
            cell.name: self.of(cell)[metric].mean() if len(self.of(cell)) else -1 for cell in self.find(experiment)
        }
        return max(self.find(experiment), key=lambda cell: means[cell.name], default=None)

    def _rows(self, cell: Cell, metric: str) -> list[ReportedNumber]:
        """The lines of reported.csv that state a number for a cell.

        Of an accuracy, those that are means over batches (see the setting batch_means) count as well.
        """
        metrics = (metric, metric.replace("test_accuracy_", "test_accuracy_batch_mean_"))
        return [
            row
            for row in self.reported
            if row["experiment"] == cell.experiment and row["metric"] in metrics and _names(row, cell)
        ]

    def stated_values(self, cell: Cell, metric: str) -> list[float]:
        """All numbers that the source states for a cell; several where it repeats a configuration."""
        return [reported.number_of(row) for row in self._rows(cell, metric)]

    def other_settings(self, cell: Cell, metric: str) -> dict[str, Value]:
        """The settings in which a trained cell is not what the source states a number for, with our values."""
        if not len(self.of(cell)):
            return {}
        return {
            key: value for row in self._rows(cell, metric) for key, value in naming.other_settings(cell, row).items()
        }

    def stated(self, cell: Cell, metric: str) -> float | None:
        """The number that the source states for a cell, the mean of repetitions; None where it states none."""
        values = self.stated_values(cell, metric)
        return sum(values) / len(values) if values else None

    def stated_of_layer(self, cell: Cell, layer: str, metric: str) -> float | None:
        """The number that the source states for one layer of a cell; None where it states none."""
        for row in self.reported:
            about = (row["experiment"], row["cell"].get("layer"), row["metric"])
            if about == (cell.experiment, layer, metric) and includes(cell.varying, _varying(row, cell)):
                return reported.number_of(row)
        return None

    def any_trained(self, experiment: str) -> bool:
        """Whether a cell of the experiment has results."""
        return any(len(self.of(cell)) for cell in self.find(experiment))

    def highest_stated(self, experiment: str, metric: str) -> float | None:
        """The highest number that the source states for any cell of an experiment."""
        values = [
            reported.number_of(row)
            for row in self.reported
            if (row["experiment"], row["metric"]) == (experiment, metric)
        ]
        return max(values, default=None)

    def measured(self, cell: Cell) -> dict[str, float]:
        """Seeds; mean and 95 % interval (low, high) of the best epoch's accuracy; means of the unbiased accuracies.

        The accuracies are on the rows that the cell is evaluated on; the interval is over seeds and these rows.
        """
        runs = self.of(cell)
        if not len(runs):
            return {"seeds": 0}
        best, *unbiased = accuracy_metrics(cell)
        low, high = self.interval(cell, best)
        others = {name: runs[name].mean() for name in ("peeking", "best_epoch", "train_seconds")}
        others |= {kind: runs[name].mean() for kind, name in zip(KINDS[1:], unbiased, strict=True)}
        return {"seeds": len(runs), "mean": self.values(cell, best).mean(), "low": low, "high": high, **others}

    def interval(self, cell: Cell, metric: str) -> tuple[float, float]:
        """95 % interval of the mean of a column of a cell's runs: over seeds, and for an accuracy over rows, too.

        NaN where no spread is known: of fewer than two runs, or of seeds that agree on what is measured on no rows.
        """
        if "accuracy" in metric:  # with few seeds, t reaches beyond what an accuracy can be
            low, high = np.clip(self.contrast([(cell, 1.0)], metric).interval(), 0, 1)
            return float(low), float(high)
        known = self.of(cell).get(metric, pd.Series(dtype=float)).dropna()
        _, low, high = mean_interval(known.to_numpy())
        return (low, high) if known.nunique() > 1 else (math.nan, math.nan)

    @cached_property
    def standing(self) -> Standings:
        """How a cell stands to the source's protocol."""
        return Standings(self.params, self.name)

    def facts(self) -> dict:
        """What a reader must know before any number: scale, data, seeds, commit, device, and how much is there."""
        finished = self.runs[self.runs["status"].isin(FINISHED)]
        dirty = finished["dirty"].fillna(False).astype(bool) if "dirty" in finished else pd.Series(dtype=bool)
        every = {cell.data.folder: cell.data for cell in self.cells}
        states = self.runs.drop_duplicates("folder")["status"].value_counts()
        return {
            "scale": self.params.scale,
            "data": list(dict.fromkeys(self._source(data) for data in every.values())),
            "seeds": sorted({seed for cell in self.cells for seed in cell.seeds}),
            "commits": sorted({commit[:10] for commit in finished.get("commit", pd.Series(dtype=str)).dropna()}),
            "dirty": bool(dirty.any()),
            "devices": sorted(set(finished.get("device", pd.Series(dtype=str)).dropna())),
            "cells": len(self.cells),
            "states": {name: int(states.get(name, 0)) for name in ("done", "diverged", "failed", "missing")},
            "caps": self.params.present_scale.at_most.model_dump(exclude_none=True),
            "caps_of": self._further_caps(),
            "other_protocol": self._other_protocol(),
        }

    def _other_protocol(self) -> dict[str, tuple[int, str]]:
        """By experiment, how many cells have other settings than the source's, and what deviates in the first."""
        whys: dict[str, list[str]] = {}
        for cell in self.cells:
            if (standing := self.standing(cell)).name == OTHER_PROTOCOL:
                whys.setdefault(cell.experiment, []).append(standing.why)
        return {experiment: (len(every), every[0]) for experiment, every in whys.items()}

    def _further_caps(self) -> dict[str, dict[str, int]]:
        """What the present scale caps in single experiments, or in those that they are like."""
        caps: dict[str, dict[str, int]] = {}
        for name, experiment in self.study.experiments.items():
            own = experiment.at_most.get(self.params.scale)
            if own:
                caps[name] = own.model_dump(exclude_none=True)
            elif experiment.like in caps:
                caps[name] = caps[experiment.like]
        return caps

    def _source(self, data: DataIdentity) -> str:
        try:
            return prepared.card(data.folder)["source"]
        except OSError:
            return f"{data.dataset}, {'real' if data.data == 'real' else 'stand-in'} (not prepared)"

    def resolved(self, cell: Cell) -> dict[str, Value]:
        """The settings that a trained cell took over from a winner, by name; empty without a selection."""
        if not cell.selection or not (cell.folder / RECORD).exists():
            return {}
        return cell.selection.taken_over()


def accuracy_metrics(cell: Cell) -> list[str]:
    """The metrics that are the cell's accuracies of KINDS, on the rows that it is evaluated on."""
    split = cell.configuration().settings.evaluated
    return [f"{split}_accuracy_{kind}" for kind in KINDS]


def read(params: Params, study: str, every: list[Cell]) -> Evidence:
    """The evidence of a study, from what was collected. UserError when that is damaged; it is deleted then."""
    return Evidence([cell for cell in every if cell.study == study], *collect.tables(study), study, params)


def _names(row: ReportedNumber, cell: Cell) -> bool:
    """Whether a line of reported.csv is about the cell; it may leave out settings that follow from the others."""
    if row["cell"].keys() & PARTS:
        return False
    varying = _varying(row, cell)
    return bool(varying) == bool(cell.varying) and includes(cell.varying, varying)


def _varying(row: ReportedNumber, cell: Cell) -> dict[str, Value]:
    """What a line says of the settings that vary in the cell's experiment."""
    return {key: value for key, value in cell.valued(naming.of_row(row)).items() if key in cell.varying}
