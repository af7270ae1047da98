"""Tables: each reported number beside the reproduced one, as HTML, CSV, Markdown and LaTeX."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from regrade.cells import Cell
from regrade.files import write_text
from regrade.reporting.evidence import ACCURACIES, Evidence
from regrade.statistics.intervals import mean_interval

# Columns of the CSV; the printed forms join low and high
COLUMNS = (
    "reported",
    "mean",
    "low",
    "high",
    "seeds",
    "test_accuracy_cross_fitted",
    "test_accuracy_last_epoch",
    "peeking",
    "best_epoch",
    "status",
)


def comparison(evidence: Evidence, rows: list[tuple[dict, Cell, bool]]) -> pd.DataFrame:
    """One row per cell: what names it (a dict of columns), then COLUMNS.

    `mean`, `low`, `high` are of the accuracy at the best epoch, which is what the source reports. Where the third value
    is true, the reported number is the experiment's highest: source and reproduction have their own winners.
    """
    made = []
    for names, cell, best in rows:
        stated = evidence.highest_stated if best else evidence.stated
        reported = stated(cell.experiment if best else cell, ACCURACIES[0])
        made.append(names | {"reported": reported} | evidence.measured(cell) | {"status": evidence.status(cell)[0]})
    names = list(rows[0][0]) if rows else []
    return pd.DataFrame(made, columns=[*names, *COLUMNS])


def times(evidence: Evidence, rows: list[tuple[dict, Cell]]) -> pd.DataFrame:
    """Training seconds per run, reported and reproduced, and their ratios to the first row's."""
    made = []
    for names, cell in rows:
        measured = evidence.measured(cell).get("train_seconds")
        made.append(names | {"reported_seconds": evidence.stated(cell, "train_seconds"), "seconds": measured})
    table = pd.DataFrame(made)
    for column in ("reported_seconds", "seconds") if made else ():
        table[column] = table[column].astype(float)
        table[f"{column.removesuffix('seconds')}ratio"] = table[column] / table[column].iloc[0]
    return table


def values(evidence: Evidence, rows: list[tuple[dict, Cell, str, str, float]]) -> pd.DataFrame:
    """One row per metric of a cell: what names it, then reported, mean, low and high (95 % interval), seeds, of.

    A row is given as its names, the cell, the metric's column among the runs, its name in reported.csv, and a factor
    that turns our unit into the source's. `seeds` are those with a value, `of` all.
    """
    made = []
    for names, cell, metric, stated, factor in rows:
        found = evidence.of(cell).get(metric, pd.Series(dtype=float))
        known = found.dropna() * factor
        mean, low, high = mean_interval(known)
        if "accuracy" in metric:  # with few seeds, t reaches beyond what an accuracy can be
            low, high = np.clip([low, high], 0, 1)
        numbers = {"mean": mean, "low": low, "high": high, "seeds": len(known), "of": len(found)}
        made.append(names | {"reported": evidence.stated(cell, stated)} | numbers)
    return pd.DataFrame(made)


def pairs(evidence: Evidence, rows: list[tuple[dict, Cell, Cell]]) -> pd.DataFrame:
    """How far two cells are apart, seed by seed: names, paired seeds, the largest differences at any evaluation.

    `equal`: seeds in which both converge at the same evaluation.
    """
    made = []
    for names, first, second in rows:
        curves = [evidence.curve(cell) for cell in (first, second)]
        both = curves[0].merge(curves[1], on=["seed", "epoch"], suffixes=("", "_other"))
        row = names | {"seeds": both["seed"].nunique()}
        for metric in ("test_loss", "test_accuracy"):
            row[metric] = (both[metric] - both[f"{metric}_other"]).abs().max()
        converged = [evidence.of(cell).set_index("seed")["epochs_to_converge"] for cell in (first, second)]
        row["equal"] = int((converged[0] == converged[1]).sum())
        made.append(row)
    return pd.DataFrame(made)


def parameters(evidence: Evidence, rows: list[tuple[dict, Cell, str, str]]) -> pd.DataFrame:
    """Trainable parameters, reported and counted: names, cell, our layer ("" for all), its name in reported.csv."""
    made = []
    for names, cell, layer, stated in rows:
        runs = evidence.of(cell)
        counts = json.loads(runs["parameters_by_layer"].iloc[0]) if len(runs) else {}
        metric = "trainable_parameters"
        reported = evidence.stated_of_layer(cell, stated, metric) if layer else evidence.stated(cell, metric)
        counted = counts.get(layer) if layer else sum(counts.values()) or None
        made.append(names | {"reported": reported, "counted": counted})
    return pd.DataFrame(made)


