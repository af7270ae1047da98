"""Finished runs from the files of their cell, where their states are gone, damaged, or of other code.

They are gone after `dvc pull`, `regrade prune`, and with `keep_states: false`. A cell that gets a seed is written again
with all its runs, and those that it had are not trained for that.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file

from regrade.cells import noted_seeds, set_aside
from regrade.cells.cell import Cell
from regrade.cells.layout import HISTORY, MODEL, PREDICTIONS, RECORD
from regrade.cells.progress import configuration_of
from regrade.core.files import read_json
from regrade.training.state import RunState
from regrade.training.store import Store

# What the record of a run has from its history, or from a field of its own in the state
_FROM_STATE = ("seed", "status", "epochs", "train_seconds", "processors")


def restore(cell: Cell, keep: list[int]) -> None:
    """Write the states of finished runs that are gone, from the cell's files that were set aside; and which it had.

    Not of a run that is to `keep` its weights where the files have none of it.
    """
    configuration, folder = configuration_of(cell), set_aside.path(cell)
    if configuration is None or not set_aside.is_good(folder, cell):
        return
    record = read_json(folder / RECORD)
    if record["configuration"] != configuration.model_dump(mode="json"):
        return
    if not noted_seeds.read(cell):
        noted_seeds.write(cell, record["seeds"])
    store = Store(configuration.hash, configuration.code)
    gone = [run for run in record["runs"] if not store.is_begun(run["seed"])]
    if not gone:
        return
    histories, predictions = pq.read_table(folder / HISTORY), pq.read_table(folder / PREDICTIONS)
    weights = load_file(folder / MODEL)
    store.folder.mkdir(parents=True, exist_ok=True)
    for run in gone:
        seed = run["seed"]
        prefix = f"seed={seed}/"
        network = {f"network/{n.removeprefix(prefix)}": w for n, w in weights.items() if n.startswith(prefix)}
        if network or seed not in keep:
            store.write(_state(run, _of(histories, seed), _of(predictions, seed), network))


def _of(table: pa.Table, seed: int) -> pa.Table:
    return table.filter(pc.equal(table["seed"], seed)).drop_columns("seed")


def _state(run: dict[str, Any], history: pa.Table, predictions: pa.Table, network: dict[str, torch.Tensor]) -> RunState:
    """The finished run, of which `regrade.training.results` makes what it was read from."""
    state = RunState(run["seed"], history.to_pylist(), network, finished=True)
    state.diverged, state.processors = run["status"] == "diverged", run["processors"]
    # The number of parameters included, as the weights may be gone
    state.environment = {key: value for key, value in run.items() if key not in _FROM_STATE}
    if "text" in predictions.column_names:
        state.samples = predictions.to_pylist()
        return state
    # Even rows are predicted at the epoch that is best on the odd ones, and the other way round
    columns = {"last": "last", "best": "best", "best_even": "cross_fitted", "best_odd": "cross_fitted"}
    for name, column in columns.items():
        state.tensors[f"predictions/{name}"] = torch.from_numpy(predictions[column].to_numpy().copy())
    return state
