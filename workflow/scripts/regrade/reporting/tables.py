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


def comparison(
    evidence: Evidence, cells: list[Cell], names: list[str] | None = None, best: list[bool] | None = None
) -> pd.DataFrame:
    """One row per cell: what varies (or its name in `names`), then COLUMNS.

    `mean`, `low`, `high` are of the accuracy at the best epoch, which is what the source reports. Where `best` is true
    the reported number is the experiment's highest, not this cell's: source and reproduction have their own winners.
    """
    rows = []
    for i, cell in enumerate(cells):
        status, _ = evidence.status(cell)
        stated = evidence.stated(cell, ACCURACIES[0])
        if best and best[i]:
            stated = evidence.highest_stated(cell.experiment, ACCURACIES[0])
        first = {"cell": names[i]} if names else cell.varying
        rows.append(first | {"reported": stated} | evidence.measured(cell) | {"status": status})
    table = pd.DataFrame(rows)
    keys = ["cell"] if names else list(cells[0].varying)
    return table.reindex(columns=[*keys, *COLUMNS])


def write(table: pd.DataFrame, folder: Path, name: str) -> str:
    """Write `table` to folder/name.csv, with all digits, and rounded to .md and .tex; return it as HTML."""
    shown = _printed(table)
    write_text(folder / f"{name}.csv", table.to_csv(index=False))
    write_text(folder / f"{name}.md", shown.to_markdown(index=False, disable_numparse=True) + "\n")
    write_text(folder / f"{name}.tex", shown.style.hide(axis="index").format(escape="latex").to_latex(hrules=True))
    return shown.to_html(index=False, border=0, escape=True).replace("\n", "")


def _printed(table: pd.DataFrame) -> pd.DataFrame:
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
