"""Tables as a reader sees them: few digits, headings, and each number with a way to the cell that it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from regrade.files import write_text
from regrade.reporting.numerals import formatted, four, short
from regrade.reporting.rendering import environment
from regrade.reporting.tables import COLUMNS


@dataclass(frozen=True)
class Shown:
    """A table for a reader, and by column the folders of the cells that the entries come from, one per row."""

    table: pd.DataFrame
    folders: dict[str, Sequence[str]] = field(default_factory=dict)


def write(table: pd.DataFrame, shown: Shown, folder: Path, name: str) -> Markup:
    """Write `table`, with all digits, to folder/name.csv, and `shown` to .md and .tex; return `shown` as HTML."""
    printed = shown.table
    write_text(folder / f"{name}.csv", table.to_csv(index=False))
    plain = printed.rename(columns=_plain).map(_plain)
    write_text(folder / f"{name}.md", plain.to_markdown(index=False, disable_numparse=True) + "\n")
    write_text(folder / f"{name}.tex", printed.style.hide(axis="index").format(escape="latex").to_latex(hrules=True))
    none = [""] * len(printed)
    columns = [zip(printed[heading], shown.folders.get(heading, none), strict=True) for heading in printed]
    html = environment().get_template("table.html.j2").render(headings=list(printed), rows=zip(*columns, strict=True))
    # A blank line would end the HTML within the Markdown that it is put into
    return Markup(html.replace("\n", ""))


def times(table: pd.DataFrame) -> Shown:
    """`tables.times` for a reader."""
    return _with_headings(
        table,
        reported_seconds=("Reported, seconds", ".0f"),
        seconds=("Reproduced, seconds", ".1f"),
        reported_ratio=("Reported, ratio", ".2f"),
        ratio=("Reproduced, ratio", ".2f"),
    )


def matrix(table: pd.DataFrame) -> Shown:
    """A table named by `row` and `column` as the source prints it: a row per `row`, two columns per `column`."""
    shown: dict[str, dict[str, str]] = {}
    folders: dict[str, dict[str, str]] = {}
    for entry in table.itertuples():
        low, high = four(entry.low), four(entry.high)
        interval = "" if low == "–" else f" ({low} to {high})"
        reproduced = f"{entry.column}, reproduced"
        cells = {f"{entry.column}, reported": four(entry.reported), reproduced: four(entry.mean) + interval}
        shown.setdefault(entry.row, {"": entry.row}).update(cells)
        folders.setdefault(reproduced, {})[entry.row] = entry.folder
    of_columns = {column: [by_row.get(row, "") for row in shown] for column, by_row in folders.items()}
    return Shown(pd.DataFrame(list(shown.values())).fillna("–"), of_columns)


def comparison(table: pd.DataFrame) -> Shown:
    """`tables.comparison` for a reader: the interval in one column."""
    keys = [column for column in table if column not in COLUMNS]
    shown = {key: [f"{value:g}" if isinstance(value, float) else f"{value}" for value in table[key]] for key in keys}
    intervals = zip(map(four, table["low"]), map(four, table["high"]), strict=True)
    shown["Reported"] = table["reported"].map(four)
    measured = {
        "Reproduced": table["mean"].map(four),
        "95 % interval": ["–" if low == "–" else f"{low} to {high}" for low, high in intervals],
        "Seeds": table["seeds"],
        "Cross-fitted": table["test_accuracy_cross_fitted"].map(four),
        "Last epoch": table["test_accuracy_last_epoch"].map(four),
        "Peeking": table["peeking"].map(four),
        "At epoch": [formatted(epoch, ".1f") for epoch in table["best_epoch"]],
        "Status": table["status"],
    }
    return Shown(pd.DataFrame(shown | measured), dict.fromkeys(measured, table["folder"]))


def values(table: pd.DataFrame) -> Shown:
    """`tables.values` for a reader: shares and losses with four decimals, counts with one."""
    shown = table.drop(columns=["reported", "mean", "low", "high", "seeds", "of", "folder"]).astype(object)
    shown["Reported"] = table["reported"].map(short)
    measured = {
        "Reproduced": table["mean"].map(short),
        "95 % interval": [
            "–" if pd.isna(low) else f"{short(low)} to {short(high)}"
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
        "Seeds": [f"{row.seeds}" if row.seeds == row.of else f"{row.seeds} of {row.of}" for row in table.itertuples()],
    }
    return Shown(shown.assign(**measured), dict.fromkeys(measured, table["folder"]))


def pairs(table: pd.DataFrame) -> Shown:
    """`tables.pairs` for a reader; the first of the two cells is linked."""
    return _with_headings(
        table.drop(columns="folder_other"),
        seeds=("Paired seeds", "d"),
        test_loss=("Largest difference of test loss", ".2g"),
        test_accuracy=("Largest difference of test accuracy", ".2g"),
        equal=("Seeds converged at the same evaluation", "d"),
    )


def parameters(table: pd.DataFrame) -> Shown:
    """`tables.parameters` for a reader."""
    return _with_headings(table, reported=("Reported", ",.0f"), counted=("Counted", ",.0f"))


def activations(table: pd.DataFrame) -> Shown:
    """`regrade.reporting.activations` for a reader."""
    return _with_headings(
        table,
        reported_mean=("Reported, mean", ".4f"),
        mean=("Reproduced, mean", ".4f"),
        reported_std=("Reported, standard deviation", ".4f"),
        std=("Reproduced, standard deviation", ".4f"),
    )


def languages(table: pd.DataFrame) -> Shown:
    """`regrade.reporting.languages.table` for a reader: intervals beside their means."""
    names = {"": table[""]} if "" in table else {}
    measured = {"Loss": _with_interval(table, "loss")}
    measured |= {name.capitalize(): table[name].map(four) for name in ("floor", "gap")}
    stated = {"Valid, reported": table["reported"].map(four)}
    headings = {"prompted": "Valid, reproduced", "free": "Valid without a prompt", "long": "Valid, long prompts"}
    shares = {heading: _with_interval(table, kind) for kind, heading in headings.items()}
    shown = pd.DataFrame(names | measured | stated | shares | {"Seeds": table["seeds"]})
    return Shown(shown, dict.fromkeys([*measured, *shares, "Seeds"], table["folder"]))


def _with_headings(table: pd.DataFrame, **columns: tuple[str, str]) -> Shown:
    """The table with some columns under a heading and in a form of their own."""
    shown = table.drop(columns="folder").astype(object)
    for column, (_, form) in columns.items():
        shown[column] = [formatted(value, form) for value in table[column]]
    measured = [heading for column, (heading, _) in columns.items() if not column.startswith("reported")]
    shown = shown.rename(columns={column: heading for column, (heading, _) in columns.items()})
    return Shown(shown, dict.fromkeys(measured, table["folder"]))


def _with_interval(table: pd.DataFrame, name: str) -> list[str]:
    rows = zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
    return [four(mean) + ("" if pd.isna(low) else f" ({four(low)} to {four(high)})") for mean, low, high in rows]


def _plain(value: object) -> str:
    """A text that Markdown shows as it is: no HTML, no further column."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
