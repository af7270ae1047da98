"""Reading the files of a bundle from anywhere: every mistake is one sentence that names file, row and value."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api import types
from pydantic import ValidationError

from regrade.bundle import CORRECT, CURVES, MANIFEST, RUNS
from regrade.bundle.answers import RULES
from regrade.bundle.manifest import FINISHED, SCHEMA, BundledCell, Manifest
from regrade.bundle.tables import ABOUT_RUNS, DISTINCT, KEYS, REQUIRED
from regrade.bundle.units import beyond, limits
from regrade.config.messages import first_mistake
from regrade.core.errors import UserError
from regrade.core.files import SEAL, sha256

# Of runs that are done, these may have no value
MAY_BE_MISSING = ("epochs_to_converge", "commit", "dirty", "device", "peak_memory_bytes")


def manifest(folder: Path) -> Manifest:
    """The manifest of the bundle in `folder`. UserError for what is wrong with it."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{folder} is no bundle of runs: it has no {MANIFEST}; give the folder that has one")
    try:
        content = json.loads(path.read_text("utf-8-sig"), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}); copy the bundle again") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no object, as the manifest of a bundle is; copy the bundle again")
    content.pop(SEAL, None)
    if (version := content.get("schema_version")) != SCHEMA:
        raise UserError(
            f"{path}: schema_version is {version!r}, but this release of Regrade reads {SCHEMA}; write the bundle with "
            "this release, or grade it with the one that wrote it"
        )
    try:
        read = Manifest.model_validate(content)
    except ValidationError as error:
        where, complaint = first_mistake(error)
        raise UserError(f"{path}: {where}: {complaint}") from None
    for complaint in _of_manifest(read):
        raise UserError(f"{path}: {complaint}")
    return read


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def table(folder: Path, name: str, about: Manifest) -> pd.DataFrame:
    """A table of the bundle in `folder`; curves and answers may be missing unless the manifest has their checksum.

    UserError for what is wrong with it.
    """
    path = folder / name
    if not path.exists() and name in about.sha256:
        raise UserError(
            f"{folder} has no {name}, of which its {MANIFEST} has the checksum; copy the bundle again, or remove the "
            "checksum to grade without the table"
        )
    if not path.exists() and name != RUNS:
        return pd.DataFrame({column: [] for column in REQUIRED[name]})
    if name in about.sha256 and sha256(path) != about.sha256[name]:
        raise UserError(
            f"{path} is not the table that {MANIFEST} was written for (its checksum differs); copy both again"
        )
    try:
        content = pq.ParquetFile(path).read()
        content.validate(full=True)
        # What pandas has noted about its own types and rows may be damaged, too
        rows = content.to_pandas(ignore_metadata=True)
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be read as Parquet ({reason}); copy the bundle again") from error
    if twice := [column for column, count in Counter(rows.columns).items() if count > 1]:
        raise UserError(f"{path}: there are several columns {twice[0]!r}; keep one")
    for complaint in _of_table(name, rows, about):
        raise UserError(f"{path}: {complaint}")
    return rows


def _of_manifest(read: Manifest) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    settings: dict[str, BundledCell] = {}
    for number, cell in enumerate(read.cells):
        where = f"cells.{number} ({cell.experiment}, {cell.name})"
        if cell.study != read.study:
            yield f"{where}: study is {cell.study!r}, but the bundle is of {read.study!r}; make a bundle for each study"
        if cell.experiment not in read.experiments:
            yield f"{where}: there is no experiment {cell.experiment!r} under experiments; add it"
        if (cell.experiment, cell.name) in seen:
            yield f"{where}: this cell is there twice; keep one"
        seen.add((cell.experiment, cell.name))
        if cell.follows and not read.experiments[cell.experiment].select:
            yield f"{where}: follows {cell.follows!r}, but its experiment has no select; say what is taken over"
        first = settings.setdefault(cell.experiment, cell)
        if first.varying.keys() != cell.varying.keys():
            keys = sorted(first.varying.keys() ^ cell.varying.keys())
            yield f"{where}: only this cell or {first.name} varies {', '.join(keys)}; give both a value of it"
        if cell.scale != read.scale:
            yield (
                f"{where}: its scale is {cell.scale!r}, but that of the bundle is {read.scale!r}; runs of several "
                "protocols are several bundles"
            )


