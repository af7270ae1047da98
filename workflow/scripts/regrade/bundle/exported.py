"""A table that a tracker or a spreadsheet exported: which column is what, checked cell by cell."""

import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from regrade.bundle.named import Named
from regrade.bundle.tables import KEYS
from regrade.bundle.units import beyond, limits
from regrade.cells.layout import file_label, label
from regrade.config.description import Description
from regrade.config.messages import hint
from regrade.config.types import Value
from regrade.core.errors import UserError
from regrade.core.files import short_hash
from regrade.core.yaml_files import number
from regrade.datasets.kinds import columns
from regrade.datasets.kinds.columns import Advice, Columns

MEND = "correct the file"
ADVICE = Advice(
    mend=MEND,
    again="export it again",
    separator="save it with commas between the columns",
    numbers="store them as numbers",
    number="correct it",
    decimal="write all decimals in the same way",
    grouped="write decimals with a point, and nothing between thousands",
)
# What trackers call a run that ended as planned, one whose loss was not finite, and one that is no result
DONE = {"done", "finished", "completed", "complete", "success", "succeeded", "ok"}
DIVERGED = {"diverged", "nan"}
NO_RESULT = {"failed", "crashed", "killed", "running", "scheduled", "queued", "pending", "preempted", "preempting"}
# Before the names of columns in exports of MLflow, Weights & Biases and the like
PREFIXES = ("params.", "metrics.", "config.", "summary.")
# Columns that are kept as they are
OF_RUNS = ("device", "commit")
# The columns of histories from which metrics of runs are computed
OF_HISTORIES = tuple(f"{split}_{name}" for split in ("train", "validation", "test") for name in ("loss", "accuracy"))


