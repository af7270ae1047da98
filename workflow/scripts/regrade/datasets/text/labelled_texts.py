"""Rows of CSV files with a class number, a text and perhaps a title."""

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from regrade.core.errors import UserError

MEND = "correct the file at its address in params.yaml, and its sha256 there"


class Row(NamedTuple):
    """An example: its class number, counted from 1, its title ("" where there is none), and its content as it is."""

    label: int
    title: str
    content: str


def read(lines: Iterable[bytes], classes: int, where: str) -> list[Row]:
    """The rows of a CSV file without a header, in its order, UTF-8.

    Columns are class (1 to `classes`) and content, or class, title and content, in all rows alike. UserError, naming
    `where` and the line, for a row that is not like that or has no content, and for an empty file.
    """
    table = csv.reader(_decoded(lines, where), strict=True)
    rows: list[Row] = []
    columns = None
    try:
        for fields in table:
            line = f"{where}, line {table.line_num}"
            columns = columns or len(fields)
            if len(fields) != columns:
                raise UserError(f"{line}: {len(fields)} columns where the first row has {columns}; {MEND}")
            rows.append(_row(fields, classes, line))
    except csv.Error as error:
        raise UserError(f"{where}, line {table.line_num}: not a row of a CSV file ({error}); {MEND}") from None
    if not rows:
        raise UserError(f"{where} is empty; {MEND}")
    return rows


def table(train: list[Row], test: list[Row]) -> pa.Table:
    """The rows of both splits, training first: columns split, label, title, content."""
    labels, titles, contents = zip(*train, *test, strict=True)
    splits = ["train"] * len(train) + ["test"] * len(test)
    return pa.table({"split": splits, "label": labels, "title": titles, "content": contents})


def _decoded(lines: Iterable[bytes], where: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{where}, line {number}: not UTF-8 text ({error.reason}); {MEND}") from None


def _row(fields: list[str], classes: int, where: str) -> Row:
    if len(fields) not in (2, 3):
        raise UserError(
            f"{where}: {len(fields)} columns instead of class and content, or class, title and content; {MEND}"
        )
    label, title, content = fields[0].strip(), "".join(fields[1:-1]).strip(), fields[-1]
    if not (label.isdecimal() and 1 <= int(label) <= classes):
        raise UserError(f"{where}: {label[:40]!r} is no class from 1 to {classes}; {MEND}")
    if not content.strip():
        raise UserError(f"{where}: the content is empty; {MEND}")
    return Row(int(label), title, content)
