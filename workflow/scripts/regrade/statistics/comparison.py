"""What a report states beside what was measured for it: one Comparison per line of reported.csv."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from regrade.bundle.manifest import BundledCell
from regrade.bundle.units import COUNTED
from regrade.config import claims, reported
from regrade.config.reported import ReportedNumber
from regrade.config.types import Value
from regrade.core.errors import UserError
from regrade.statistics import naming
from regrade.statistics.estimate import LEVEL, Estimate
from regrade.statistics.measurements import Measurements, Metric, finite
from regrade.statistics.sample import Sample
from regrade.statistics.units import unit

# An accuracy counts as above chance from twice the chance on
ABOVE_CHANCE = 2

# What was measured, and where one more run lies if that takes more than the sample to tell
Measured = tuple[Sample, tuple[float, float] | None]


@dataclass(frozen=True)
class Comparison:
    """A stated value, and what was measured: a number of each run, or a text.

    `cell` is None where there is no such cell. `at_least`: the source gives a lower bound. `rounding`: how far
    from the stated value a number may be that was rounded to it. `metric`: what the sample is of, if that is a metric
    of runs or a measure of their curves. `prediction`: where one more run lies, if that takes more than the sample to
    tell. `rows`: how many rows the source's number is a share of; None for what is no such share, or where nobody says.
    """

    row: ReportedNumber
    cell: BundledCell | None
    stated: float | str
    at_least: bool = False
    rounding: float = 0.0
    metric: Metric | None = None
    sample: Sample | None = None
    prediction: tuple[float, float] | None = None
    text: str | None = None
    note: str = ""
    # Ours of the settings that the line names, where they are not the source's: there is nothing to grade then
    other_settings: dict[str, Value] = field(default_factory=dict)
    rows: int | None = None

    @property
    def measured(self) -> bool:
        """Whether there is anything to compare the stated value with."""
        return self.text is not None or (self.sample is not None and len(self.sample) > 0)

    @property
    def estimate(self) -> Estimate | None:
        """The mean over the runs."""
        return self.sample.mean if self.sample is not None else None


def comparisons(study: str, measurements: Measurements) -> list[Comparison]:
    """All lines of a study's reported.csv with what was measured. UserError for a line that can name no cell."""
    numbered = reported.numbered(study)
    lines = [line for _, line in numbered]
    compared = [_compare(study, lines, line, number, measurements) for number, line in numbered]
    rows = claims.read(study).rows
    return [replace(one, rows=_rows(one, rows)) for one in compared]


def _rows(one: Comparison, stated: dict[str, int]) -> int | None:
    """How many rows a number is a share of. `stated`: by experiment, where params.yaml does not say it."""
    split = reported.share_of(one.row)
    if split is None:
        return None
    asked = one.cell.rows.get(split) if one.cell else None
    return stated.get(one.row["experiment"], asked)


def _compare(
    study: str, lines: list[ReportedNumber], row: ReportedNumber, number: int, measurements: Measurements
) -> Comparison:
    cell = _cell(study, row, number, measurements)
    one = _measured(study, lines, row, number, cell, measurements)
    if cell is None or not one.measured:
        return one
    return replace(one, other_settings=naming.other_settings(cell, row))


def _measured(
    study: str,
    lines: list[ReportedNumber],
    row: ReportedNumber,
    number: int,
    cell: BundledCell | None,
    measurements: Measurements,
) -> Comparison:
    note = row["note"]
    value, at_least = row["value"].removeprefix(reported.AT_LEAST), row["value"].startswith(reported.AT_LEAST)
    metric = reported.ALIASES.get(row["metric"], row["metric"])
    if cell is None:
        return Comparison(row, None, value, note=note or "there is no such cell")
    trained = len(measurements.of(cell)) > 0
    if metric in _TEXTS:
        text = _TEXTS[metric](measurements, cell, row) if trained else None
        return Comparison(row, cell, value, text=text, note=note)
    try:
        stated = float(value)
    except ValueError:
        raise UserError(f"{reported.path(study)}, line {number}: the value {value!r} is not a number") from None
    rounding = 0.0 if at_least or unit(metric) in COUNTED else float(reported.half_unit(value))
    if not trained:
        return Comparison(row, cell, stated, at_least, rounding, note=note)
    if metric in reported.SECONDS:
        return _ratio(study, lines, row, cell, stated, measurements)
    if special := _SPECIAL.get(metric):
        ours, prediction = special(measurements, cell, row)
        return Comparison(row, cell, stated, at_least, rounding, None, ours, prediction, note=note)
    of_runs = _metric(cell, row, metric)
    ours = measurements.sample([(cell, 1.0)], of_runs)
    return Comparison(row, cell, stated, at_least, rounding, of_runs, ours, note=note)