class Exported:
    """A table whose columns are told apart.

    `rows`: experiment, cell, seed, status; settings (those that name the cell); standing (in what the run is not as the
    source's); epoch, if it has histories; numbers. `notes`: what of the table is left out, as sentences.
    """

    def __init__(self, path: Path, about: Description, names: dict[str, Named], seed: str):
        """`seed`: the column with the seeds. UserError, with row and column, for what is missing or no number."""
        if path.is_dir():
            raise UserError(
                f"{path} is a folder; give CSV or Parquet files, or one bundle: `regrade merge` puts several together"
            )
        if not path.is_file():
            raise UserError(f"{path} is not there; give a CSV or Parquet file, or the folder of a bundle")
        self.path, self.about, self.names = path, about, names
        self.notes: list[str] = []
        table, self._seed = _read(path, _column_of_seeds(about, seed))
        self.their_names = table.names
        self._columns = self._with_results(self._renamed(table))
        self.our_names = self._columns.names
        self._status = self._statuses()
        self._experiments = self._of_experiments()
        self._kept = np.array([name in names for name in self._experiments])
        self.rows = self._read()

    def _renamed(self, table: Columns) -> Columns:
        """The columns by our names: as study.yaml says, else without the prefixes of trackers."""
        renamed = {self._seed: "seed"} | self.about.columns
        short = Counter(map(_short, table.names))
        said = {renamed[name] for name in table.names if name in renamed}
        ours = [renamed.get(name) or (_short(name) if short[_short(name)] == 1 else name) for name in table.names]
        # What the user says of one column takes its name from any other
        left = [name in renamed or our not in said for name, our in zip(table.names, ours, strict=True)]
        counts, used = Counter(our for our, kept in zip(ours, left, strict=True) if kept), self._used()
        if twice := [name for name in counts if counts[name] > 1 and name in used]:
            raise UserError(f"{self.path} has several columns for {twice[0]!r}; say which it is in study.yaml: columns")
        kept = [number for number, name in enumerate(ours) if left[number] and counts[name] == 1]
        content = table.table.select(kept).rename_columns([ours[number] for number in kept])
        return Columns(content, table.place, table.separator, ADVICE)

    def _used(self) -> set[str]:
        """The columns that may matter; of others, there may be several of a name."""
        named = {name for one in self.names.values() for name in (*one.settings, *one.metrics, *one.curves)}
        common = {key for one in self.about.experiments.values() for key in one.settings}
        return named | common | {"experiment", "seed", "status", "epoch", *OF_RUNS, *OF_HISTORIES}

    def _with_results(self, table: Columns) -> Columns:
        """The rows of runs that have ended, which a column `status` may say."""
        if "status" not in table.names:
            return table
        status = [_word(value) for value in table.table["status"].to_pylist()]
        for row, word in enumerate(status):
            if word not in DONE | DIVERGED | NO_RESULT:
                known = ", ".join(sorted(DONE | DIVERGED | NO_RESULT))
                raise UserError(f"{table.place(row)}, column 'status': {word!r} is none of {known}; correct it")
        kept = [row for row, word in enumerate(status) if word not in NO_RESULT]
        if left_out := Counter(word for word in status if word in NO_RESULT):
            counts = ", ".join(f"{count} {word}" for word, count in left_out.items())
            self.notes.append(f"{self.path}: rows of runs without a result are left out ({counts})")
        if not kept:
            raise UserError(f"{self.path} has no run that is done; give a table with results")
        return _part(table, kept)

    def _statuses(self) -> list[str]:
        if "status" not in self._columns.names:
            return ["done"] * len(self._columns.table)
        words = map(_word, self._columns.table["status"].to_pylist())
        return ["diverged" if word in DIVERGED else "done" for word in words]

    def _of_experiments(self) -> list[str]:
        if "experiment" not in self._columns.names:
            if len(self.names) > 1:
                raise UserError(
                    f"{self.path} has no column 'experiment', but the study has {len(self.names)}: "
                    f"{', '.join(self.names)}; add the column, or name one in study.yaml: columns"
                )
            return list(self.names) * len(self._columns.table)
        texts = self._columns.table["experiment"].to_pylist()
        experiments = ["" if text is None else str(text).strip() for text in texts]
        if "" in experiments:
            raise UserError(f"{self._columns.place(experiments.index(''))}, column 'experiment' is empty; fill it in")
        for other, count in Counter(name for name in experiments if name not in self.names).items():
            guess = hint(other, self.names)
            self.notes.append(f"{self.path}: {_rows(count)} of {other!r} left out, as no claim is about it{guess}")
        if not set(experiments) & set(self.names):
            raise UserError(f"{self.path} has no row of {' or '.join(self.names)}; correct the column 'experiment'")
        return experiments

    def _read(self) -> pd.DataFrame:
        table = self._columns
        seeds = [self._seed_of(row, value) for row, value in enumerate(table.table["seed"].to_pylist())]
        rows = pd.DataFrame({"experiment": self._experiments, "seed": seeds, "status": self._status})
        rows = rows.join(self._cells())
        self.by_epoch = self._has_histories(rows[self._kept])
        numbers = {name: self._numbers(name) for name in self._columns_of_numbers()}
        texts = {name: self._texts(name) for name in OF_RUNS if name in table.names}
        rows = rows.assign(**numbers, **texts, place=[table.place(row) for row in range(len(rows))])
        rows = rows[self._kept].reset_index(drop=True)
        self._check_distinct(rows)
        return rows.drop(columns="place")

    def _has_histories(self, rows: pd.DataFrame) -> bool:
        """Whether a row is one evaluation of a run. Some trackers put the last epoch beside the numbers of each run."""
        named = {name for one in self.names.values() for name in one.metrics}
        has_numbers_of_runs = not named.isdisjoint(self._columns.names)
        return "epoch" in self._columns.names and (rows.duplicated(KEYS).any() or not has_numbers_of_runs)

    def _texts(self, name: str) -> list[str | None]:
        return [None if text is None else str(text) for text in self._columns.table[name].to_pylist()]

    def _seed_of(self, row: int, value: object) -> int:
        seed = number(value.strip() if isinstance(value, str) else value)
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            where = f"{self._columns.place(row)}, column {self._seed!r}"
            raise UserError(f"{where}: {value!r} is no whole number from 0 to 2^63 - 1; {MEND}")
        return seed

    def _cells(self) -> pd.DataFrame:
        """By row, the cell, the settings that name it, and how the run differs from the source's."""
        values = {name: self._columns.table[name].to_pylist() for name in self._columns.names}
        cells = []
        for row, experiment in enumerate(self._experiments):
            settings = self._settings(row, experiment, values) if self._kept[row] else {}
            common = self.about.experiments[experiment].settings if experiment in self.about.experiments else {}
            other = [
                f"{key}: {ours} instead of {theirs}"
                for key, theirs in common.items()
                if key in values and (ours := self._setting(row, key, values[key][row])) != theirs
            ]
            # Columns, too, may have names that no file can have
            readable = re.sub(r"[^A-Za-z0-9._+=-]", "_", file_label(settings)).lstrip(".")
            name = f"{readable}-{short_hash(settings)}" if settings else "only"
            cells.append({"cell": name, "settings": settings, "standing": "; ".join(other)})
        return pd.DataFrame(cells)

    def _settings(self, row: int, experiment: str, values: dict[str, list[object]]) -> dict[str, Value]:
        settings = {}
        for key, where in self.names[experiment].settings.items():
            if key not in values:
                raise UserError(
                    f"{where}: {self.path} has no column {key!r}, by which it names cells of {experiment}"
                    f"{hint(key, values)}; add it, or name one in study.yaml: columns"
                )
            settings[key] = self._setting(row, key, values[key][row])
        return settings

    def _setting(self, row: int, key: str, value: object) -> Value:
        """The value of a setting, with numbers as numbers."""
        if isinstance(value, str):
            text = value.strip()
            # In a spreadsheet with semicolons between columns, the comma stands before decimals
            text = text.replace(",", ".") if self._columns.separator == ";" and _is_decimal(text) else text
            value = {"true": True, "false": False}.get(text.lower(), number(text))
        elif isinstance(value, float):
            value = number(value)
        if value is None or value == "" or value != value:
            raise UserError(f"{self._columns.place(row)}, column {key!r}: the setting is empty; fill it in")
        if not isinstance(value, int | float | str | bool) or value in (math.inf, -math.inf):
            raise UserError(
                f"{self._columns.place(row)}, column {key!r}: {value!r} is no finite number and no text; {MEND}"
            )
        return value

    def _columns_of_numbers(self) -> list[str]:
        """The columns that claims and numbers name, and of histories those from which such are computed."""
        named = {name for one in self.names.values() for name in (*one.metrics, *one.curves)}
        if self.by_epoch:
            named |= {"epoch", *OF_HISTORIES}
        return [name for name in self._columns.names if name in named]

    def _numbers(self, name: str) -> NDArray[np.float64]:
        """The numbers in a column; of runs that diverged, some may be missing, but not an epoch."""
        diverged = (np.array(self._status) == "diverged") & (name != "epoch")
        values = np.full(len(diverged), math.nan)
        if rows := np.flatnonzero(self._kept & ~diverged).tolist():
            values[rows] = _part(self._columns, rows).doubles([name], None)[:, 0]
        if rows := np.flatnonzero(self._kept & diverged).tolist():
            texts = [str(text).strip().replace(",", ".") for text in self._columns.table[name].take(rows).to_pylist()]
            values[rows] = pd.to_numeric(pd.Series(texts), errors="coerce")
        if infinite := np.flatnonzero(np.isinf(values) & ~diverged).tolist():
            raise UserError(f"{self._columns.place(infinite[0])}, column {name!r}: the number is not finite; {MEND}")
        low, high = limits(name)
        if wrong := np.flatnonzero((values < low) | (values > high)).tolist():
            raise UserError(
                f"{self._columns.place(wrong[0])}, column {name!r}: the value is {values[wrong[0]]:g}, {beyond(name)}"
            )
        return values

    def _check_distinct(self, rows: pd.DataFrame) -> None:
        """UserError where a run, or an evaluation of one, is there twice."""
        keys = [*KEYS, *(["epoch"] if self.by_epoch else [])]
        for position in np.flatnonzero(rows.duplicated(keys))[:1].tolist():
            row = rows.iloc[position]
            first = rows[(rows[keys] == row[keys]).all(axis=1)].iloc[0]
            of_cell = label(row["settings"]) or row["experiment"]
            raise UserError(
                f"{row['place']}: seed {row['seed']} of {of_cell} is there already, in {first['place']}; keep one, or "
                "let the claims name the setting in which they differ"
            )


