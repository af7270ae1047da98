"""The numbers that a report states: workflow/studies/<study>/reported.csv."""

import csv
import math
from pathlib import Path

import yaml

from regrade.errors import UserError
from regrade.params import Value

COLUMNS = ("source", "experiment", "cell", "metric", "value", "note")
# Metrics whose values are no numbers
TEXTS = ("layer_sizes", "selected")
STUDIES = Path(__file__).resolve().parents[2] / "studies"


def path(study: str) -> Path:
    """Where the study's reported numbers are kept."""
    return STUDIES / study / "reported.csv"


def rows(study: str) -> list[dict]:
    """All reported numbers: source, experiment, cell (dict of settings), metric, value (as text), note.

    A study without a reported.csv has none. UserError names the line that is not as it should be.
    """
    if not path(study).exists():
        return []
    try:
        # With the mark that spreadsheets put at the beginning, or without
        with path(study).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise UserError(f"{path(study)}: the column {missing[0]} is missing; add it to the first line")
            return [_row(row, f"{path(study)}, line {reader.line_num}") for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path(study)} is not a CSV file in UTF-8 ({error}); save it as one") from error


def _row(row: dict, where: str) -> dict:
    """A row as `rows` gives it. UserError, beginning with `where`, when it is not as it should be."""
    if None in row or None in row.values():
        raise UserError(f"{where}: has not as many values as the first line has columns; quote values with a comma")
    if row["metric"] not in TEXTS and not _is_number(row["value"].removeprefix(">=")):
        raise UserError(f"{where}: the value {row['value']!r} is no number; write it as 0.5 or >=0.5")
    return row | {"cell": _cell(row["cell"], where)}


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _cell(text: str, where: str) -> dict[str, Value]:
    """`filters1=10;filters2=20` as a dict with numbers as numbers."""
    cell = {}
    for part in filter(None, text.split(";")):
        key, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"{where}: {part!r} in the column cell has no '='; write key=value;key=value")
        try:
            cell[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            cell[key] = None
        if not isinstance(cell[key], Value):
            raise UserError(f"{where}: {part!r} in the column cell is neither a number nor a plain text; correct it")
    return cell


def winner(study: str, experiment: str, metric: str) -> dict[str, Value]:
    """The settings of the cell with the highest reported `metric`. UserError when nothing is reported."""
    candidates = [row for row in rows(study) if row["experiment"] == experiment and row["metric"] == metric]
    if not candidates:
        raise UserError(
            f"{path(study)}: states no {metric} for {experiment}, so there is no reported winner; use measured"
        )
    return max(candidates, key=lambda row: float(row["value"]))["cell"]
