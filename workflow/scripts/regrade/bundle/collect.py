"""From the folders of cells to a bundle of their runs."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from regrade.bundle import answers, describe
from regrade.bundle.answers import Correct
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell
from regrade.bundle.metrics import epochs_to, summarise
from regrade.cells.cell import Cell
from regrade.cells.layout import HISTORY, PREDICTIONS, RECORD
from regrade.config.params import Params
from regrade.config.study import Experiment
from regrade.core import integrity
from regrade.core.errors import UserError
from regrade.core.files import read_json

# What the record of a run says of it, beside its metrics
_OF_RECORD = (
    *("seed", "status", "epochs", "parameters", "commit", "dirty", "device", "peak_memory_bytes", "resumed_at_epoch"),
)
# The same as JSON
_AS_JSON = ("parameters_by_layer", "versions")


def bundle(study: str, params: Params, every: Iterable[Cell]) -> Bundle:
    """The bundle of a study's cells as they are now. UserError when a file of a cell is damaged."""
    cells = [cell for cell in every if cell.study == study]
    integrity.verify((cell.folder for cell in cells if (cell.folder / RECORD).exists()), RECORD)
    manifest = describe.manifest(study, params, cells)
    trained = [cell for cell, about in zip(cells, manifest.cells, strict=True) if about.trained]
    runs, curves = _tables(trained)
    correct: dict[tuple[str, str], Correct] = {}
    valid: dict[tuple[str, int], str] = {}
    for about in manifest.cells:
        folder = about.folder.as_posix()
        if about.trained and about.language:
            valid |= {(folder, seed): shares for seed, shares in _valid_by_prompt(about).items()}
        elif about.trained:
            correct |= {(folder, rule): one for rule, one in answers.of_cell(about).items()}
    if valid:
        keys = zip(runs["folder"], runs["seed"], strict=True)
        runs = runs.assign(valid_by_prompt=[valid.get(key) for key in keys])
    commits = sorted({commit for commit in runs.get("commit", ()) if isinstance(commit, str)})
    return Bundle(manifest.model_copy(update={"commits": commits}), runs, curves, correct)


def tables(trained: Iterable[Cell]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs and the curves of trained cells, as `Bundle` has them. UserError when a file of a cell is damaged."""
    trained = list(trained)
    integrity.verify((cell.folder for cell in trained), RECORD)
    return _tables(trained)


def _tables(trained: Iterable[Cell]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    for cell in trained:
        record, history = read(cell.folder)
        identity = {"experiment": cell.experiment, "cell": cell.name, "folder": cell.folder.as_posix()}
        experiment = cell.template.experiments[cell.experiment]
        settings = {"settings": json.dumps(cell.varying)}
        rows += [identity | settings | metrics for metrics in _metrics(record, history, experiment)]
        # Counts of correct rows by half, and digits of seconds below a millisecond, stay in the cells' own files
        halves = [name for name in map(str, history.columns) if name.endswith(("_correct_even", "_correct_odd"))]
        kept = history.drop(columns=halves).round({"seconds": 3})
        curves.append(kept.assign(experiment=cell.experiment, cell=cell.name))
    none = pd.DataFrame({"experiment": [], "cell": [], "folder": [], "seed": [], "status": []})
    return (
        pd.DataFrame(rows) if rows else none,
        pd.concat(curves, ignore_index=True)
        if curves
        else pd.DataFrame({"experiment": [], "cell": [], "seed": [], "epoch": []}),
    )


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
        metrics = {key: run.get(key) for key in _OF_RECORD} | {key: json.dumps(run.get(key, {})) for key in _AS_JSON}
        of_run = by_seed[run["seed"]]
        if experiment.converged_at:
            judged = "train" if experiment.converged_on == "train" else split
            metrics["epochs_to_converge"] = epochs_to(of_run, experiment.converged_at, judged)
        yield metrics | summarise(of_run, record[f"{split}_rows"], split)


def _valid_by_prompt(cell: BundledCell) -> dict[int, str]:
    """By seed, the shares of valid texts that a language model wrote from each prompt after the last epoch, as JSON.

    UserError when the file is damaged.
    """
    path = integrity.checked(cell.folder, PREDICTIONS, RECORD)
    try:
        table = pq.read_table(path, columns=["seed", "epoch", "kind", "prompt", "first_error"]).to_pandas()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): delete {cell.folder} and run again") from error
    table = table[(table["kind"] == "prompted") & (table["epoch"] == table["epoch"].max())]
    shares = table["first_error"].isna().groupby([table["seed"], table["prompt"]]).mean()
    return {int(seed): json.dumps(of_seed.tolist()) for seed, of_seed in shares.groupby(level="seed")}
