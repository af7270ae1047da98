"""Stored models, loaded from their cell's folder alone and scored again as they were after the last epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError

from regrade.cells import expansion
from regrade.cells.configuration import Configuration
from regrade.cells.layout import HISTORY, MODEL, RECORD, RESULTS
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.core.files import read_json
from regrade.core.integrity import damaged, verify
from regrade.runtime import device, process
from regrade.training import trained
from regrade.training.job import make_trainer
from regrade.training.loading import load
from regrade.training.state import RunState
from regrade.training.trainer import Data


@dataclass(frozen=True)
class Score:
    """Accuracy and loss of one seed's model on its evaluated rows, and the accuracy that training has stored."""

    seed: int
    split: str
    rows: int
    accuracy: float
    loss: float
    stored: float

    def __str__(self) -> str:
        """One line."""
        same = "as stored" if self.accuracy == self.stored else f"but {self.stored:.6f} is stored"
        return (
            f"seed {self.seed}: {self.split} accuracy {self.accuracy:.6f}, {same}; "
            f"loss {self.loss:.6f}; {self.rows} {self.split} rows"
        )


def scores(folder: Path, params: Params) -> Iterator[Score]:
    """The score of each seed whose weights the cell keeps, on the threads and the device of `params`.

    What the model is comes from the cell's own record, whatever params.yaml says now. On the kind of device that it was
    trained on, the accuracy is exactly the stored one. UserError when the cell, its data or its weights are not there
    or damaged, and for a record with an own module that `params` do not name: a folder from elsewhere decides on no
    code that is run.
    """
    if not (folder / RECORD).exists():
        raise UserError(f"{folder} is not the folder of a trained cell; `regrade cells` lists these")
    if folder.resolve().is_relative_to(RESULTS.resolve()):
        verify([folder], RECORD)
    elif file := damaged(folder, RECORD):
        raise UserError(f"{file}: damaged or missing; copy the cell's folder again")
    configuration = Configuration.model_validate(read_json(folder / RECORD)["configuration"])
    if configuration.own_modules:
        _check_named(configuration, folder, params)
    weights = _weights(folder)
    trained.verify_data(configuration.data)
    process.set_up(params.threads)
    data = load(configuration, device.choose(params.device, configuration.settings.backend))
    history = pq.read_table(folder / HISTORY).to_pandas()
    split = configuration.settings.evaluated
    for seed, tensors in weights.items():
        numbers = _evaluate(configuration, seed, tensors, data)
        accuracy, loss = (numbers[f"{split}_{name}"].item() for name in ("accuracy", "loss"))
        stored = history.loc[history["seed"] == seed, f"{split}_accuracy"].iloc[-1]
        yield Score(seed, split, len(data.evaluation_targets), accuracy, loss, stored)


def _check_named(configuration: Configuration, folder: Path, params: Params) -> None:
    possible = (each for cell in expansion.expand(params) for each in cell.possible)
    named = [layer for each in possible for layer in each.own_modules]
    for layer in configuration.own_modules:
        if layer not in named:
            raise UserError(
                f"{folder / RECORD} names the own network `{layer}`, which no network of params.yaml is made of; "
                "only code that params.yaml names is run: add that layer there if you trust it"
            )


def _weights(folder: Path) -> dict[int, dict[str, torch.Tensor]]:
    """Parameters and buffers by seed and name. UserError when they cannot be read, or there are none."""
    path = folder / MODEL
    try:
        by_seed = trained.weights(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}): delete {folder} and run again") from error
    if not by_seed:
        raise UserError(
            f"{path} has no weights: name seeds under keep_models in params.yaml, delete {folder} and run again"
        )
    return by_seed


def _evaluate(
    configuration: Configuration, seed: int, weights: dict[str, torch.Tensor], data: Data
) -> dict[str, torch.Tensor]:
    """What training measures at an evaluation, of a run with these weights."""
    trainer = make_trainer(configuration, [RunState(seed)], data)
    # A learner has the runs first; here there is one. A name is either a parameter's or a buffer's
    kinds = ("network", "buffers")
    trainer.learner.load_state_dict(
        {f"{kind}/{name}": tensor[None] for kind in kinds for name, tensor in weights.items()}
    )
    return trainer.evaluate()
