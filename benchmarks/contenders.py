"""The contenders: our trainer, the plain loop and Keras, each in a process of its own, as its users would run it."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Protocol

import torch
import yaml
from regrade.cells import expansion
from regrade.cells.configuration import Configuration
from regrade.config import params
from regrade.runtime import process
from regrade.training import stacking
from regrade.training.job import make_trainer
from regrade.training.state import RunState
from regrade.training.trainer import Data

from benchmarks.compare import seconds
from benchmarks.families import Family
from benchmarks.plain import PlainLoop

ROOT = Path(__file__).resolve().parents[1]
THREADS = 1  # as a training job has by default


class Trained(Protocol):
    """What a contender makes of a family."""

    def advance(self) -> object:
        """Train one epoch and evaluate."""


class Regrade:
    """The runs of a cell as a training job advances them."""

    def __init__(self, configuration: Configuration, data: Data, seeds: int):
        states = [RunState(seed) for seed in range(seeds)]
        groups = stacking.groups(configuration, states, data.train_inputs.device)
        self.trainers = [make_trainer(configuration, group, data) for group in groups]

    def advance(self) -> None:
        """Train one epoch of every run and evaluate."""
        for trainer in self.trainers:
            trainer.advance()


def regrade(configuration: Configuration, data: Data, seeds: int) -> Trained:
    """Our runs."""
    process.set_up(THREADS)
    return Regrade(configuration, data, seeds)


def plain(configuration: Configuration, data: Data, _: int) -> Trained:
    """The plain loop. That it would be slower still with the smallest numbers is not held against it."""
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)
    return PlainLoop(configuration, data)


def keras(configuration: Configuration, data: Data, _: int) -> Trained:
    """Keras on TensorFlow."""
    from benchmarks import on_tensorflow

    on_tensorflow.set_threads(THREADS)
    return on_tensorflow.KerasFit(configuration, data)


class Contender:
    """A process that trains one family at a time with what `make` makes."""

    def __init__(self, make: Callable[[Configuration, Data, int], Trained]):
        self._make = make
        self._process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))

    def take(self, family: Family, seeds: int) -> None:
        """Turn to this family."""
        self._process.submit(_take, self._make, family, seeds).result()

    def seconds(self) -> float:
        """Wall-clock seconds of one epoch with its evaluation."""
        return self._process.submit(_advance).result()

    def end(self) -> None:
        """End the process."""
        self._process.shutdown()


def prepared(family: Family) -> tuple[Configuration, Data]:
    """The configuration of the family's cell, and its rows, which are the same in every process."""
    config = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"scale": "paper"}
    torch.manual_seed(0)
    return family.configuration(expansion.expand(params.parse(config))), family.data()


# Within a contender's process: what it trains at present
_present: Trained | None = None


def _take(make: Callable[[Configuration, Data, int], Trained], family: Family, seeds: int) -> None:
    global _present
    _present = None  # its memory first
    _present = make(*prepared(family), seeds)


def _advance() -> float:
    return seconds(_present.advance)
