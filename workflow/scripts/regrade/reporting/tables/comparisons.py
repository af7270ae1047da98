"""Tables of what is reported beside what is reproduced. `folder` says which cell's results a row is made of."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import label
from regrade.reporting import template_functions
from regrade.reporting.evidence import Evidence, accuracy_metrics
from regrade.reporting.number_format import formatted, four, short
from regrade.reporting.tables.table_format import Shown, with_interval
from regrade.statistics.intervals import mean_interval
from regrade.statistics.measurements import Measurements

# Columns of a comparison's CSV beside the names; the printed forms join low and high
COLUMNS = (
    "reported",
    "mean",
    "low",
    "high",
    "seeds",
    "cross_fitted",
    "last_epoch",
    "peeking",
    "best_epoch",
    "status",
    "folder",
)


def shown_comparison(comparison: pd.DataFrame) -> Shown:
    """A comparison for a reader: the interval in one column."""
    keys = [column for column in comparison if column not in COLUMNS]
    names = {
        key: [f"{value:g}" if isinstance(value, float) else f"{value}" for value in comparison[key]] for key in keys
    }
    intervals = zip(map(four, comparison["low"]), map(four, comparison["high"]), strict=True)
    measured = {
        "Reproduced": comparison["mean"].map(four),
        "95 % interval": ["–" if low == "–" else f"{low} to {high}" for low, high in intervals],
        "Seeds": comparison["seeds"],
        "Cross-fitted": comparison["cross_fitted"].map(four),
        "Last epoch": comparison["last_epoch"].map(four),
        "Peeking": comparison["peeking"].map(four),
        "At epoch": [formatted(epoch, ".1f") for epoch in comparison["best_epoch"]],
        "Status": comparison["status"],
    }
    reported = {"Reported": comparison["reported"].map(four)}
    return Shown(pd.DataFrame(names | reported | measured), dict.fromkeys(measured, comparison["folder"]))


def shown_matrix(entries: pd.DataFrame) -> Shown:
    """A table named by `row` and `column` as the source prints it: a row per `row`, two columns per `column`."""
    shown: dict[str, dict[str, str]] = {}
    folders: dict[str, dict[str, str]] = {}
    for entry in entries.to_dict("records"):
        row, column, low, high = entry["row"], entry["column"], four(entry["low"]), four(entry["high"])
        interval = "" if low == "–" else f" ({low} to {high})"
        reproduced = f"{column}, reproduced"
        cells = {f"{column}, reported": four(entry["reported"]), reproduced: four(entry["mean"]) + interval}
        shown.setdefault(row, {"": row}).update(cells)
        folders.setdefault(reproduced, {})[row] = entry["folder"]
    of_columns = {column: [by_row.get(row, "") for row in shown] for column, by_row in folders.items()}
    return Shown(pd.DataFrame(list(shown.values())).fillna("–"), of_columns)


def shown_values(values: pd.DataFrame) -> Shown:
    """`values` for a reader: shares and losses with four decimals, counts with one."""
    shown = values.drop(columns=["reported", "mean", "low", "high", "seeds", "of", "folder"]).astype(object)
    shown["Reported"] = values["reported"].map(short)
    measured: dict[str, pd.Series | list[str]] = {
        "Reproduced": values["mean"].map(short),
        "95 % interval": [
            "–" if pd.isna(low) else f"{short(low)} to {short(high)}"
            for low, high in zip(values["low"], values["high"], strict=True)
        ],
        "Seeds": [
            f"{seeds}" if seeds == every else f"{seeds} of {every}"
            for seeds, every in zip(values["seeds"], values["of"], strict=True)
        ],
    }
    return Shown(shown.assign(**measured), dict.fromkeys(measured, values["folder"]))


def shown_times(times: pd.DataFrame) -> Shown:
    """`times` for a reader: intervals beside their means, and the device."""
    measured = {}
    shown: dict[str, pd.Series | list[str]] = {"cell": times["cell"]}
    for name, reported_form, form in (("seconds", ".0f", ".1f"), ("ratio", ".2f", ".2f")):
        shown[f"Reported, {name}"] = [formatted(value, reported_form) for value in times[f"reported_{name}"]]
        measured[f"Reproduced, {name}"] = shown[f"Reproduced, {name}"] = with_interval(times, name, form)
    shown["Device of the seconds"] = times["device"].replace("", "–")
    return Shown(pd.DataFrame(shown), dict.fromkeys(measured, times["folder"]))


@template_functions.table(shown_comparison)
def table(evidence: Evidence, experiment: str) -> pd.DataFrame:
    """The comparison of all cells of an experiment."""
    return _comparison(evidence, [(cell.varying, cell, False) for cell in evidence.find(experiment)])


@template_functions.table(shown_comparison)
def entries(evidence: Evidence, rows: Sequence[tuple[str, BundledCell | None, bool]]) -> pd.DataFrame:
    """The comparison of chosen cells: (text, cell, whether the cell stands for its experiment's best)."""
    return _comparison(evidence, [({"cell": text}, cell, best) for text, cell, best in rows if cell])


@template_functions.table(shown_matrix)
def matrix(evidence: Evidence, rows: Sequence[tuple[str, str, BundledCell | None]]) -> pd.DataFrame:
    """The comparison of chosen cells in two directions: (row, column, cell)."""
    named = [({"row": row, "column": column}, cell, False) for row, column, cell in rows if cell]
    return _comparison(evidence, named)


@template_functions.table(shown_matrix)
def metrics(
    evidence: Evidence, rows: Sequence[tuple[str, BundledCell | None]], columns: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Several metrics of chosen cells: rows (text, cell), columns (heading, metric)."""
    return pd.DataFrame(
        {"row": text, "column": heading} | _values(evidence, cell, metric, metric)
        for text, cell in rows
        if cell
        for heading, metric in columns
    )


@template_functions.table(shown_values)
def values(evidence: Evidence, rows: Sequence[tuple]) -> pd.DataFrame:
    """Any metrics of chosen cells: (text, cell, metric, the metric's name in reported.csv[, factor]).

    The factor turns our unit into the source's.
    """
    return pd.DataFrame({"cell": text} | _values(evidence, cell, *rest) for text, cell, *rest in rows if cell)


@template_functions.table(shown_times)
def times(evidence: Evidence, rows: Sequence[tuple[str, BundledCell | None]]) -> pd.DataFrame:
    """Training seconds of a run of chosen cells, (text, cell), reported and reproduced; see `timed`."""
    every = [
        (text, cell, evidence.stated(cell, "train_seconds"), evidence.values(cell, "train_seconds"))
        for text, cell in rows
        if cell
    ]
    return timed(evidence, every)


def timed(
    evidence: Measurements, rows: Sequence[tuple[str, BundledCell, float | None, "pd.Series[float]"]]
) -> pd.DataFrame:
    """Times of cells, (text, cell, reported seconds, ours by seed), and their ratios to the first; ours with intervals.

    Columns: cell, reported_seconds, seconds, seconds_low, seconds_high, the same of ratio, device, folder. Our ratios
    are means of those that grades have (`Measurements.time_ratios`): of each job, on one kind of device. Seconds are of
    one kind of device, too: where a cell was timed on several, of the one that most cells of the table have.
    """
    devices = _devices(evidence, [cell for _, cell, *_ in rows])
    every = []
    for (text, cell, reported, ours), device in zip(rows, devices, strict=True):
        _, first_cell, first_reported, first = rows[0]
        of_reported = reported / first_reported if reported and first_reported else None
        of_ratios = evidence.time_ratios((cell, ours), (first_cell, first))
        times = {"reported_seconds": reported, **_with_interval("seconds", _on(evidence, cell, ours, device))}
        times |= {"reported_ratio": of_reported, **_with_interval("ratio", of_ratios)}
        every.append({"cell": text, **times, "device": device, "folder": cell.folder.as_posix()})
    return pd.DataFrame(every).astype(dict.fromkeys(("reported_seconds", "reported_ratio"), float) if every else {})


def _devices(evidence: Measurements, cells: list[BundledCell]) -> list[str]:
    """Of each cell the kind of device that it was timed on; of several, the one that most of the cells have."""
    of_cells = [sorted(set(evidence.devices(cell))) for cell in cells]
    common = Counter(device for kinds in of_cells for device in kinds)
    return [max(kinds, key=lambda device: common[device], default="") for kinds in of_cells]


def _on(evidence: Measurements, cell: BundledCell, times: "pd.Series[float]", device: str) -> "pd.Series[float]":
    """The times by seed on a kind of device, one of each job."""
    devices = evidence.devices(cell)
    elsewhere = devices.index[devices != device]
    apart = times.drop(elsewhere.intersection(times.index))
    return apart.loc[evidence.timed_apart([cell], [apart])]


def _with_interval(name: str, values: "pd.Series[float]") -> dict[str, float]:
    """The mean with its 95 % interval, from 0 on; a time divided by itself does not vary, and has none."""
    mean, low, high = mean_interval(values.to_numpy())
    if values.nunique() == 1:
        low = high = np.nan
    return {name: mean, f"{name}_low": float(np.clip(low, 0, None)), f"{name}_high": high}


def _comparison(evidence: Evidence, rows: list[tuple[dict, BundledCell, bool]]) -> pd.DataFrame:
    """One row per cell: what names it (a dict of columns), then COLUMNS.

    `mean`, `low`, `high` are of the accuracy at the best epoch, which is what the source reports. Where the third value
    is true, the reported number is the experiment's highest: source and reproduction have their own winners.
    """
    compared = []
    for names, cell, best in rows:
        metric = accuracy_metrics(cell)[0]
        reported = evidence.highest_stated(cell.experiment, metric) if best else evidence.stated(cell, metric)
        other = {} if best else evidence.other_settings(cell, metric)
        status = f"other settings: {label(other)}" if other else cell.status
        about = {"status": status, "folder": cell.folder.as_posix()}
        compared.append(names | {"reported": reported} | evidence.measured(cell) | about)
    return pd.DataFrame(compared, columns=[*(rows[0][0] if rows else ()), *COLUMNS])


def _values(evidence: Evidence, cell: BundledCell, metric: str, stated: str, factor: float = 1) -> dict:
    """Of a metric of a cell: reported, mean, low and high (95 % interval), seeds, of, folder.

    `metric` is a column of the runs. `seeds` are those with a value, `of` all.
    """
    every = evidence.of(cell).get(metric, pd.Series(dtype=float))
    known = every.dropna() * factor
    low, high = (bound * factor for bound in evidence.interval(cell, metric))
    numbers = {"mean": known.mean(), "low": low, "high": high, "seeds": len(known), "of": len(every)}
    return {"reported": evidence.stated(cell, stated)} | numbers | {"folder": cell.folder.as_posix()}
