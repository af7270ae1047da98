"""The numbers that a report states: workflow/studies/<study>/reported.csv."""

import csv
from pathlib import Path

import yaml

from regrade.errors import UserError
from regrade.params import Value

STUDIES = Path(__file__).resolve().parents[2] / "studies"


def path(study: str) -> Path:
    """Where the study's reported numbers are kept."""
    return STUDIES / study / "reported.csv"


def rows(study: str) -> list[dict]:
    """All reported numbers: source, experiment, cell (dict of settings), metric, value (as text), note.

    A study without a reported.csv has none.
    """
    if not path(study).exists():
        return []
    with path(study).open(newline="") as file:
        reader = csv.DictReader(file)
        return [row | {"cell": _cell(row["cell"], reader.line_num, study)} for row in reader]


def _cell(text: str, line: int, study: str) -> dict[str, Value]:
    """`filters1=10;filters2=20` as a dict with numbers as numbers."""
    cell = {}
    for part in filter(None, text.split(";")):
        key, equals, value = part.partition("=")
        if not equals:
            raise UserError(
                f"{path(study)}, line {line}: {part!r} in the column cell has no '='; write key=value;key=value"
            )
        cell[key] = yaml.safe_load(value)
    return cell


def winner(study: str, experiment: str, metric: str) -> dict[str, Value]:
    """The settings of the cell with the highest reported `metric`. UserError when nothing is reported."""
    candidates = [row for row in rows(study) if row["experiment"] == experiment and row["metric"] == metric]
    if not candidates:
        raise UserError(
            f"{path(study)}: states no {metric} for {experiment}, so there is no reported winner; use measured"
        )
    return max(candidates, key=lambda row: float(row["value"]))["cell"]
