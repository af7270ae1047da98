"""The training loop: runs of one configuration that advance together, from evaluation to evaluation.

Everything a run needs stays on the device, and the host waits for it once per evaluation, when its numbers are read. No
run's result depends on which others are in its pack: each has its own parameters and random streams.
"""

import importlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from regrade.models.layer import Context
from regrade.training import batches
from regrade.training.losses import classes, losses
from regrade.training.state import RunState
from regrade.training.streams import stream

if TYPE_CHECKING:
    from regrade.cells import Configuration

PREDICTIONS = ("last", "best", "best_even", "best_odd")
EVALUATION_ROWS = 500


@dataclass(frozen=True)
class Data:
    """A dataset on the device. Inputs (rows, *shape), targets (rows,) int64.

    `evaluation_…`: the rows that are evaluated, of the test split or held out from the training split. `draw`: makes so
    many new training examples from a random stream, where there are no training rows. `classes`, `vocabulary_size`
    and `word_vectors`: see `regrade.models.layer.Context`.
    """

    train_inputs: torch.Tensor
    train_targets: torch.Tensor
    evaluation_inputs: torch.Tensor
    evaluation_targets: torch.Tensor
    draw: Callable[[int, torch.Generator], batches.Block] | None = None
    classes: int | None = None
    vocabulary_size: int | None = None
    word_vectors: torch.Tensor | None = None