def _of_table(name: str, rows: pd.DataFrame, about: Manifest) -> Iterator[str]:
    yield from _columns(name, rows)
    if twice := rows.duplicated(DISTINCT[name]).to_numpy().nonzero()[0].tolist():
        yield f"row {twice[0] + 1}: {_place(rows.iloc[twice[0]], DISTINCT[name])} is there twice; keep one row"
    cells = {(cell.experiment, cell.name): cell for cell in about.cells}
    # A cell's rows say the same of it: the first is enough
    for number, experiment, cell in rows[["experiment", "cell"]].reset_index(drop=True).drop_duplicates().itertuples():
        about_cell = cells.get((experiment, cell))
        if not about_cell or not about_cell.trained:
            what = f"is {about_cell.status}, so it has no runs" if about_cell else "is not among the cells"
            yield f"row {number + 1}: experiment {experiment}, cell {cell} {what}, says {MANIFEST}; correct one of both"
    yield from _of_seeds(rows, cells)
    if name == RUNS:
        yield from _of_runs(rows, cells)
    if name == CURVES:
        yield from _of_curves(rows)
    if name == CORRECT:
        yield from _of_answers(rows, cells)


def _columns(name: str, rows: pd.DataFrame) -> Iterator[str]:
    for column, kind in REQUIRED[name].items():
        if column not in rows:
            yield f"the column {column} is missing; add it"
        if (empty := rows[column].isna().to_numpy().nonzero()[0].tolist()) and (name, column) != (CURVES, "value"):
            yield f"row {empty[0] + 1}: {column} is empty; give it a value, or leave the row out"
        if len(rows) and not _FITS[kind](rows[column]):
            yield f"the column {column} needs {kind} values, but has values of type {rows[column].dtype}; convert them"


def _of_seeds(rows: pd.DataFrame, cells: dict[tuple[str, str], BundledCell]) -> Iterator[str]:
    for number, experiment, cell, seed in rows[KEYS].reset_index(drop=True).drop_duplicates().itertuples():
        if int(seed) not in cells[experiment, cell].seeds:
            yield (
                f"row {number + 1}: seed {seed} is not among the seeds of experiment {experiment}, cell {cell}, says "
                f"{MANIFEST}; correct one of both"
            )


def _of_runs(rows: pd.DataFrame, cells: dict[tuple[str, str], BundledCell]) -> Iterator[str]:
    for number, status in enumerate(rows["status"]):
        if status not in FINISHED:
            yield f"row {number + 1}: status is {status!r}; it is done or diverged"
    for column in map(str, rows.columns):
        kind = REQUIRED[RUNS].get(column) or ABOUT_RUNS.get(column, "number")
        known = rows[column].dropna()
        if column not in REQUIRED[RUNS] and len(known) and not _FITS[kind](known):
            what = f"column {column}" if column in ABOUT_RUNS else f"metric {column}"
            yield f"the {what} needs {_NEEDED[kind]}, but has other values, such as {known.iloc[0]!r:.40}; correct them"
        yield from _of_metric(rows, column)
    seeds: dict[tuple[str, str], set[int]] = {key: set() for key, cell in cells.items() if cell.trained}
    for experiment, cell, seed in rows[KEYS].itertuples(index=False):
        seeds[experiment, cell].add(int(seed))
    for key, of_cell in seeds.items():
        if missing := sorted(set(cells[key].seeds) - of_cell):
            yield f"experiment {key[0]}, cell {key[1]} has no row of seed {missing[0]}; add it, or correct its seeds"


