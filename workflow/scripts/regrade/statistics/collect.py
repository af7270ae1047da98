"""From the folders of cells to two tables: one row per run, one row per epoch. What is missing has a row, too."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from regrade.cells.cell import Cell
from regrade.cells.layout import HISTORY, RECORD
from regrade.config.study import Experiment
from regrade.core import integrity
from regrade.core.errors import UserError
from regrade.core.files import atomic_write, read_json, sha256, write_json
from regrade.statistics import CURVES, MANIFEST, REPORTS, RUNS
from regrade.statistics.accuracy import epochs_to, summarise


def runs(cells: Iterable[Cell]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs and the curves of `cells`.

    Runs: study, experiment, cell, folder, varying (JSON), status, error, and for a finished cell one row per seed with
    its metrics (see `summarise`) and its environment; an unfinished cell has one row without a seed.
    Curves: experiment, cell, and the columns of history.parquet.
    UserError when a file of a cell is damaged; see `regrade.core.integrity`.
    """
    cells = list(cells)
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    integrity.verify((cell.folder for cell in cells if (cell.folder / RECORD).exists()), RECORD)
    for cell in cells:
        identity = {
            "study": cell.study,
            "experiment": cell.experiment,
            "cell": cell.name,
            "folder": cell.folder.as_posix(),
            "varying": json.dumps(cell.varying),
            "status": cell.status,
            "error": integrity.read(cell.failure)["error"] if cell.failure.exists() else None,
        }
        if identity["status"] in ("failed", "missing"):
            rows.append(identity)
            continue
        record, history = read(cell.folder)
        experiment = cell.template.experiments[cell.experiment]
        rows += [identity | metrics for metrics in _metrics(record, history, experiment)]
        curves.append(history.assign(experiment=cell.experiment, cell=cell.name))
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(
        {"experiment": [], "cell": []}
    )


def write(study: str, cells: Iterable[Cell]) -> None:
    """Collect a study's runs and curves into two Parquet files of its report, with a manifest of their checksums."""
    of_runs, of_curves = runs(cell for cell in cells if cell.study == study)
    # Counts, seconds, and a loss's digits beyond the seventh stay in the cells' own files: that saves two thirds
    columns = [str(name) for name in of_curves.columns]
    dropped = [name for name in columns if name == "seconds" or name.endswith(("_correct_even", "_correct_odd"))]
    losses = {name: "float32" for name in columns if name.endswith(("_loss", "_loss_batch_mean"))}
    for name, table in ((RUNS, of_runs), (CURVES, of_curves.drop(columns=dropped).astype(losses))):
        # Losses hardly ever repeat: split into byte streams they take less space than in a dictionary
        unlike = [column for column in table.columns if column in losses]
        others = [column for column in table.columns if column not in losses]
        encodings = dict.fromkeys(unlike, "BYTE_STREAM_SPLIT") or None
        with atomic_write(REPORTS / study / name) as partial:
            table.to_parquet(partial, index=False, compression="zstd", use_dictionary=others, column_encoding=encodings)
    checksums = {Path(name).name: sha256(REPORTS / study / name) for name in (RUNS, CURVES)}
    write_json(REPORTS / study / MANIFEST, {"sha256": checksums})


def tables(study: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs and curves that `write` collected. Damaged ones are deleted, with a UserError."""
    manifest = REPORTS / study / MANIFEST
    integrity.verify([manifest.parent], manifest.name)
    return pd.read_parquet(REPORTS / study / RUNS), pd.read_parquet(REPORTS / study / CURVES)


def read(folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """The record and the history of a finished cell. UserError names a file that is damaged."""
    try:
        return read_json(folder / RECORD), pq.read_table(folder / HISTORY).to_pandas()
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / HISTORY} is damaged ({error}): delete {folder} and run again") from error


def _metrics(record: dict[str, Any], history: pd.DataFrame, experiment: Experiment) -> Iterator[dict[str, Any]]:
    by_seed = dict(iter(history.groupby("seed")))
    split = "validation" if "validation_rows" in record else "test"
    for run in record["runs"]:
        metrics = {
            key: run[key]
            for key in ("seed", "status", "epochs", "parameters", "commit", "dirty", "device", "peak_memory_bytes")
        }
        metrics["parameters_by_layer"] = json.dumps(run["parameters_by_layer"])
        of_run = by_seed[run["seed"]]
        if experiment.converged_at:
            judged = "train" if experiment.converged_on == "train" else split
            metrics["epochs_to_converge"] = epochs_to(of_run, experiment.converged_at, judged)
        yield metrics | summarise(of_run, record[f"{split}_rows"], split)
