"""CSV and Parquet files: columns of labels, numbers and texts, with the place of whatever cannot be read."""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from regrade.core.errors import UserError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
DECIMALS = {"point": ".", "comma": ","}
MOST_BYTES = 2**31 - 1  # of a CSV file
CHUNK = 10_000  # rows that are lists of texts at a time, which take much memory
MOST_NAMED = 10  # columns that a message names

_NUMBER = {mark: re.compile(rf"[+-]?(\d+({mark}\d*)?|{mark}\d+)([eE][+-]?\d+)?") for mark in (r"\.", ",")}
# 1,234 may be a thousand or a little more than one
_GROUPED = {mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}({mark}\d{{3}})+") for mark in (r"\.", ",")}


@dataclass(frozen=True)
class Advice:
    """What to do about a mistake in a file, for messages; by default, in the files of a data set in params.yaml."""

    mend: str = "correct the file, and its sha256 in params.yaml"
    again: str = "delete it and run again"
    separator: str = "give separator"
    numbers: str = "list the columns with numbers under features"
    number: str = "correct it, set decimal, or list the columns with numbers under features"
    decimal: str = "say under decimal which of them stands before decimals, and correct the others"
    grouped: str = "if decimals, give decimal: {name}, else remove what sets thousands apart"


OF_DATA = Advice()


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a file by name; where a row is, for messages; what separates its columns if it is a CSV file."""

    table: pa.Table
    place: Callable[[int], str]
    separator: str | None = None
    advice: Advice = OF_DATA

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their order."""
        return self.table.column_names

    def require(self, names: Iterable[str]) -> None:
        """UserError unless there is one column of each name."""
        for name in names:
            if (count := self.names.count(name)) != 1:
                problem = "has no column" if not count else f"has {count} columns"
                raise UserError(
                    f"{self.place(-1)} {problem} {name!r} (its columns: {_few(self.names)}); correct the name"
                )

    def labels(self, name: str) -> list[str]:
        """The classes in a column, as texts without spaces around them.

        UserError, with the row, for an empty cell and for a number that is not whole.
        """
        labels = []
        for row, value in enumerate(self.table[name].to_pylist()):
            if isinstance(value, float) and not value.is_integer():
                raise self._wrong(row, name, f"{value} is no class; classes are texts or whole numbers")
            label = "" if value is None else str(int(value) if isinstance(value, float) else value).strip()
            if not label:
                raise self._wrong(row, name, f"the class is missing; {self.advice.mend}")
            labels.append(label)
        return labels

    def texts(self, name: str) -> list[str]:
        """The texts in a column. UserError, with the row, for an empty one, or one that is no text."""
        texts = self.table[name].to_pylist()
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise self._wrong(
                    row,
                    name,
                    f"{text!r} is no text; {self.advice.mend}" if text is not None else f"empty; {self.advice.mend}",
                )
            if not text.strip():
                raise self._wrong(row, name, f"the text is empty; {self.advice.mend}")
        return texts

    def numbers(self, names: list[str], decimal: str | None) -> np.ndarray:
        """The numbers in some columns, (rows, columns) float32.

        UserError, with row and column, for a cell that is empty, no number, or too large for a float32.
        """
        numbers = self.doubles(names, decimal)
        with np.errstate(over="ignore"):
            single = numbers.astype(np.float32)
        for row, column in np.argwhere(~np.isfinite(single))[:1]:
            raise self._wrong(
                row, names[column], f"{numbers[row, column]} is no finite 32-bit number; {self.advice.mend}"
            )
        return single

    def doubles(self, names: list[str], decimal: str | None) -> np.ndarray:
        """The numbers in some columns, (rows, columns) float64.

        UserError, with row and column, for a cell that is empty or no number.
        """
        self.require(names)
        if self.separator is None:
            values = [self._stored(name) for name in names]
        else:
            columns = {name: self._different(name) for name in names}
            every = {cell for cells, _ in columns.values() for cell in cells}
            mark = DECIMALS[decimal] if decimal else self._decimal(every)
            values = [self._parsed(name, *columns[name], mark) for name in names]
        return np.stack(values, axis=1)

    def _stored(self, name: str) -> np.ndarray:
        """The numbers in a column of a Parquet file, (rows,) float64."""
        column = self.table[name]
        kind = column.type
        if not any(
            of(kind) for of in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
        ):
            raise self._wrong(None, name, f"holds no numbers but {kind}; {self.advice.numbers}")
        empty = np.flatnonzero(column.is_null(nan_is_null=True).to_numpy())
        if len(empty):
            raise self._wrong(
                int(empty[0]),
                name,
                f"the cell is empty or not a number; fill it in or remove the row ({self.advice.mend})",
            )
        return np.array(column.to_pylist(), dtype=np.float64)

    def _different(self, name: str) -> tuple[list[str], np.ndarray]:
        """The different cells of a column of a CSV file, without spaces around them, and which of them each row has."""
        encoded = self.table[name].combine_chunks().dictionary_encode()
        return [cell.strip() for cell in encoded.dictionary.to_pylist()], encoded.indices.to_numpy()

    def _parsed(self, name: str, cells: list[str], of_row: np.ndarray, mark: str) -> np.ndarray:
        """The numbers in a column of a CSV file, (rows,) float64."""
        wrong = [position for position, cell in enumerate(cells) if not _NUMBER[re.escape(mark)].fullmatch(cell)]
        for row in np.flatnonzero(np.isin(of_row, wrong))[:1]:
            if not (cell := cells[of_row[row]]):
                raise self._wrong(row, name, f"the cell is empty; fill it in or remove the row ({self.advice.mend})")
            raise self._wrong(
                row,
                name,
                f"{cell[:40]!r} is not a number with the decimal mark {mark!r}; {self.advice.number}",
            )
        return np.array([float(cell.replace(mark, ".")) for cell in cells])[of_row]

    def _decimal(self, cells: set[str]) -> str:
        """What the cells show to stand before decimals. UserError when they do not show it for certain."""
        if self.separator == ",":
            return "."
        written = {
            mark: [cell for cell in cells if mark in cell and _NUMBER[re.escape(mark)].fullmatch(cell)] for mark in ".,"
        }
        if written["."] and written[","]:
            raise UserError(
                f"{self.place(-1)} has numbers with a point ({min(written['.'])}) and with a comma "
                f"({min(written[','])}); {self.advice.decimal}"
            )
        for name, mark in DECIMALS.items():
            numbers = written[mark]
            if numbers and all(_GROUPED[re.escape(mark)].fullmatch(cell) for cell in numbers):
                raise UserError(
                    f"{self.place(-1)}: {min(numbers)} has either decimals or its thousands set apart; "
                    f"{self.advice.grouped.format(name=name)}"
                )
        return "," if written[","] else "."

    def _wrong(self, row: int | None, column: str, problem: str) -> UserError:
        return UserError(f"{self.place(-1 if row is None else int(row))}, column {column!r}: {problem}")


