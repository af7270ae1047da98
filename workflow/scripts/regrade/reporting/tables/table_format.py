"""Tables as a reader sees them: few digits, headings, and each number with a link to the cell that it comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from regrade.core.files import write_text
from regrade.reporting.number_format import formatted
from regrade.reporting.pages.places import Places
from regrade.reporting.pages.rendering import environment


@dataclass(frozen=True)
class Shown:
    """A table for a reader, and by column the folders of the cells that the entries come from, one per row."""

    table: pd.DataFrame
    folders: Mapping[str, Iterable[str]] = field(default_factory=dict)


def write(table: pd.DataFrame, shown: Shown, folder: Path, name: str, places: Places) -> Markup:
    """Write `table`, with all digits, to folder/name.csv, and `shown` to .md and .tex; return `shown` as HTML.

    `places`: where the HTML leads to from a number.
    """
    printed = shown.table
    write_text(folder / f"{name}.csv", table.to_csv(index=False))
    plain = printed.rename(columns=_plain).map(_plain)
    write_text(folder / f"{name}.md", plain.to_markdown(index=False, disable_numparse=True) + "\n")
    escaped = printed.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    write_text(folder / f"{name}.tex", escaped.to_latex(hrules=True))
    none = [""] * len(printed)
    headings = list(printed.columns)
    columns = [zip(printed[heading], shown.folders.get(heading, none), strict=True) for heading in headings]
    rows = zip(*columns, strict=True)
    html = environment().get_template("table.html.j2").render(headings=headings, rows=rows, places=places)
    # A blank line would end the HTML within the Markdown that it is put into
    return Markup(html.replace("\n", ""))


def with_headings(table: pd.DataFrame, **columns: tuple[str, str]) -> Shown:
    """The table with some columns under a heading and in a form of their own."""
    shown = table.drop(columns="folder").astype(object)
    for column, (_, form) in columns.items():
        shown[column] = [formatted(value, form) for value in table[column]]
    measured = [heading for column, (heading, _) in columns.items() if not column.startswith("reported")]
    shown = shown.rename(columns={column: heading for column, (heading, _) in columns.items()})
    return Shown(shown, dict.fromkeys(measured, table["folder"]))


def with_interval(table: pd.DataFrame, name: str, form: str = ".4f") -> list[str]:
    """The column `name` with its interval from `name`_low to `name`_high in brackets, as far as it has one."""
    rows = zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
    return [
        formatted(mean, form) + ("" if pd.isna(low) else f" ({low:{form}} to {high:{form}})")
        for mean, low, high in rows
    ]


def _plain(value: object) -> str:
    """A text that Markdown shows as it is: no HTML, no further column."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
