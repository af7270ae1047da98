"""Reading the files of a bundle from anywhere: every mistake is one sentence that names file, row and value."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pandas.api import types
from pydantic import ValidationError

from regrade.bundle import CORRECT, CURVES, MANIFEST, RUNS
from regrade.bundle.answers import RULES
from regrade.bundle.manifest import FINISHED, SCHEMA, BundledCell, Manifest
from regrade.bundle.tables import DISTINCT, KEYS, REQUIRED
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
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
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


def table(folder: Path, name: str, about: Manifest) -> pd.DataFrame:
    """A table of the bundle in `folder`; curves and answers may be missing. UserError for what is wrong with it."""
    path = folder / name
    if not path.exists() and name != RUNS:
        return pd.DataFrame({column: [] for column in REQUIRED[name]})
    try:
        rows = pq.read_table(path).to_pandas()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as Parquet ({error}); copy the bundle again") from error
    if name in about.sha256 and sha256(path) != about.sha256[name]:
        raise UserError(
            f"{path} is not the table that {MANIFEST} was written for (its checksum differs); copy both again"
        )
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
    for number, key in enumerate(zip(rows["experiment"], rows["cell"], strict=True)):
        if key not in cells or not cells[key].trained:
            what = "is not among the cells" if key not in cells else f"is {cells[key].status}, so it has no runs"
            yield f"row {number + 1}: experiment {key[0]}, cell {key[1]} {what}, says {MANIFEST}; correct one of both"
    if name == RUNS:
        yield from _of_runs(rows, cells)
    if name == CORRECT:
        yield from _of_answers(rows)


def _columns(name: str, rows: pd.DataFrame) -> Iterator[str]:
    for column, kind in REQUIRED[name].items():
        if column not in rows:
            yield f"the column {column} is missing; add it"
        if (empty := rows[column].isna().to_numpy().nonzero()[0].tolist()) and (name, column) != (CURVES, "value"):
            yield f"row {empty[0] + 1}: {column} is empty; give it a value, or leave the row out"
        fits = {
            "text": lambda values: all(isinstance(value, str) for value in values),
            "bytes": lambda values: all(isinstance(value, bytes) for value in values),
            "whole": types.is_integer_dtype,
            "number": types.is_numeric_dtype,
        }[kind]
        if len(rows) and not fits(rows[column]):
            yield f"the column {column} needs {kind} values, but has values of type {rows[column].dtype}; convert them"


def _of_runs(rows: pd.DataFrame, cells: dict[tuple[str, str], BundledCell]) -> Iterator[str]:
    for number, status in enumerate(rows["status"]):
        if status not in FINISHED:
            yield f"row {number + 1}: status is {status!r}; it is done or diverged"
    for column in rows.columns:
        yield from _of_metric(rows, str(column))
    seeds: dict[tuple[str, str], set[int]] = {key: set() for key, cell in cells.items() if cell.trained}
    for experiment, cell, seed in rows[KEYS].itertuples(index=False):
        seeds[experiment, cell].add(int(seed))
    for key, of_cell in seeds.items():
        if missing := sorted(set(cells[key].seeds) - of_cell):
            yield f"experiment {key[0]}, cell {key[1]} has no row of seed {missing[0]}; add it, or correct its seeds"


def _of_metric(rows: pd.DataFrame, column: str) -> Iterator[str]:
    """What is wrong with a number of runs: it is unknown though its run is done, or a share is not between 0 and 1."""
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
    if "accuracy" in column and ((rows[column] < 0) | (rows[column] > 1)).any():
        number = int(((rows[column] < 0) | (rows[column] > 1)).to_numpy().argmax())
        yield f"row {number + 1}: {column} is {rows[column].iloc[number]:g}, but accuracies are shares; divide by 100"


def _of_answers(rows: pd.DataFrame) -> Iterator[str]:
    for number, row in enumerate(rows.itertuples(index=False)):
        if row.rule not in RULES:
            yield f"row {number + 1}: rule is {row.rule!r}; it is one of {', '.join(RULES)}"
        if len(row.bits) != -(-int(row.rows) // 8):
            yield f"row {number + 1}: bits are {len(row.bits)} bytes, but {row.rows} rows need {-(-int(row.rows) // 8)}"


def _place(row: "pd.Series[object]", keys: list[str]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in keys)
