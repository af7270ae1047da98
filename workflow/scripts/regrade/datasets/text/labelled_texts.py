"""Rows of CSV files with a class number, a title and a text."""

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from regrade.core.errors import UserError

MEND = "correct the file at its address in params.yaml, and its sha256 there"


class Row(NamedTuple):
    """An example: its class number, counted from 1, and its texts without white space around them."""

    label: int
    title: str
    content: str


def read(lines: Iterable[bytes], classes: int, where: str) -> list[Row]:
    """The rows of a CSV file without a header, in its order: columns class (1 to `classes`), title, content; UTF-8.

    UserError, naming `where` and the line, for a row that is not like that or has no content, and for an empty file.
    """
    table = csv.reader(_decoded(lines, where), strict=True)
    rows = []
    try:
        for fields in table:
            rows.append(_row(fields, classes, f"{where}, line {table.line_num}"))
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
    if len(fields) != 3:
        raise UserError(f"{where}: {len(fields)} columns instead of class, title and content; {MEND}")
    label, title, content = (field.strip() for field in fields)
    if not (label.isdecimal() and 1 <= int(label) <= classes):
        raise UserError(f"{where}: {label[:40]!r} is no class from 1 to {classes}; {MEND}")
    if not content:
        raise UserError(f"{where}: the content is empty; {MEND}")
    return Row(int(label), title, content)
