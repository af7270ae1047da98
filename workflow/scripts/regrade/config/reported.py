"""The numbers that a report states: workflow/studies/<study>/reported.csv."""

import csv
import math
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, TypedDict

from regrade.config import studies
from regrade.config.types import Value
from regrade.core import yaml_files
from regrade.core.errors import UserError
from regrade.core.yaml_files import number

COLUMNS = ("source", "experiment", "cell", "metric", "value", "note")
# What a line may say about a cell beside its settings: which part of its results it means
SELECTORS = ("layer", "epoch", "prompt", "run")
# Metrics that are not columns of the collected runs: those whose values are texts, those that need an epoch, the others
TEXTS = ("layer_sizes", "selected")
# The mean over the evaluations up to an epoch; the others are the values at one
MEAN_UNTIL = "test_accuracy_mean"
BY_EPOCH = ("train_accuracy", "test_accuracy", "train_loss", "test_loss", MEAN_UNTIL)
ACTIVATIONS = ("activation_mean", "activation_std")
LOWEST = ("train_accuracy_min", "test_accuracy_min")
# Times, which are compared as ratios: of all epochs; of one, with its evaluation
EPOCH_SECONDS = "epoch_seconds"
SECONDS = ("train_seconds", EPOCH_SECONDS)
SPECIAL = (
    *(*TEXTS, *BY_EPOCH, *LOWEST, EPOCH_SECONDS, "steps_to_converge", "steps_above_chance", "trainable_parameters"),
    *(*ACTIVATIONS, "valid_samples_of_10", "invalid_samples_of_10"),
)
ALIASES = {
    "test_accuracy_last_step": "test_accuracy_last_epoch",
    "test_accuracy_max": "test_accuracy_best_epoch",
    "train_accuracy_max": "train_accuracy_best_epoch",
}
# Metrics that are shares of counted rows, and the split of these rows. Means over batches are no such shares, and
# training accuracies are running means over rows as they went by
SHARES = {
    f"{split}_accuracy{which}": split
    for split in ("test", "validation")
    for which in ("", "_min", "_max", "_best_epoch", "_cross_fitted", "_last_epoch", "_last_step")
}
# What spreadsheets may put between columns instead of commas
_MARKS = {";": "semicolons", "\t": "tabs"}
# Before a value: the source gives a lower bound
AT_LEAST = ">="
# What a line may call a layer that has another name here. A number says which one, as in dense2; without it, all count
LAYERS = {"lstm": "recurrent", "gru": "recurrent"}


class ReportedNumber(TypedDict):
    """A line: where the source states it, of which cell of which experiment, and what (`value` as the text it is)."""

    source: str
    experiment: str
    cell: dict[str, Value]
    metric: str
    value: str
    note: str


def path(study: str) -> Path:
    """Where the study's reported numbers are kept."""
    return studies.folder(study) / "reported.csv"


def rows(study: str) -> list[ReportedNumber]:
    """All reported numbers; none for a study without a reported.csv. UserError names the first line that is wrong."""
    return [row for _, row in numbered(study)]


def numbered(study: str) -> list[tuple[int, ReportedNumber]]:
    """As `rows`, each row after the number of its line."""
    return [(line, _right(entry)) for line, entry in entries(study)]


def entries(study: str) -> Iterator[tuple[int, ReportedNumber | UserError]]:
    """As `numbered`, but with the error in the place of a line that is wrong."""
    if not path(study).exists():
        return
    try:
        # utf-8-sig: spreadsheets may put a byte order mark at the beginning
        with path(study).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or ()
            if missing := [name for name in COLUMNS if name not in header]:
                if len(header) == 1 and (mark := next((mark for mark in ";\t" if mark in header[0]), None)):
                    raise UserError(f"{path(study)}: {_MARKS[mark]} separate its columns; save it with commas")
                raise UserError(f"{path(study)}: the column {missing[0]} is missing; add it to the first line")
            if twice := [name for name in header if header.count(name) > 1]:
                raise UserError(f"{path(study)}: the column {twice[0]} is there twice; remove one")
            first: dict[str, int] = {}
            for row in reader:
                where, line = f"{path(study)}, line {reader.line_num}", reader.line_num
                if (same := first.setdefault(repr(row), line)) == line:
                    yield line, _entry(row, where)
                else:
                    yield line, UserError(f"{where}: is the same as line {same}; remove one")
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path(study)} is not a CSV file in UTF-8 ({error}); save it as one") from error
    except OSError as error:
        raise UserError(f"{path(study)} cannot be read ({error.strerror})") from error