def _cell(study: str, row: ReportedNumber, number: int, measurements: Measurements) -> BundledCell | None:
    """The cell that a line names; None where there is none with these values."""
    where = f"{reported.path(study)}, line {number}"
    of_experiment = measurements.find(row["experiment"])
    if not of_experiment and row["experiment"] in measurements.experiments:
        return None  # of this experiment there are no runs
    if not of_experiment:
        raise UserError(f"{where}: {study} has no experiment {row['experiment']!r}; correct or add it")
    settings, first = naming.of_row(row), of_experiment[0]
    if unknown := [key for key in settings if key not in first.known_settings]:
        raise UserError(f"{where}: {row['experiment']} has no setting {unknown[0]!r}; correct the column cell")
    varying = {key: value for key, value in settings.items() if key in first.varying}
    cells = measurements.find(row["experiment"], **varying)
    if len(cells) > 1:
        raise UserError(f"{where}: names {len(cells)} cells of {row['experiment']}; add settings to the column cell")
    return cells[0] if cells else None


def _metric(cell: BundledCell, row: ReportedNumber, metric: str) -> Metric:
    """What a line names, as a metric of a run or a measure of its curve."""
    if metric in reported.LOWEST:
        return {"measure": "lowest", "of": metric.removesuffix("_min")}
    if metric == reported.MEAN_UNTIL:
        return {"measure": "mean_between", "of": "test_accuracy", "first": 0, "last": row["cell"]["epoch"]}
    if metric in reported.ACTIVATIONS:
        # At each seed's lowest loss
        layer = str(row["cell"]["layer"]).replace("relu", "convolution")
        return f"{cell.evaluated}_{metric}_{layer}_at_lowest_loss"
    return metric


def _ratio(
    study: str,
    lines: list[ReportedNumber],
    row: ReportedNumber,
    cell: BundledCell,
    stated: float,
    measurements: Measurements,
) -> Comparison:
    """Seconds on different machines can only be compared as ratios: to the first number that the source states."""
    first = next(line for line in lines if (line["experiment"], line["metric"]) == (row["experiment"], row["metric"]))
    of_ratio: ReportedNumber = {**row, "metric": f"{row['metric']}_ratio"}
    stated_ratio = stated / reported.number_of(first)
    base_cell = _cell(study, first, 0, measurements)
    if base_cell is None:
        note = "; ".join(filter(None, ("the first line's cell is not there", row["note"])))
        return Comparison(of_ratio, cell, stated_ratio, note=note)
    timed = [(one, _seconds(measurements, one, line)) for one, line in ((cell, row), (base_cell, first))]
    ratios = measurements.time_ratios(*timed).to_numpy()
    seconds = [f"{reported.number_of(line):,g} s" for line in (row, first)]
    note = "the first, so 1" if row is first else f"{seconds[0]} divided by the first, {seconds[1]}"
    note = "; ".join(filter(None, (note, row["note"])))
    # Of a quotient, the relative errors of both numbers add up; a number divided by itself is 1
    both = (row, first) if row is not first else ()
    inexact = sum(float(reported.half_unit(line["value"])) / reported.number_of(line) for line in both)
    # A number divided by itself is the same for all seeds
    ratio = _sample(ratios[:1] if len(np.unique(ratios)) == 1 else ratios)
    return Comparison(of_ratio, cell, stated_ratio, rounding=stated_ratio * inexact, sample=ratio, note=note)


