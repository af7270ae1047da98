"""The files of a finished cell: histories, predictions, weights, and a record of how they were made."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import save_file

from regrade.cells.cell import Cell
from regrade.cells.configuration import Configuration
from regrade.cells.layout import HISTORY, MODEL, PREDICTIONS, RECORD
from regrade.core.files import atomic_write, sha256, write_json
from regrade.training.state import RunState


def write(
    folder: Path, cell: Cell, configuration: Configuration, states: list[RunState], targets: np.ndarray, keep: list[int]
) -> None:
    """Write the results of a cell, each file whole or not at all, the record last.

    `targets`: (evaluated rows,) the true classes. `keep`: seeds whose weights are kept.
    """
    _write_table(folder / HISTORY, [_history(state) for state in states])
    _write_table(
        folder / PREDICTIONS, [_samples(state) if state.samples else _predictions(state, targets) for state in states]
    )
    weights = {
        f"seed={state.seed}/{name.split('/')[1]}": tensor
        for state in states
        for name, tensor in state.tensors.items()
        if state.seed in keep and name.startswith(("network/", "buffers/"))
    }
    with atomic_write(folder / MODEL) as partial:
        save_file(weights, partial)
    record = {
        "study": cell.study,
        "experiment": cell.experiment,
        "cell": cell.name,
        "varying": cell.varying,
        "scale": cell.scale,
        "seeds": list(cell.seeds),
        "code": cell.code,
        f"{configuration.settings.evaluated}_rows": len(targets),
        "configuration": configuration.model_dump(mode="json"),
        "runs": [_run(state) for state in states],
        "sha256": {name: sha256(folder / name) for name in (HISTORY, PREDICTIONS, MODEL)},
    }
    write_json(folder / RECORD, record)


def _write_table(path: Path, tables: list[pa.Table]) -> None:
    with atomic_write(path) as partial:
        pq.write_table(pa.concat_tables(tables), partial, compression="zstd")


def _history(state: RunState) -> pa.Table:
    """One row per evaluation: seed, epoch, loss and accuracy, correct rows per half of the evaluated ones, seconds."""
    columns = {name: np.array([row[name] for row in state.history]) for name in state.history[0]}
    return _table({"seed": np.full(len(state.history), state.seed, np.int32), **columns})


def _table(columns: dict[str, np.ndarray]) -> pa.Table:
    """Columns of numbers as a table; pa.array would import pandas for that, half a second of every job."""
    buffers = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    return pa.table(
        {
            name: pa.Array.from_buffers(pa.from_numpy_dtype(column.dtype), len(column), [None, pa.py_buffer(column)])
            for name, column in buffers.items()
        }
    )


def _predictions(state: RunState, targets: np.ndarray) -> pa.Table:
    """One row per evaluated row: seed, row, the true class, and the class predicted at the last and at the best epoch.

    `cross_fitted`: the class predicted for an even row at the epoch that is best on the odd rows, and vice versa.
    """
    predicted = {
        name.split("/")[1]: tensor.numpy() for name, tensor in state.tensors.items() if name.startswith("predictions/")
    }
    rows = np.arange(len(targets), dtype=np.int32)
    return _table(
        {
            "seed": np.full(len(targets), state.seed, np.int32),
            "row": rows,
            "label": targets.astype(np.int16),
            "last": predicted["last"],
            "best": predicted["best"],
            "cross_fitted": np.where(rows % 2 == 0, predicted["best_odd"], predicted["best_even"]),
        }
    )


def _samples(state: RunState) -> pa.Table:
    """What a language model wrote: seed, epoch, kind, prompt, text, first_error (null where the text is valid)."""
    columns = {name: [row[name] for row in state.samples] for name in state.samples[0]}
    columns["first_error"] = pa.array(columns["first_error"], pa.int32())
    return pa.table({"seed": pa.array([state.seed] * len(state.samples), pa.int32()), **columns})


def _run(state: RunState) -> dict:
    parameters: dict[str, int] = {}
    # A state that was read has its tensors in any order
    for name, tensor in sorted(state.tensors.items()):
        if name.startswith("network/"):
            layer = name.removeprefix("network/").split(".")[0]
            parameters[layer] = parameters.get(layer, 0) + tensor.numel()
    return {
        "seed": state.seed,
        "status": "diverged" if state.diverged else "done",
        "epochs": state.epoch,
        "parameters": sum(parameters.values()),
        # In an order that does not depend on whether the state comes from the store
        "parameters_by_layer": dict(sorted(parameters.items())),
        "train_seconds": sum(row["seconds"] for row in state.history),
        **state.environment,
        "processors": state.processors,
    }