def _right(entry: ReportedNumber | UserError) -> ReportedNumber:
    if isinstance(entry, UserError):
        raise entry
    return entry


def _entry(row: dict[str, Any], where: str) -> ReportedNumber | UserError:
    try:
        return _row(row, where)
    except UserError as error:
        return error


def _row(row: dict[str, Any], where: str) -> ReportedNumber:
    """A row as `rows` gives it. UserError, beginning with `where`, when it is wrong."""
    if None in row or None in row.values():
        raise UserError(f"{where}: has not as many values as the first line has columns; quote values with a comma")
    if row["metric"] not in TEXTS and not _is_number(row["value"].removeprefix(AT_LEAST)):
        raise UserError(f"{where}: the value {row['value']!r} is not a number; write it as 0.5 or >=0.5")
    return ReportedNumber(
        source=row["source"],
        experiment=row["experiment"],
        cell=_cell(row["cell"], where),
        metric=row["metric"],
        value=row["value"],
        note=row["note"],
    )


def _is_number(text: str) -> bool:
    """Whether this is a number, with no more digits than a floating-point number may have: others take forever."""
    value = number(text)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return abs(int(Decimal(text).as_tuple().exponent)) <= sys.float_info.max_10_exp


def _cell(text: str, where: str) -> dict[str, Value]:
    """`filters1=10;filters2=20` as a dict with numbers as numbers."""
    cell: dict[str, Value] = {}
    for part in filter(None, text.split(";")):
        key, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"{where}: {part!r} in the column cell has no '='; write key=value;key=value")
        if key in cell:
            raise UserError(f"{where}: {key!r} is there twice in the column cell; remove one")
        try:
            parsed = yaml_files.parse(value, where)
        except UserError:
            parsed = None
        if not isinstance(parsed, int | float | str | bool):
            raise UserError(f"{where}: {part!r} in the column cell is neither a number nor a plain text; correct it")
        cell[key] = parsed
    return cell


def number_of(row: ReportedNumber) -> float:
    """The number that a line states, or gives as a lower bound. ValueError where it states a text."""
    return float(row["value"].removeprefix(AT_LEAST))


def half_unit(value: str) -> Fraction:
    """Half a unit of the last digit of a number as it is written: 0.005 of 0.88, 0.00005 of 0.8800.

    What was rounded to `value` is no further away than this. If zeros at the end were left out, this is too much, so
    that too many numbers may have been rounded to `value`, never too few.
    """
    _, _, exponent = Decimal(value.removeprefix(AT_LEAST)).as_tuple()
    return Fraction(10) ** int(exponent) / 2


def share_of(row: ReportedNumber) -> str | None:
    """The split of whose rows a line states a share, test or validation; None where it states something else."""
    return None if row["value"].startswith(AT_LEAST) else SHARES.get(row["metric"])


def kind_of(layer: str) -> str:
    """The kind of a layer that may have a number: dense of dense2."""
    return layer.rstrip("0123456789")


def winner(study: str, experiment: str, metric: str) -> dict[str, Value]:
    """The settings of the cell with the highest reported `metric`. UserError when nothing is reported."""
    candidates = [row for row in rows(study) if row["experiment"] == experiment and row["metric"] == metric]
    if not candidates:
        raise UserError(
            f"{path(study)}: states no {metric} for {experiment}, so there is no reported winner; use measured"
        )
    return max(candidates, key=number_of)["cell"]
