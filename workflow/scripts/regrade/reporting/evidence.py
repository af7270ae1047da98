"""All that a study's report is made of: what the source stated, what was run, what came out."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regrade.bundle import bundle
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import FINISHED, FULL, OTHER_PROTOCOL, BundledCell, Manifest
from regrade.cells.layout import RECORD
from regrade.config import reported
from regrade.config.reported import ReportedNumber
from regrade.config.study import includes
from regrade.config.types import Value
from regrade.reporting.number_format import counted, ranges
from regrade.statistics import BUNDLE, REPORTS, naming
from regrade.statistics.intervals import mean_interval
from regrade.statistics.measurements import Measurements

if TYPE_CHECKING:
    from regrade.training.trained import Trained

KINDS = ("best_epoch", "cross_fitted", "last_epoch")
# A line of reported.csv that has one of these is not about a whole cell
PARTS = {"layer", "epoch", "prompt"}


@dataclass(frozen=True)
class Evidence(Measurements):
    """What was measured of a study's cells, and what their bundle says of the study.

    `at_hand`: whether the files of the cells are here, so that pages may show logs, weights and what was made of them.
    """

    study: Manifest
    at_hand: bool

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.study

    @cached_property
    def reported(self) -> list[ReportedNumber]:
        """The numbers that the source states."""
        return reported.rows(self.name)

    def cell(self, experiment: str, **settings: Value) -> BundledCell | None:
        """The first of `find`, None where there is none."""
        return next(iter(self.find(experiment, **settings)), None)

    @property
    def unfinished(self) -> list[BundledCell]:
        """The cells that have no runs."""
        return [cell for cell in self.cells if not cell.trained]

    def files(self, cell: BundledCell) -> Path | None:
        """The folder with the cell's own files, None where they are not here."""
        return cell.folder if self.at_hand and (cell.folder / RECORD).exists() else None

    def trained(self, cell: BundledCell | None) -> "Trained | None":
        """The trained network of a cell; None where its files, or its weights, are not here."""
        folder = self.files(cell) if cell else None
        if folder is None:
            return None
        from regrade.training import trained  # only here: the report of a bundle needs no PyTorch

        return trained.load(folder)

    def best(self, experiment: str, metric: str = "test_accuracy_best_epoch") -> BundledCell | None:
        """The cell with the highest mean; the first in params.yaml when none is trained, None when there is none."""
        known = {cell.name: self.known(cell, metric) for cell in self.find(experiment)}
        means = {name: of_runs.mean() if len(of_runs) else -1 for name, of_runs in known.items()}
        return max(self.find(experiment), key=lambda cell: means[cell.name], default=None)

    def _rows(self, cell: BundledCell, metric: str) -> list[ReportedNumber]:
        """The lines of reported.csv that state a number for a cell.

        Of an accuracy, those that are means over batches (see the setting batch_means) count as well.
        """
        metrics = (metric, metric.replace("test_accuracy_", "test_accuracy_batch_mean_"))
        return [
            row
            for row in self.reported
            if row["experiment"] == cell.experiment and row["metric"] in metrics and _names(row, cell)
        ]

    def stated_values(self, cell: BundledCell, metric: str) -> list[float]:
        """All numbers that the source states for a cell; several where it repeats a configuration."""
        return [reported.number_of(row) for row in self._rows(cell, metric)]

    def other_settings(self, cell: BundledCell, metric: str) -> dict[str, Value]:
        """The settings in which a trained cell is not what the source states a number for, with our values."""
        if not len(self.of(cell)):
            return {}
        return {
            key: value for row in self._rows(cell, metric) for key, value in naming.other_settings(cell, row).items()
        }

    def stated(self, cell: BundledCell, metric: str) -> float | None:
        """The number that the source states for a cell, the mean of repetitions; None where it states none."""
        values = self.stated_values(cell, metric)
        return sum(values) / len(values) if values else None

    def stated_of_layer(self, cell: BundledCell, layer: str, metric: str) -> float | None:
        """The number that the source states for one layer of a cell; None where it states none."""
        for row in self.rows_about(cell):
            if (row["cell"].get("layer"), row["metric"]) == (layer, metric):
                return reported.number_of(row)
        return None

    def rows_about(self, cell: BundledCell) -> list[ReportedNumber]:
        """The lines of reported.csv about a cell, or about one of its layers or epochs."""
        of_experiment = [row for row in self.reported if row["experiment"] == cell.experiment]
        return [row for row in of_experiment if includes(cell.varying, _varying(row, cell))]

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

    def measured(self, cell: BundledCell) -> dict[str, float]:
        """Seeds; mean and 95 % interval (low, high) of the best epoch's accuracy; means of the unbiased accuracies.

        The accuracies are on the rows that the cell is evaluated on; the interval is over seeds and these rows.
        """
        runs = self.of(cell)
        if not len(runs):
            return {"seeds": 0}
        best, *unbiased = accuracy_metrics(cell)
        low, high = self.interval(cell, best)
        named = {name: name for name in ("peeking", "best_epoch", "train_seconds")} | dict(
            zip(KINDS[1:], unbiased, strict=True)
        )
        others = {name: self.known(cell, metric).mean() for name, metric in named.items()}
        return {"seeds": len(runs), "mean": self.values(cell, best).mean(), "low": low, "high": high, **others}

    def interval(self, cell: BundledCell, metric: str) -> tuple[float, float]:
        """95 % interval of the mean of a column of a cell's runs: over seeds, and for an accuracy over rows, too.

        NaN where no spread is known: of fewer than two runs, or of seeds that agree on what is measured on no rows.
        """
        if "accuracy" in metric:  # with few seeds, t reaches beyond what an accuracy can be
            low, high = np.clip(self.contrast([(cell, 1.0)], metric).interval(), 0, 1)
            return float(low), float(high)
        known = self.of(cell).get(metric, pd.Series(dtype=float)).dropna()
        _, low, high = mean_interval(known.to_numpy())
        return (low, high) if known.nunique() > 1 else (math.nan, math.nan)

    def facts(self) -> dict:
        """What a reader must know before any number: scale, data, seeds, commit, device, and how much is there."""
        finished = self.runs[self.runs["status"].isin(FINISHED)]
        dirty = finished["dirty"].fillna(False).astype(bool) if "dirty" in finished else pd.Series(dtype=bool)
        states = Counter(cell.status for cell in self.cells)
        return {
            "scale": self.study.scale,
            "data": list(dict.fromkeys(cell.source for cell in self.cells if cell.source)),
            "seeds": self.seeds_of(self.cells),
            "commits": [commit[:10] for commit in self.study.commits],
            "dirty": bool(dirty.any()),
            "devices": sorted(set(finished.get("device", pd.Series(dtype=str)).dropna())),
            "cells": len(self.cells),
            "full": sum(cell.standing.name == FULL for cell in self.cells),
            "states": {name: states[name] for name in ("done", "diverged", "failed", "missing")},
            "caps": self.study.caps,
            "caps_of": {name: one.caps for name, one in self.study.experiments.items() if one.caps},
            "other_protocol": self._other_protocol(),
        }

    def seeds_of(self, cells: Sequence[BundledCell]) -> list[str]:
        """The seeds of trained cells, or of all before any is; with how many cells, where not all have the same."""
        trained = [cell for cell in cells if cell.trained]
        sets = Counter(tuple(cell.seeds) for cell in trained or cells)
        if len(sets) < 2:
            return [ranges(seeds) for seeds in sets]
        return [f"{ranges(seeds)} ({counted(count, 'cell')})" for seeds, count in sets.most_common()]

    def _other_protocol(self) -> dict[str, tuple[int, str]]:
        """By experiment, how many cells have other settings than the source's, and what deviates in the first."""
        whys: dict[str, list[str]] = {}
        for cell in self.cells:
            if cell.standing.name == OTHER_PROTOCOL:
                whys.setdefault(cell.experiment, []).append(cell.standing.why)
        return {experiment: (len(every), every[0]) for experiment, every in whys.items()}


