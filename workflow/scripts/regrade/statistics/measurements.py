"""What was measured, cell by cell: metrics per seed, curves, and which test rows were answered correctly."""

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regrade.bundle.answers import Answers, Correct
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import FINISHED, BundledCell, BundledExperiment
from regrade.config.study import includes
from regrade.config.types import Value
from regrade.statistics import curves
from regrade.statistics.estimate import NOISE, Estimate, Pooled
from regrade.statistics.pooling import pooled
from regrade.statistics.sample import Rows, Sample
from regrade.statistics.units import possible, unit
from regrade.statistics.winners import Seen, Winner, rotated

# The rule by which classes are predicted, of which an accuracy is the mean
_PREDICTED = {"best_epoch": "best", "cross_fitted": "cross_fitted", "last_epoch": "last"}
# Metrics that are the same whatever the seed
EXACT = ("parameters",)

# A metric: a column of the collected runs, or a measure of a curve with its arguments
Metric = str | dict[str, Value]
# What a share can be; a gain or a gap of shares may be negative
SHARE = (0.0, 1.0)
# What a number is measured of
Measured = BundledCell | Winner
T = TypeVar("T")


@dataclass(frozen=True)
class Measurements:
    """The cells of a study, the tables of their runs and curves, and their answers (see regrade.bundle.bundle)."""

    cells: list[BundledCell]
    runs: pd.DataFrame
    curves: pd.DataFrame
    answers: Answers = field(default_factory=dict, kw_only=True)
    experiments: Mapping[str, BundledExperiment] = field(default_factory=dict, kw_only=True)

    def find(self, experiment: str, **settings: Value) -> list[BundledCell]:
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

    def of(self, cell: BundledCell) -> pd.DataFrame:
        """The finished runs of a cell, one row per seed; no rows when it is not trained."""
        return self._runs.get(cell.folder.as_posix(), self.runs.iloc[:0])

    def curve(self, cell: BundledCell) -> pd.DataFrame:
        """The histories of a cell's runs, one row per evaluation; no rows when it is not trained."""
        return self._curves.get((cell.experiment, cell.name), self.curves.iloc[:0])

    def known(self, cell: BundledCell, column: str) -> "pd.Series[Any]":
        """A column of a cell's finished runs by seed, where they have a value; empty where nobody recorded it."""
        runs = self.of(cell)
        return runs.set_index("seed")[column].dropna() if column in runs else pd.Series(dtype=object)

    def bounds(self, cell: BundledCell, metric: Metric) -> pd.DataFrame:
        """By seed, between which values (columns low and high) a metric lies; empty when the cell has no such metric.

        Both are the same unless a run did not last long enough to tell: one that has not converged needs at least its
        epochs. Of a run that diverged, what was to be measured later is not known, and a measure of its curve only as
        far as the curve until then decides it.
        """
        # Claims, numbers, tables and figures ask for the same ones again and again
        key = "bounds", cell.experiment, cell.name, repr(metric)
        return self.once(key, lambda: self._bounds(cell, metric))

    def _bounds(self, cell: BundledCell, metric: Metric) -> pd.DataFrame:
        runs = self.of(cell)
        if not len(runs):
            return pd.DataFrame({"low": [], "high": []}, dtype=float)
        runs = runs.set_index("seed")
        if isinstance(metric, dict):
            values = self._measured(cell, metric, runs.index[runs["status"] == "diverged"])
        elif metric in runs:
            of_runs = runs[metric].astype(float)
            if metric == "epochs_to_converge":
                of_runs = of_runs.fillna(math.inf)
            values = pd.DataFrame({"low": of_runs, "high": of_runs})
        else:
            values = pd.DataFrame({"low": [], "high": []}, dtype=float)
        low, high = (values[end].reindex(runs.index) for end in ("low", "high"))
        longer = (low == math.inf) & (unit(metric) == "epochs")
        unknown = ~longer & (np.isinf(low) & (low == high) | (low.isna() & (runs["status"] == "diverged")))
        low = low.mask(unknown, -math.inf)
        if longer.any():
            low = low.mask(longer, self._epochs(cell).reindex(runs.index, fill_value=0.0))
        return pd.DataFrame({"low": low, "high": high.mask(unknown, math.inf)}).dropna()

    def _epochs(self, cell: BundledCell) -> "pd.Series[float]":
        """By seed, for how many epochs it was trained at least."""
        last = self.curve(cell).groupby("seed")["epoch"].max().astype(float)
        runs = self.of(cell).set_index("seed")
        return runs["epochs"].astype(float).dropna().combine_first(last) if "epochs" in runs else last

    def _measured(self, cell: BundledCell, metric: dict[str, Value], diverged: Container[int]) -> pd.DataFrame:
        """Between which values a measure of the curve of each run lies, by seed; `diverged`: the seeds of such runs."""
        arguments = {key: value for key, value in metric.items() if key != "measure"}
        name, histories = str(metric["measure"]), self.curve(cell)
        columns = {str(arguments[key]) for key in ("of", "against") if key in arguments}
        if not len(histories) or not columns <= set(histories.columns):
            # Runs from elsewhere may come without any, or without these
            return pd.DataFrame({"low": [], "high": []}, dtype=float)
        by_seed = {}
        for seed, history in histories.groupby("seed"):
            if seed in diverged:
                by_seed[seed] = curves.of_diverged(name, history, **arguments)
            else:
                by_seed[seed] = (curves.MEASURES[name](history, **arguments),) * 2
        limits = pd.DataFrame.from_dict(by_seed, orient="index", columns=["low", "high"], dtype=float)
        if limits["low"].notna().any():
            # Left out, a run without a value, such as a correlation with what never changes, would make others "all"
            limits = limits.fillna({"low": -math.inf, "high": math.inf})
        return limits

    def values(self, cell: BundledCell, metric: Metric) -> "pd.Series[float]":
        """A metric of a cell by seed, without seeds of which it is not known; empty when it is not trained.

        A run that never converged counts as converging at its last epoch, the fewest that it can have needed.
        """
        low: pd.Series[float] = self.bounds(cell, metric)["low"]
        return low[np.isfinite(low)]

    def correct(self, cell: BundledCell, metric: Metric) -> Correct | None:
        """Which rows each seed answered correctly, if the metric is an accuracy over these rows; else None."""
        if not isinstance(metric, str) or not len(self.of(cell)):
            return None
        split, _, which = metric.partition("_accuracy_")
        if split not in ("test", "validation") or which not in _PREDICTED or metric not in self.runs:
            return None
        return self.answers.get((cell.folder.as_posix(), _PREDICTED[which]))

    def contrast(self, weights: list[tuple[BundledCell, float]], metric: Metric) -> Estimate:
        """The weighted sum of a metric over cells, paired by seed and, where cells share them, by test row."""
        return self.sample(list(weights), metric).mean

    def sample(self, weights: Sequence[tuple[Measured, float]], metric: Metric, look: int | None = None) -> Sample:
        """What each seed gave for the weighted sum of a metric over cells, which are paired by seed and by test row.

        `look`: how many seeds count, the lowest first; all by default. Others then have no part in anything: neither in
        the choice of a winner, nor in the variance that cells have in common.
        """
        seen = [self._seen(one, metric) for one, _ in weights]
        seeds = sorted(set.intersection(*(set(one.bounds.index) for one in seen)))
        if unit(metric) == "seconds":
            seeds = self.timed_apart([one for one, _ in weights], [one.bounds["low"] for one in seen])
        seeds = seeds[:look]
        is_of_winner = any(isinstance(one, Winner) for one, _ in weights)
        if look and is_of_winner:
            seen = [self._seen(one, metric, seeds) for one, _ in weights]
        by = [weight for _, weight in weights]
        low, high = _combined(seen, by, seeds)
        experiments = {one.experiment for one in seen}
        pooled = self._pooled(seen[0].experiment, metric, look) if len(experiments) == 1 else None
        return Sample(
            seeds=tuple(seeds),
            low=low,
            high=high,
            rows=_on_rows(seen, by, seeds) if seeds else (),
            bounds=SHARE if by == [1.0] and unit(metric) == "share" and possible(metric) == SHARE else None,
            pooled=pooled.scaled(sum(weight**2 for weight in by)) if pooled else None,
            exact=metric in EXACT,
            rotated=is_of_winner,
        )

    def timed_apart(self, measured: Sequence[Measured], times: Sequence["pd.Series[float]"]) -> list[int]:
        """The seeds by which times of several cells, given by seed, can be compared: one of each job on one device.

        Of the seeds that any of the cells trained together, and so have one time for all, only the first counts. A cell
        that got seeds at several times has as many groups of them.
        """
        common = sorted(set.intersection(*(set(one.index) for one in times)))
        seeds = self.on_one_device(measured, common)
        jobs = [self._jobs(one, of_one) for one, of_one in zip(measured, times, strict=True)]
        again = [of_cell.loc[seeds].duplicated() for of_cell in jobs]
        return [seed for seed in seeds if not any(of_cell[seed] for of_cell in again)]

    def _jobs(self, one: Measured, times: "pd.Series[float]") -> "pd.Series[float]":
        """By seed, what only seeds that were trained together have in common: all digits of their time of training.

        Curves are rounded, so that times of an epoch may be equal by chance; they count where nothing else is known.
        """
        if not isinstance(one, BundledCell) or "train_seconds" not in self.of(one):
            return times
        whole: pd.Series[float] = self.of(one).set_index("seed")["train_seconds"].reindex(times.index).fillna(times)
        return whole

    def time_ratios(
        self, first: tuple[BundledCell, "pd.Series[float]"], second: tuple[BundledCell, "pd.Series[float]"]
    ) -> "pd.Series[float]":
        """The times of one cell divided by those of another, each given by seed, where they can be compared."""
        (cell, ours), (other, base) = first, second
        seeds = self.timed_apart([cell, other], [ours, base])
        ratios: pd.Series[float] = (ours.loc[seeds] / base.loc[seeds]).dropna()
        return ratios

    def on_one_device(self, measured: Sequence[Measured], seeds: Iterable[int]) -> list[int]:
        """The seeds that were trained on one kind of device in all these cells: other times cannot be compared.

        A device that is not known counts as any.
        """
        cells = [cell for one in measured for cell in ([one] if isinstance(one, BundledCell) else one.candidates)]
        devices = [self.devices(cell) for cell in cells]
        return [seed for seed in seeds if len({one[seed] for one in devices if seed in one}) <= 1]

    def devices(self, cell: BundledCell) -> "pd.Series[str]":
        """The kind of device by seed, of the seeds of which it is known."""
        if "device" not in self.runs:
            return pd.Series(dtype=str)
        devices: pd.Series[str] = self.of(cell).set_index("seed")["device"].dropna()
        return devices

    def _seen(self, one: Measured, metric: Metric, seeds: list[int] | None = None) -> Seen:
        """What is seen of a cell or a winner, in all of its runs or those of these seeds."""
        if isinstance(one, BundledCell):
            bounds = self.bounds(one, metric)
            return Seen(one.experiment, bounds if seeds is None else bounds.loc[seeds], self.correct(one, metric))
        candidates = [self._seen(cell, metric, seeds) for cell in one.candidates]
        by = candidates if one.by == metric else [self._seen(cell, one.by, seeds) for cell in one.candidates]
        return rotated(candidates, by, one.highest)

    def _pooled(self, experiment: str, metric: Metric, look: int | None) -> Pooled | None:
        """The variance between seeds that the cells of an experiment have in common, at a look in as many of each."""

        def compute() -> Pooled | None:
            of_cells = [self.bounds(cell, metric)["low"].sort_index() for cell in self.find(experiment)]
            # Cut first: a run beyond the look does not replace one that diverged
            return pooled([finite(of_cell.iloc[:look]).to_numpy() for of_cell in of_cells])

        return self.once(("pooled", experiment, str(metric), str(look)), compute)

    def ratio(self, first: BundledCell, second: BundledCell, metric: Metric) -> Sample:
        """A metric of one cell divided by that of another, seed by seed: of seconds, epochs and losses.

        Nothing is known of a ratio to what may be 0. Test rows are not counted as a sample, so it is no ratio of
        accuracies.
        """
        ours, base = self.bounds(first, metric), self.bounds(second, metric)
        seeds = sorted(set(ours.index) & set(base.index))
        if unit(metric) == "seconds":
            seeds = self.timed_apart([first, second], [ours["low"], base["low"].loc[seeds]])
        ours, base = ours.loc[seeds], base.loc[seeds]
        may_be_zero = (base["low"] <= 0) & (base["high"] >= 0)
        # NaN only where both are infinite; the other ends then give the limits
        quotients = pd.concat([ours[end] / base[other] for end in ours for other in base], axis="columns")
        low = quotients.min(axis="columns").mask(may_be_zero, -math.inf)
        high = quotients.max(axis="columns").mask(may_be_zero, math.inf)
        return Sample(tuple(seeds), low.to_numpy(), high.to_numpy())