class Pack:
    """Runs of one configuration at the same epoch."""

    def __init__(self, configuration: "Configuration", states: list[RunState], data: Data):
        """Take over `states`, which must all have trained the same number of epochs."""
        self.states, self.data, self.settings = states, data, configuration.settings
        device = data.train_inputs.device
        seeds = [state.seed for state in states]
        self.shuffles = [stream(seed, "shuffle") for seed in seeds]
        self.dropouts = [stream(seed, "dropout", str(device)) for seed in seeds]
        initial = [stream(seed, "initial") for seed in seeds]
        context = Context(
            configuration.conventions, initial, self.dropouts, data.classes, data.vocabulary_size, data.word_vectors
        )
        # By name, not by import: a cell depends on the code of its own backend only
        backend = importlib.import_module(f"regrade.training.{self.settings.backend}_learner")
        self.learner = backend.Learner(configuration, tuple(data.train_inputs.shape[1:]), context, device)
        rows = len(data.evaluation_targets)
        self.even = torch.arange(rows, device=device) % 2 == 0
        self.predictions = torch.zeros(len(PREDICTIONS), len(states), rows, dtype=torch.int64, device=device)
        # The most correct evaluated rows so far: of all, of the even, of the odd
        self.most_correct = torch.full((3, len(states)), -1, device=device)
        if states[0].epoch:
            self._restore()

    def advance(self) -> None:
        """Train one epoch, or as many as lie between evaluations; write each evaluation into the states' histories.

        Numbers of the training rows are those of the last epoch before the evaluation, or of the part of an epoch
        since the last evaluation. A run whose loss is not finite is marked as diverged; it must not advance further.
        """
        started, done = time.perf_counter(), self.states[0].epoch
        ahead = min(max(round(self.settings.evaluate_every), 1), self.settings.epochs - done)
        pieces = max(round(1 / self.settings.evaluate_every), 1)
        for epoch in range(done + 1, done + ahead + 1):
            for number, piece in enumerate(self._epoch(pieces), 1):
                trained = self._learn(piece)
                if pieces > 1 or epoch == done + ahead:
                    self._record(epoch - 1 + number / pieces, trained, started)
                    started = time.perf_counter()

    def _epoch(self, pieces: int) -> Iterator[Iterator[batches.Block]]:
        data, size = self.data, self.settings.batch_size
        if data.draw:
            device = data.train_inputs.device
            return batches.fresh(data.draw, self.settings.train_rows, self.shuffles, size, device)
        return batches.shuffled(data.train_inputs, data.train_targets, self.shuffles, size, pieces)

    def _learn(self, piece: Iterator[batches.Block]) -> torch.Tensor:
        """(2, runs): mean loss and share of correct rows of a piece of an epoch, as its batches went by."""
        rows, sums = 0, 0
        for inputs, targets in piece:
            sums = sums + self.learner.learn(inputs, targets)
            rows += targets.shape[1]
        return sums / rows

    def _record(self, epoch: float, trained: torch.Tensor, started: float) -> None:
        """Evaluate, and add a row to each state's history."""
        numbers = torch.cat([trained, self._evaluate()]).tolist()
        seconds = (time.perf_counter() - started) / len(self.states)
        rows, split = len(self.data.evaluation_targets), self.settings.evaluated
        for state, values in zip(self.states, zip(*numbers, strict=True), strict=True):
            train_loss, train_accuracy, loss, even, odd = values
            row = {
                "epoch": epoch,
                "train_loss": train_loss,
                "train_accuracy": train_accuracy,
                f"{split}_loss": loss / rows,
                f"{split}_accuracy": (even + odd) / rows,
                f"{split}_correct_even": int(even),
                f"{split}_correct_odd": int(odd),
                "seconds": seconds,
            }
            state.history.append(row)
            state.diverged |= not (math.isfinite(train_loss) and math.isfinite(loss))

    def _evaluate(self) -> torch.Tensor:
        """(3, runs): summed loss, correct even rows, correct odd rows. Keeps the predictions of the best epochs."""
        inputs, targets = self.data.evaluation_inputs, self.data.evaluation_targets
        loss = torch.zeros(len(self.states), dtype=torch.float64, device=targets.device)
        found = []
        for x, expected in zip(inputs.split(EVALUATION_ROWS), targets.split(EVALUATION_ROWS), strict=True):
            outputs = self.learner.outputs(x.expand(len(self.states), *x.shape))
            loss += losses(outputs, expected.expand(len(self.states), -1), self.settings.loss).sum(1)
            found.append(classes(outputs))
        predicted = torch.cat(found, dim=1)
        correct = predicted == targets
        counts = torch.stack([correct.sum(1), (correct & self.even).sum(1), (correct & ~self.even).sum(1)])
        better = counts > self.most_correct
        self.most_correct = torch.maximum(counts, self.most_correct)
        self.predictions[0] = predicted
        self.predictions[1:] = torch.where(better[:, :, None], predicted, self.predictions[1:])
        return torch.stack([loss, counts[1], counts[2]])

    def save(self) -> None:
        """Bring the states' tensors up to date: copies on the CPU."""
        shared = self.learner.tensors()
        for run, state in enumerate(self.states):
            tensors = {name: values[run] if values.dim() else values for name, values in shared.items()}
            tensors["stream/shuffle"] = self.shuffles[run].get_state()
            tensors["stream/dropout"] = self.dropouts[run].get_state()
            for kind, predicted in zip(PREDICTIONS, self.predictions, strict=True):
                tensors[f"predictions/{kind}"] = predicted[run].to(torch.int16)
            state.tensors = {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}

    def _restore(self) -> None:
        """Go on from the states' tensors."""
        own = ("stream/", "predictions/")
        shared = {}
        for name in (name for name in self.states[0].tensors if not name.startswith(own)):
            values = torch.stack([state.tensors[name] for state in self.states])
            shared[name] = values[0] if values.dim() == 1 else values  # a step count, the same for all
        self.learner.restore(shared)
        for run, state in enumerate(self.states):
            self.shuffles[run].set_state(state.tensors["stream/shuffle"])
            self.dropouts[run].set_state(state.tensors["stream/dropout"])
            for kind, predicted in zip(PREDICTIONS, self.predictions, strict=True):
                predicted[run] = state.tensors[f"predictions/{kind}"]
            split = self.settings.evaluated
            halves = [[row[f"{split}_correct_even"], row[f"{split}_correct_odd"]] for row in state.history]
            most = [
                max(even + odd for even, odd in halves),
                max(even for even, _ in halves),
                max(odd for _, odd in halves),
            ]
            self.most_correct[:, run] = torch.tensor(most)
