"""The training loop: runs of one configuration that advance together, from evaluation to evaluation.

Everything a run needs stays on the device, and the host waits for it once per evaluation, when its numbers are read. No
run's result depends on which others are in its trainer: each has its own parameters and random streams.
"""

import importlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from regrade.models.layer import Context
from regrade.training import batches, stacking
from regrade.training.state import RunState
from regrade.training.streams import stream

if TYPE_CHECKING:
    from regrade.cells.configuration import Configuration
    from regrade.languages.language import Language


@dataclass(frozen=True)
class Data:
    """A dataset on the device. Inputs (rows, *shape), targets (rows,) int64.

    `evaluation_…`: the rows that are evaluated, of the test split or held out from the training split. `…_lengths`
    (rows,): how many steps of each row count, for rows of different lengths, padded at the end. `draw`: makes a number
    of new training examples from a random stream, where there are no training rows. `language`: what texts of a formal
    language are drawn from; they begin with the token START, end with END, and have no targets.
    `classes`, `vocabulary_size` and `word_vectors`: see `regrade.models.layer.Context`.
    """

    train_inputs: torch.Tensor
    train_targets: torch.Tensor
    evaluation_inputs: torch.Tensor
    evaluation_targets: torch.Tensor
    classes: int
    train_lengths: torch.Tensor | None = None
    evaluation_lengths: torch.Tensor | None = None
    draw: Callable[[int, torch.Generator], batches.Block] | None = None
    language: "Language | None" = None
    vocabulary_size: int = 0
    word_vectors: torch.Tensor | None = None


class Trainer(ABC):
    """Runs of one configuration at the same epoch. What is evaluated, and how, is up to the subclasses."""

    # Purposes of the random streams that a run draws from once it has begun
    PURPOSES: tuple[str, ...] = ("shuffle", "dropout")

    def __init__(self, configuration: "Configuration", states: list[RunState], data: Data):
        """Take over `states`, which must all have trained the same number of epochs."""
        self.states, self.data = states, data
        self.configuration, self.settings = configuration, configuration.settings
        self.device = data.train_inputs.device
        seeds = [state.seed for state in states]
        self.streams = {
            purpose: [stream(seed, purpose, str(self.device) if purpose == "dropout" else "cpu") for seed in seeds]
            for purpose in self.PURPOSES
        }
        initial = [stream(seed, "initial") for seed in seeds]
        context = Context(
            configuration.conventions,
            initial,
            self.streams["dropout"],
            data.classes,
            data.vocabulary_size,
            data.word_vectors,
            stacking.stacked(configuration, self.device),
        )
        # By name, not by import: a cell depends on the code of its own backend only
        backend = importlib.import_module(f"regrade.training.learners.{self.settings.backend}")
        self.learner = backend.Learner(configuration, tuple(data.train_inputs.shape[1:]), context, self.device)
        self.begin()
        if states[0].epoch:
            self._restore()

    @abstractmethod
    def begin(self) -> None:
        """Prepare what evaluations keep, before a state is restored."""

    @abstractmethod
    def evaluate(self) -> dict[str, torch.Tensor]:
        """The numbers of an evaluation by name, (runs,) each; among them the loss, without which no run can go on."""

    @abstractmethod
    def epoch(self, pieces: int) -> Iterator[Iterator[batches.Block]]:
        """The training rows of an epoch, in at most `pieces` pieces."""

    @abstractmethod
    def kept(self, run: int) -> dict[str, torch.Tensor]:
        """What evaluations keep of a run, beside the numbers."""

    @abstractmethod
    def take_up(self, run: int, state: RunState) -> None:
        """Go on from what was kept."""

    def advance(self) -> None:
        """Train one epoch, or as many as lie between evaluations; write each evaluation into the states' histories.

        Numbers of the training rows are those of the last epoch before the evaluation, or of the part of an epoch
        since the last evaluation. A run whose loss is not finite is marked as diverged; it must not advance further.
        """
        started, done = time.perf_counter(), self.states[0].epoch
        ahead = min(max(round(self.settings.evaluate_every), 1), self.settings.epochs - done)
        pieces = max(round(1 / self.settings.evaluate_every), 1)
        for epoch in range(done + 1, done + ahead + 1):
            parts = list(self.epoch(pieces))  # fewer than `pieces` where there are too few batches
            for number, piece in enumerate(parts, 1):
                trained = self._learn(piece)
                if pieces > 1 or epoch == done + ahead:
                    self._record(epoch - 1 + number / len(parts), trained, started)
                    started = time.perf_counter()

    def _learn(self, piece: Iterator[batches.Block]) -> dict[str, torch.Tensor]:
        """Mean loss and share of correct targets in a piece of an epoch, as its batches went by, (runs,) each."""
        count, sums = 0, torch.zeros((), dtype=torch.float64)
        for inputs, targets in piece:
            sums = sums + self.learner.learn(inputs, targets)
            count += targets[0].numel()
        loss, correct = sums / count
        return {"train_loss": loss, "train_accuracy": correct} | self.learner.gradient_norms()

    def _record(self, epoch: float, trained: dict[str, torch.Tensor], started: float) -> None:
        """Evaluate, and add a row to each state's history."""
        numbers = trained | self.evaluate()
        values = torch.stack([number.double() for number in numbers.values()]).tolist()
        seconds = (time.perf_counter() - started) / len(self.states)
        for state, own in zip(self.states, zip(*values, strict=True), strict=True):
            row = {
                name: round(value) if "_correct_" in name else value for name, value in zip(numbers, own, strict=True)
            }
            state.history.append({"epoch": epoch, **row, "seconds": seconds})
            state.diverged |= not all(math.isfinite(row[name]) for name in row if name.endswith("_loss"))

    def save(self) -> None:
        """Bring the states' tensors up to date: copies on the CPU."""
        shared = self.learner.state_dict()
        for run, state in enumerate(self.states):
            tensors = {name: values[run] if values.dim() else values for name, values in shared.items()}
            tensors |= {f"stream/{purpose}": streams[run].get_state() for purpose, streams in self.streams.items()}
            tensors |= self.kept(run)
            state.tensors = {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}

    def _restore(self) -> None:
        """Go on from the states' tensors."""
        shared = {}
        for name in self.states[0].tensors:
            if name.startswith(("network/", "buffers/", "optimizer/")):
                values = torch.stack([state.tensors[name] for state in self.states])
                shared[name] = values[0] if values.dim() == 1 else values  # a step count, the same for all
        self.learner.load_state_dict(shared)
        for run, state in enumerate(self.states):
            for purpose, streams in self.streams.items():
                streams[run].set_state(state.tensors[f"stream/{purpose}"])
            self.take_up(run, state)