def read(path: Path, needed: list[str], separator: str | None, advice: Advice = OF_DATA) -> Columns:
    """The columns of a Parquet or a CSV file, of whatever name; those of a CSV file as texts.

    A CSV file has a header, and is in UTF-8 or marked as UTF-16. Without a `separator`, it is the one by which the
    header has the `needed` columns. UserError when the file is damaged, not a table, or lacks one of them.
    """
    with path.open("rb") as file:
        columns = _parquet(path, advice) if file.read(4) == b"PAR1" else _csv(path, needed, separator, advice)
    columns.require(needed)
    if not len(columns.table):
        raise UserError(f"{path} has no rows; {advice.mend}")
    return columns


def _parquet(path: Path, advice: Advice) -> Columns:
    try:
        table = parquet.ParquetFile(path).read()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is damaged ({str(error).splitlines()[0]}): {advice.again}") from error
    # Row numbers that pandas keeps
    own = [at for at, name in enumerate(table.column_names) if not re.fullmatch(r"__index_level_\d+__", name)]
    return Columns(table.select(own), lambda row: str(path) if row < 0 else f"{path}, row {row + 1}", advice=advice)


def _csv(path: Path, needed: list[str], separator: str | None, advice: Advice) -> Columns:
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path} has more than {MOST_BYTES:,} bytes; save it as Parquet, or in several files")
    text = _decoded(path, advice)
    if not text.strip():
        raise UserError(f"{path} is empty; {advice.again}")
    mark = SEPARATORS[separator] if separator else _separator(text, needed, path, advice)
    table, records = _cells(text, mark, path, advice)
    return Columns(table, lambda row: str(path) if row < 0 else f"{path}, row {records[row]}", mark, advice)


def _decoded(path: Path, advice: Advice) -> str:
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: not UTF-8 text ({error.reason}); save it as CSV in UTF-8 ({advice.mend})"
        ) from None


def _separator(text: str, needed: list[str], path: Path, advice: Advice) -> str:
    """The one separator by which the header has the needed columns, and others beside."""
    headers = {separator: _header(text, separator) for separator in SEPARATORS.values()}
    fitting = [mark for mark, names in headers.items() if len(names) > 1 and set(needed) <= set(names)]
    if len(fitting) == 1:
        return fitting[0]
    names = max(headers.values(), key=len)
    if fitting:
        raise UserError(f"{path}: its columns may be separated by {' or by '.join(fitting)}; {advice.separator}")
    lacking = next((name for name in needed if name not in names), None)
    if lacking is None:
        raise UserError(f"{path} has the column {names[0]!r} only; {advice.separator}, or a file with more columns")
    raise UserError(
        f"{path} has no column {lacking!r} (its columns: {_few(names)}); correct the name, or {advice.separator} if "
        "the file has another one"
    )


def _header(text: str, separator: str) -> list[str]:
    try:
        return [name.strip() for name in next(_records(text, separator), [])]
    except csv.Error:
        return []


def _records(text: str, separator: str) -> Iterator[list[str]]:
    csv.field_size_limit(MOST_BYTES)
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _cells(text: str, separator: str, path: Path, advice: Advice) -> tuple[pa.Table, list[int]]:
    """The cells as texts, under the names in the first row, and the numbers of their rows, where the header is row 1.

    Empty lines are left out. UserError names a row with more or fewer cells than the header.
    """
    header = _header(text, separator)
    numbered = ((number, cells) for number, cells in enumerate(_records(text, separator), 1) if cells and number > 1)
    batches, records = [], []
    try:
        while chunk := list(itertools.islice(numbered, CHUNK)):
            for number, cells in chunk:
                if len(cells) != len(header):
                    raise UserError(
                        f"{path}, row {number}: {len(cells)} columns where the header has {len(header)}; "
                        f"{advice.mend}, or {advice.separator}"
                    )
            records += [number for number, _ in chunk]
            columns = zip(*(cells for _, cells in chunk), strict=True)
            batches.append(pa.record_batch([pa.array(column, pa.string()) for column in columns], names=header))
    except csv.Error as error:
        raise UserError(
            f"{path}, after row {records[-1] if records else 1}: not a CSV file ({error}); {advice.mend}"
        ) from None
    return pa.Table.from_batches(batches, pa.schema([(name, pa.string()) for name in header])), records


def _few(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