def _combined(
    seen: list[Seen], weights: list[float], seeds: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By seed, the bounds of the weighted sum of what was seen."""
    low, high, size = np.zeros((3, len(seeds)))
    for one, weight in zip(seen, weights, strict=True):
        if not weight:
            continue
        # Selecting takes pandas as long as all the rest, and mostly there is nothing to select
        bounds = one.bounds if one.bounds.index.tolist() == seeds else one.bounds.loc[seeds]
        ends = weight * np.stack([bounds[end] for end in (("low", "high") if weight > 0 else ("high", "low"))], axis=1)
        low, high = low + ends[:, 0], high + ends[:, 1]
        size = size + np.abs(np.where(np.isfinite(ends[:, 0]), ends[:, 0], 0))
    # Equal values, weighted, may leave a rounding error: no effect, however well the seeds agree on it
    low, high = (np.where(np.abs(end) <= NOISE * size, 0.0, end) for end in (low, high))
    return low, high


def _on_rows(seen: list[Seen], weights: list[float], seeds: list[int]) -> tuple[Rows, ...]:
    """What each test row contributes to the weighted sum: one array for each sample of rows, however many share it."""
    samples: list[tuple[Correct, NDArray[np.float64], float, float]] = []
    for one, weight in zip(seen, weights, strict=True):
        if one.correct is None:
            continue
        values, low, high = weight * one.correct.matrix(seeds), min(weight, 0.0), max(weight, 0.0)
        at = next((i for i, (other, *_) in enumerate(samples) if other.same_rows(one.correct)), None)
        if at is None:
            samples.append((one.correct, values, low, high))
        else:
            first, total, least, most = samples[at]
            samples[at] = first, total + values, least + low, most + high
    return tuple((values, (low, high)) for _, values, low, high in samples)


def finite(values: "pd.Series[float]") -> "pd.Series[float]":
    """Without seeds that have no value, or whose loss grew beyond all numbers."""
    return values[np.isfinite(values)]


def measured(bundle: Bundle) -> Measurements:
    """What the runs of a bundle gave."""
    return Measurements(
        bundle.manifest.cells,
        bundle.runs,
        bundle.curves,
        answers=bundle.correct,
        experiments=bundle.manifest.experiments,
    )
