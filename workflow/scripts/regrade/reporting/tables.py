"""Tables: each reported number beside the reproduced one, as HTML, CSV, Markdown and LaTeX."""

from pathlib import Path

import pandas as pd

from regrade.cells import Cell
from regrade.files import write_text
from regrade.reporting.evidence import ACCURACIES, Evidence

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


def _four(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.4f}"
