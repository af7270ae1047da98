"""Training the cells of a job, from their parameters to their files."""

import importlib
import math
import time

import torch

from regrade.cells.cell import Cell
from regrade.cells.configuration import Configuration
from regrade.config.params import Params
from regrade.core import provenance
from regrade.core.errors import UserError
from regrade.core.files import write_json
from regrade.datasets import registry
from regrade.runtime import device, process
from regrade.runtime.logs import explain, sentence, written
from regrade.training import results, stacking
from regrade.training.loading import load
from regrade.training.state import RunState
from regrade.training.store import Store
from regrade.training.trainer import Data, Trainer

REPORT_EVERY_SECONDS = 10


def train_all(batch: list[Cell], params: Params) -> None:
    """Train one cell after the other; with several, each has a log of its own.

    An error in one of several does not stop the others; at the end, a UserError names those that failed.
    """
    if len(batch) == 1:
        train(batch[0], params)
        return
    failed = 0
    for number, cell in enumerate(batch, 1):
        started = time.monotonic()
        print(f"{number} of {len(batch)}: {cell.folder}", flush=True)
        try:
            with written(cell.log):
                train(cell, params)
        except Exception as error:
            failed += 1
            print(f"failed: {sentence(error, cell.log)}", flush=True)
        else:
            print(f"done in {time.monotonic() - started:.1f} s", flush=True)
    if failed:
        raise UserError(f"{failed} of {len(batch)} cells failed, see above; the others are done")


def train(cell: Cell, params: Params) -> None:
    """Train every seed of `cell` that is not trained yet, and write the cell's files.

    An error is recorded for the report and raised again.
    """
    cell.failure.unlink(missing_ok=True)
    try:
        winner = cell.selection.taken_over() if cell.selection else None
        configuration = cell.configuration(winner)
        process.set_up(params.threads)
        where = device.choose(params.device, configuration.settings.backend)
        data = load(configuration, where)
        store = Store(configuration.hash, configuration.code)
        with store.alone():
            states = [store.read(seed) for seed in cell.seeds]
            for group in stacking.groups(configuration, states, where):
                _finish(configuration, group, data, store, params.checkpoint_seconds)
        targets = data.evaluation_targets.numpy(force=True)
        results.write(cell.folder, cell, configuration, states, targets, params.keep_models)
    except Exception as error:
        write_json(
            cell.failure,
            {"cell": cell.folder.as_posix(), "error": explain(error) or f"{type(error).__name__}: {error}"},
        )
        raise


def _finish(
    configuration: Configuration, states: list[RunState], data: Data, store: Store, checkpoint_seconds: float
) -> None:
    """Train `states`, which are at the same epoch, to the end, with a checkpoint now and then and when a run ends.

    A run that diverges ends there, and the others go on without it.
    """
    resumed, epochs, where = states[0].epoch, configuration.settings.epochs, data.train_inputs.device
    saved = reported = time.monotonic()
    processor = device.processor(where)
    for state in states:
        _note_processor(state, processor)
    trainer = make_trainer(configuration, states, data)
    while states:
        if states[0].epoch < epochs and not states[0].diverged:
            trainer.advance()
        ended = [state for state in states if state.diverged or state.epoch == epochs]
        now = time.monotonic()
        if ended or now - reported >= REPORT_EVERY_SECONDS:
            _report(states, epochs)
            reported = now
        if ended or now - saved >= checkpoint_seconds:
            trainer.save()
            for state in states:
                if state in ended:
                    _close(state, resumed, where)
                store.write(state)
            saved = time.monotonic()
        if ended:
            states = [state for state in states if state not in ended]
            if states:
                trainer = make_trainer(configuration, states, data)


def _note_processor(state: RunState, here: dict) -> None:
    """Record the kind of processor that the run goes on with, and print a line where it is not the one before."""
    if state.processors and state.processors[-1] != here:
        print(
            f"seed {state.seed} goes on from epoch {state.epoch}, to which another kind of processor trained it: its "
            "numbers may differ in rounding from those of one processor alone (run.json lists both)",
            flush=True,
        )
    if here not in state.processors[-1:]:
        state.processors.append(here)


def make_trainer(configuration: Configuration, states: list[RunState], data: Data) -> Trainer:
    """The runs as one trainer. UserError when the network does not fit the data."""
    network = f"params.yaml: the network {configuration.settings.network!r}"
    # By name, not by import: a cell depends on the code of its own task only
    task = registry.task(configuration.data.dataset)
    kind = getattr(importlib.import_module(f"regrade.training.{task}"), f"{task.title()}Trainer")
    try:
        trainer = kind(configuration, states, data)
    except ValueError as error:
        raise UserError(f"{network} cannot be built: {error}; change its layers or their settings") from error
    shape, classes = trainer.learner.output_shape, data.classes
    dimensions = 2 if task == "language" else 1
    # One output is enough for two classes: the logit of the second
    needed = 1 if classes == 2 and configuration.settings.loss == "cross_entropy" else classes
    if len(shape) != dimensions or shape[-1] < needed:
        raise UserError(
            f"{network} ends with shape {shape}, but there are {classes} classes; end with a dense layer of {classes}"
        )
    rows, size = len(data.train_targets), configuration.settings.batch_size
    if size and rows and (size == 1 or rows % size == 1) and _normalises_rows(trainer):
        raise UserError(
            f"{network} has batch_normalization, which needs more than one row in a batch, but {rows} rows in batches "
            f"of {size} leave one alone; change batch_size or train_rows"
        )
    return trainer


def _normalises_rows(trainer: Trainer) -> bool:
    """Whether a value is normalised over the rows of a batch alone, not over positions in them, too."""
    if trainer.settings.backend == "numpy":
        return False
    layers = trainer.learner.network.layers.items()
    return any(name.startswith("batch_normalization") and math.prod(one.output_shape[1:]) == 1 for name, one in layers)


def _close(state: RunState, resumed: int, where: torch.device) -> None:
    """Mark a run as finished and record where it was trained."""
    on_gpu = where.type == "cuda"
    state.finished = True
    state.environment = {
        **provenance.commit(),
        "versions": provenance.versions(),
        "device": device.describe(where),
        "peak_memory_bytes": torch.cuda.max_memory_allocated(where) if on_gpu else provenance.peak_memory(),
        "resumed_at_epoch": resumed,
    }


def _report(states: list[RunState], epochs: int) -> None:
    for state in states:
        last = state.history[-1]
        split = "test" if "test_accuracy" in last else "validation"
        print(
            f"seed {state.seed}, epoch {state.epoch} of {epochs}: train loss {last['train_loss']:.4f}, "
            f"{split} accuracy {last[f'{split}_accuracy']:.4f}" + (", diverged" if state.diverged else ""),
            flush=True,
        )
