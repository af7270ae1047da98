"""From the folders of cells to two tables: one row per run, one row per epoch. What is missing has a row, too."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from regrade import integrity
from regrade.cells import HISTORY, RECORD, Cell
from regrade.errors import UserError
from regrade.files import read_json
from regrade.statistics.accuracy import epochs_to, summarise


def runs(cells: Iterable[Cell]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs and the curves of `cells`.

    Runs: study, experiment, cell, folder, varying (JSON), status, error, and for a finished cell one row per seed with
    its metrics (see `summarise`) and its environment; an unfinished cell has one row without a seed.
    Curves: experiment, cell, and the columns of history.parquet.
    UserError when a file of a cell is damaged; see `regrade.integrity`.
    """
    cells, rows, curves = list(cells), [], []
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
        converged_at = cell.template.experiments[cell.experiment].converged_at
        rows += [identity | metrics for metrics in _metrics(record, history, converged_at)]
        curves.append(history.assign(experiment=cell.experiment, cell=cell.name))
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(
        {"experiment": [], "cell": []}
    )


def read(folder: Path) -> tuple[dict, pd.DataFrame]:
    """The record and the history of a finished cell. UserError names a file that is damaged."""
    try:
        return read_json(folder / RECORD), pq.read_table(folder / HISTORY).to_pandas()
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / HISTORY} is damaged ({error}): delete {folder} and run again") from error


def _metrics(record: dict, history: pd.DataFrame, converged_at: float | None) -> Iterable[dict]:
    by_seed = dict(iter(history.groupby("seed")))
    split = "validation" if "validation_rows" in record else "test"
    for run in record["runs"]:
        about = {
            key: run[key]
            for key in ("seed", "status", "epochs", "parameters", "commit", "dirty", "device", "peak_memory_bytes")
        }
        about["parameters_by_layer"] = json.dumps(run["parameters_by_layer"])
        of_run = by_seed[run["seed"]]
        if converged_at:
            about["epochs_to_converge"] = epochs_to(of_run, converged_at, split)
        yield about | summarise(of_run, record[f"{split}_rows"], split)