def _of_metric(rows: pd.DataFrame, column: str) -> Iterator[str]:
    """What is wrong with a number of runs: it is unknown though its run is done, or beyond its limits."""
    if not types.is_numeric_dtype(rows[column]) or types.is_bool_dtype(rows[column]):
        return
    by_cell = rows[column].notna().groupby([rows["experiment"], rows["cell"]]).transform("any")
    unknown = rows[column].isna() & by_cell & (rows["status"] == "done")
    if column not in MAY_BE_MISSING and unknown.any():
        number = int(unknown.to_numpy().argmax())
        yield (
            f"row {number + 1}: {column} is not a number in {_place(rows.iloc[number], KEYS)}, whose status is done; "
            "give the number, or say diverged"
        )
    infinite = np.isinf(rows[column].to_numpy(float, na_value=np.nan)) & (rows["status"] == "done").to_numpy()
    if infinite.any():
        number = int(infinite.argmax())
        yield f"row {number + 1}: {column} is not finite in {_place(rows.iloc[number], KEYS)}, whose status is done"
    low, high = limits(column)
    outside = (rows[column] < low) | (rows[column] > high)
    if outside.any():
        number = int(outside.to_numpy().argmax())
        yield f"row {number + 1}: {column} is {rows[column].iloc[number]:g}, {beyond(column)}"


def _of_curves(rows: pd.DataFrame) -> Iterator[str]:
    codes, metrics = pd.factorize(rows["metric"])
    for metric in metrics:
        if metric in (*KEYS, "epoch", "folder"):
            yield f"metric is {metric!r}, which is the name of a column; rename the metric"
    wrong = ~np.isfinite(rows["epoch"].to_numpy(float))
    low, high = np.array([limits(metric) for metric in metrics]).reshape(-1, 2)[codes].T
    outside = (rows["value"] < low) | (rows["value"] > high)
    if wrong.any():
        yield f"row {int(wrong.argmax()) + 1}: epoch is no finite number; correct it"
    if outside.any():
        number = int(outside.to_numpy().argmax())
        metric, value = rows["metric"].iloc[number], rows["value"].iloc[number]
        yield f"row {number + 1}: {metric} is {value:g}, {beyond(metric)}"


def _of_answers(rows: pd.DataFrame, cells: dict[tuple[str, str], BundledCell]) -> Iterator[str]:
    of_sample: dict[str, int] = {}
    samples: dict[tuple[str, str, str], str] = {}
    seeds: dict[tuple[str, str, str], set[int]] = {}
    for number, row in enumerate(rows.itertuples(index=False)):
        if row.rule not in RULES:
            yield f"row {number + 1}: rule is {row.rule!r}; it is one of {', '.join(RULES)}"
        if row.rows < 1 or len(row.bits) != -(-int(row.rows) // 8):
            yield f"row {number + 1}: bits are {len(row.bits)} bytes, but {row.rows} rows need {-(-int(row.rows) // 8)}"
        if (count := of_sample.setdefault(row.sample, row.rows)) != row.rows:
            yield f"row {number + 1}: sample {row.sample} has {row.rows} rows here, but {count} before; correct one"
        key = row.experiment, row.cell, row.rule
        if (sample := samples.setdefault(key, row.sample)) != row.sample:
            yield f"row {number + 1}: sample is {row.sample}, but {sample} for other seeds of this cell; correct one"
        seeds.setdefault(key, set()).add(int(row.seed))
    for (experiment, cell, rule), known in seeds.items():
        if missing := sorted(set(cells[experiment, cell].seeds) - known):
            yield f"experiment {experiment}, cell {cell}, rule {rule} has no row of seed {missing[0]}; add it"


def _is_json(kind: type) -> Callable[["pd.Series[object]"], bool]:
    def fits(values: "pd.Series[object]") -> bool:
        try:
            return all(isinstance(json.loads(value), kind) for value in values)
        except (TypeError, ValueError, RecursionError):
            return False

    return fits


# Whether the values of a column are of a kind
_FITS: dict[str, Callable[["pd.Series[object]"], bool]] = {
    "text": lambda values: not len(values) or types.infer_dtype(values, skipna=False) == "string",
    "bytes": lambda values: all(isinstance(value, bytes) for value in values),
    "whole": types.is_integer_dtype,
    "number": types.is_numeric_dtype,
    "truth": lambda values: all(isinstance(value, bool | np.bool) for value in values),
    "object": _is_json(dict),
    "list": _is_json(list),
}
_NEEDED = {
    "text": "texts",
    "number": "numbers",
    "truth": "true or false",
    "object": "JSON objects",
    "list": "JSON lists",
}


def _place(row: "pd.Series[object]", keys: list[str]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in keys)