def _column_of_seeds(about: Description, given: str) -> str:
    """The column with the seeds: as study.yaml or the user says."""
    theirs = next((theirs for theirs, ours in about.columns.items() if ours == "seed"), given)
    if given not in ("seed", theirs):
        raise UserError(f"--seed is {given!r}, but study.yaml has columns.{theirs}: seed; remove one of the two")
    return theirs


def _read(path: Path, seed: str) -> tuple[Columns, str]:
    """The columns of a table, and the one of them that has the seeds, which a tracker may have given a prefix."""
    refused = None
    for name in (seed, *(prefix + seed for prefix in PREFIXES)):
        try:
            return columns.read(path, [name], None, ADVICE), name
        except UserError as error:
            refused = refused or error
    assert refused is not None, "at least one name was tried"
    raise refused


def _part(table: Columns, rows: list[int]) -> Columns:
    """Some rows of a table, which keep their places."""
    place = table.place
    part = table.table.take(pa.array(rows, pa.int64()))
    return Columns(part, lambda row: place(row if row < 0 else rows[row]), table.separator, table.advice)


def _short(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)


def _rows(count: int) -> str:
    return f"{count} row{'s' if count > 1 else ''}"


def _word(value: object) -> str:
    return str(value).strip().lower()


def _is_decimal(text: str) -> bool:
    return text.count(",") == 1 and isinstance(number(text.replace(",", ".")), int | float)