def write(table: pd.DataFrame, shown: pd.DataFrame, folder: Path, name: str) -> str:
    """Write `table`, with all digits, to folder/name.csv, and `shown` to .md and .tex; return `shown` as HTML."""
    write_text(folder / f"{name}.csv", table.to_csv(index=False))
    write_text(folder / f"{name}.md", shown.to_markdown(index=False, disable_numparse=True) + "\n")
    write_text(folder / f"{name}.tex", shown.style.hide(axis="index").format(escape="latex").to_latex(hrules=True))
    return shown.to_html(index=False, border=0, escape=True).replace("\n", "")


def printed_times(table: pd.DataFrame) -> pd.DataFrame:
    """`times` as a reader sees it."""
    headings = {
        "reported_seconds": "Reported, seconds",
        "seconds": "Reproduced, seconds",
        "reported_ratio": "Reported, ratio",
        "ratio": "Reproduced, ratio",
    }
    shown = table.copy().astype(object)
    for column in headings:
        digits = 1 if column == "seconds" else 0 if "seconds" in column else 2
        shown[column] = ["–" if pd.isna(value) else f"{value:.{digits}f}" for value in table[column]]
    return shown.rename(columns=headings)


def printed_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """A comparison named by `row` and `column` as the source prints it: a row per `row`, two columns per `column`."""
    shown: dict[str, dict[str, str]] = {}
    for entry in table.itertuples():
        low, high = _four(entry.low), _four(entry.high)
        interval = "" if low == "–" else f" ({low} to {high})"
        cells = {
            f"{entry.column}, reported": _four(entry.reported),
            f"{entry.column}, reproduced": _four(entry.mean) + interval,
        }
        shown.setdefault(entry.row, {"": entry.row}).update(cells)
    return pd.DataFrame(list(shown.values())).fillna("–")


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a reader sees it: four decimals, the interval in one column, a dash for what is not there."""
    keys = [column for column in table if column not in COLUMNS]
    shown = {key: [f"{value:g}" if isinstance(value, float) else f"{value}" for value in table[key]] for key in keys}
    intervals = zip(map(_four, table["low"]), map(_four, table["high"]), strict=True)
    shown |= {
        "Reported": table["reported"].map(_four),
        "Reproduced": table["mean"].map(_four),
        "95 % interval": ["–" if low == "–" else f"{low} to {high}" for low, high in intervals],
        "Seeds": table["seeds"],
        "Cross-fitted": table["test_accuracy_cross_fitted"].map(_four),
        "Last epoch": table["test_accuracy_last_epoch"].map(_four),
        "Peeking": table["peeking"].map(_four),
        "At epoch": table["best_epoch"].map(lambda epoch: "–" if pd.isna(epoch) else f"{epoch:.1f}"),
        "Status": table["status"],
    }
    return pd.DataFrame(shown)


def printed_values(table: pd.DataFrame) -> pd.DataFrame:
    """`values` as a reader sees it."""
    shown = table.drop(columns=["reported", "mean", "low", "high", "seeds", "of"]).astype(object)
    shown["Reported"] = table["reported"].map(_short)
    shown["Reproduced"] = table["mean"].map(_short)
    shown["95 % interval"] = [
        "–" if pd.isna(low) else f"{_short(low)} to {_short(high)}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    shown["Seeds"] = [
        f"{row.seeds}" if row.seeds == row.of else f"{row.seeds} of {row.of}" for row in table.itertuples()
    ]
    return shown


def printed_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """`pairs` as a reader sees it."""
    headings = {
        "seeds": "Paired seeds",
        "test_loss": "Largest difference of test loss",
        "test_accuracy": "Largest difference of test accuracy",
        "equal": "Seeds converged at the same evaluation",
    }
    shown = table.astype(object)
    for column in ("test_loss", "test_accuracy"):
        shown[column] = ["–" if pd.isna(value) else f"{value:.2g}" for value in table[column]]
    return shown.rename(columns=headings)


def printed_parameters(table: pd.DataFrame) -> pd.DataFrame:
    """`parameters` as a reader sees it."""
    shown = table.astype(object)
    for column in ("reported", "counted"):
        shown[column] = ["–" if pd.isna(value) else f"{value:,.0f}" for value in table[column]]
    return shown.rename(columns={"reported": "Reported", "counted": "Counted"})


def printed_activations(table: pd.DataFrame) -> pd.DataFrame:
    """`regrade.reporting.activations` as a reader sees it."""
    headings = {
        "reported_mean": "Reported, mean",
        "mean": "Reproduced, mean",
        "reported_std": "Reported, standard deviation",
        "std": "Reproduced, standard deviation",
    }
    shown = table.astype(object)
    for column in headings:
        shown[column] = table[column].map(_four)
    return shown.rename(columns=headings)


def _short(value: float) -> str:
    """Shares with four decimals, counts with one."""
    return "–" if value is None or pd.isna(value) else f"{value:.4f}" if abs(value) <= 1 else f"{value:,.1f}"


def _four(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.4f}"