def accuracy_metrics(cell: BundledCell) -> list[str]:
    """The metrics that are the cell's accuracies of KINDS, on the rows that it is evaluated on."""
    return [f"{cell.evaluated}_accuracy_{kind}" for kind in KINDS]


def of(runs: Bundle, at_hand: bool = True) -> Evidence:
    """The evidence in a bundle; `at_hand` as in `Evidence`."""
    about = runs.manifest
    return Evidence(
        about.cells, runs.runs, runs.curves, about, at_hand, answers=runs.correct, experiments=about.experiments
    )


def read(study: str) -> Evidence:
    """The evidence in the bundle that was collected of a study. UserError when that is damaged; it is deleted then."""
    return of(bundle.read_own(REPORTS / study / BUNDLE))


def _names(row: ReportedNumber, cell: BundledCell) -> bool:
    """Whether a line of reported.csv is about the cell; it may leave out settings that follow from the others."""
    if row["cell"].keys() & PARTS:
        return False
    varying = _varying(row, cell)
    return bool(varying) == bool(cell.varying) and includes(cell.varying, varying)


def _varying(row: ReportedNumber, cell: BundledCell) -> dict[str, Value]:
    """What a line says of the settings that vary in the cell's experiment."""
    return {key: value for key, value in cell.valued(naming.of_row(row)).items() if key in cell.varying}