def _seconds(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> "pd.Series[float]":
    """By seed, the seconds of all epochs, or of the one that the line names."""
    if row["metric"] == "train_seconds" or not len(measurements.of(cell)):
        return measurements.values(cell, "train_seconds")
    history = measurements.curve(cell)
    if "seconds" not in history:
        return pd.Series(dtype=float)
    return history[history["epoch"] == row["cell"]["epoch"]].set_index("seed")["seconds"]


def _by_epoch(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> Measured:
    """A value at one epoch; of a run that did not get there, nothing is known."""
    curve = measurements.curve(cell)
    if row["metric"] not in curve:
        return _sample([]), None
    at_epoch = finite(curve[curve["epoch"] == row["cell"]["epoch"]].set_index("seed")[row["metric"]])
    if not len(at_epoch):
        return _sample([]), None
    of_all = at_epoch.reindex(measurements.of(cell)["seed"])
    return _by_seed(of_all.fillna(-math.inf), of_all.fillna(math.inf)), None


def _steps(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> Measured:
    """Steps of the optimizer until the accuracy at which the experiment counts as converged."""
    epochs = measurements.bounds(cell, "epochs_to_converge")
    return _by_seed(epochs["low"] * steps_per_epoch(cell), epochs["high"] * steps_per_epoch(cell)), None


def _steps_above_chance(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> Measured:
    """Steps of the optimizer until the test accuracy is above chance for the first time."""
    curve = measurements.curve(cell)
    if "test_accuracy" not in curve or not curve["test_accuracy"].notna().any() or not cell.classes:
        return _sample([]), None
    bound = ABOVE_CHANCE / cell.classes
    first = curve[curve["test_accuracy"] >= bound].groupby("seed")["epoch"].min()
    # A run that was never above chance was not until its own last epoch
    last, steps = curve.groupby("seed")["epoch"].max(), steps_per_epoch(cell)
    first = first.reindex(last.index)
    return _by_seed(first.fillna(last) * steps, first.fillna(math.inf) * steps), None


def _parameters(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> Measured:
    """Trainable parameters: of the network, of one layer, or of all layers of one kind."""
    if "layer" not in row["cell"]:
        return _sample(measurements.known(cell, "parameters"), exact=True), None
    layer = str(row["cell"]["layer"])
    kind = reported.LAYERS.get(layer, layer)
    of_kind = [
        sum(count for name, count in one.items() if kind in (name, reported.kind_of(name)))
        for one in _layers(measurements, cell)
    ]
    return _sample(of_kind, exact=True), None


def _sample(values: ArrayLike, exact: bool = False) -> Sample:
    """Numbers of which nobody needs to know the seeds."""
    numbers = np.asarray(values, dtype=float)
    return Sample(tuple(range(len(numbers))), numbers, numbers, exact=exact)


def _by_seed(low: "pd.Series[float]", high: "pd.Series[float] | None" = None) -> Sample:
    """Numbers by seed, in whatever order the tables have them; with `high`, they lie between these."""
    least = low.astype(float).sort_index()
    most = least if high is None else high.astype(float).sort_index()
    return Sample(tuple(least.index.tolist()), least.to_numpy(), most.to_numpy())


def _layers(measurements: Measurements, cell: BundledCell) -> list[dict[str, int]]:
    """The numbers of parameters by layer, of each run whose layers are recorded."""
    return [counts for text in measurements.known(cell, "parameters_by_layer") if (counts := json.loads(text))]


def _samples(valid: bool) -> Callable[[Measurements, BundledCell, ReportedNumber], Measured]:
    """Of ten texts written from one prompt after the last epoch, how many are valid; over all prompts and seeds."""

    def count(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> Measured:
        texts = measurements.known(cell, "valid_by_prompt")
        if not len(texts):
            return _sample([]), None
        shares = {seed: np.array(json.loads(text)) for seed, text in texts.items()}
        counts = {seed: 10 * (share if valid else 1 - share) for seed, share in shares.items()}
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(np.concatenate(list(counts.values())), [tail, 1 - tail])
        # The source's prompts are not ours: all of ours together show what one more prompt would give
        return _by_seed(pd.Series({seed: of_seed.mean() for seed, of_seed in counts.items()})), (low, high)

    return count


def _layer_sizes(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> str | None:
    """The sizes of the layers of a network of dense layers, as in 2-30-2, from the numbers of their parameters."""
    if not (of_runs := _layers(measurements, cell)):
        return None
    counts = list(of_runs[0].values())
    first = next(layer for layer in cell.configuration["network"] if layer["kind"] == "dense")
    units = first["units"] if first["units"] != "classes" else cell.classes
    if units is None:
        raise UserError(f"{cell.folder}: nobody says how many classes its data have; prepare them and collect again")
    sizes = [counts[0] // units - 1, units]
    for count in counts[1:]:
        sizes.append(count // (sizes[-1] + 1))
    return "-".join(map(str, sizes))


def _selected(measurements: Measurements, cell: BundledCell, row: ReportedNumber) -> str:
    """The settings that the cell took over from the winner, as far as the source names them."""
    keys = [part.partition("=")[0] for part in row["value"].split(";")]
    return ";".join(f"{key}={cell.taken_over.get(key)}" for key in keys)


def steps_per_epoch(cell: BundledCell) -> int:
    """Steps of the optimizer in an epoch. ValueError for a cell whose settings do not say how many rows it trains on.

    `regrade.checking.references` lets no line of reported.csv ask for steps of such a cell.
    """
    rows, size = cell.settings.get("train_rows"), cell.settings.get("batch_size")
    if not isinstance(rows, int) or not isinstance(size, int):
        raise ValueError(f"{cell.experiment} needs train_rows and batch_size for its steps to be counted")
    return -(-rows // size)


_TEXTS: dict[str, Callable[[Measurements, BundledCell, ReportedNumber], str | None]] = {
    "layer_sizes": _layer_sizes,
    "selected": _selected,
}
_SPECIAL: dict[str, Callable[[Measurements, BundledCell, ReportedNumber], Measured]] = {
    **{name: _by_epoch for name in reported.BY_EPOCH if name != reported.MEAN_UNTIL},
    "steps_to_converge": _steps,
    "steps_above_chance": _steps_above_chance,
    "trainable_parameters": _parameters,
    "valid_samples_of_10": _samples(valid=True),
    "invalid_samples_of_10": _samples(valid=False),
}
