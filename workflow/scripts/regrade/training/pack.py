"""The training loop: runs of one configuration that advance together, epoch by epoch.

Everything a run needs stays on the device, and the host waits for it once per epoch, when the epoch's numbers are
read. No run's result depends on which others are in its pack: each has its own parameters and random streams.
"""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.training import optimizers
from regrade.training.state import RunState
from regrade.training.streams import stream

if TYPE_CHECKING:
    from regrade.cells import Configuration

PREDICTIONS = ("last", "best", "best_even", "best_odd")
EVALUATION_ROWS = 500


@dataclass(frozen=True)
class Data:
    """A dataset on the device. Inputs (rows, *shape), targets (rows,) int64; `vocabulary_size` for inputs of tokens."""

    train_inputs: torch.Tensor
    train_targets: torch.Tensor
    test_inputs: torch.Tensor
    test_targets: torch.Tensor
    vocabulary_size: int | None = None


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
        context = Context(configuration.conventions, initial, self.dropouts, data.vocabulary_size)
        self.network = Network(configuration.network, tuple(data.train_inputs.shape[1:]), context).to(device)
        settings = configuration.settings
        self.optimizer = optimizers.make(
            settings.optimizer, configuration.conventions, self.network.parameters(), settings.lr, settings.momentum
        )
        rows = len(data.test_targets)
        self.even = torch.arange(rows, device=device) % 2 == 0
        self.predictions = torch.zeros(len(PREDICTIONS), len(states), rows, dtype=torch.int64, device=device)
        # The most correct test rows so far: of all, of the even, of the odd
        self.most_correct = torch.full((3, len(states)), -1, device=device)
        if states[0].epoch:
            self._restore()

    def advance(self) -> None:
        """Train one epoch, evaluate, and write both into the states' histories.

        A run whose loss is not finite is marked as diverged; it must not advance further.
        """
        started = time.perf_counter()
        numbers = torch.cat([self._train(), self._evaluate()]).tolist()
        seconds = (time.perf_counter() - started) / len(self.states)
        train_rows, test_rows = len(self.data.train_targets), len(self.data.test_targets)
        for state, values in zip(self.states, zip(*numbers, strict=True), strict=True):
            train_loss, train_correct, test_loss, even, odd = values
            row = {
                "epoch": state.epoch + 1,
                "train_loss": train_loss / train_rows,
                "train_accuracy": train_correct / train_rows,
                "test_loss": test_loss / test_rows,
                "test_accuracy": (even + odd) / test_rows,
                "test_correct_even": int(even),
                "test_correct_odd": int(odd),
                "seconds": seconds,
            }
            state.history.append(row)
            state.diverged = not (math.isfinite(train_loss) and math.isfinite(test_loss))

    def _train(self) -> torch.Tensor:
        """One pass over the training rows in fresh order; (2, runs): summed loss and correct rows, as they went by."""
        self.network.train()
        inputs, targets = self.data.train_inputs, self.data.train_targets
        order = torch.stack([torch.randperm(len(targets), generator=shuffle) for shuffle in self.shuffles]).to(
            targets.device
        )
        sums = torch.zeros(2, len(self.states), dtype=torch.float64, device=targets.device)
        for rows in order.split(self.settings.batch_size, dim=1):
            logits, expected = self.network(inputs[rows]), targets[rows]
            losses = functional.cross_entropy(logits.flatten(0, 1), expected.flatten(), reduction="none").view_as(
                expected
            )
            self.optimizer.zero_grad()
            losses.mean(1).sum().backward()
            if self.settings.clip_value:
                torch.nn.utils.clip_grad_value_(self.network.parameters(), self.settings.clip_value)
            self.optimizer.step()
            correct = logits.detach().argmax(2) == expected
            sums += torch.stack([losses.detach().sum(1), correct.sum(1)])
        return sums

    @torch.no_grad()
    def _evaluate(self) -> torch.Tensor:
        """(3, runs): summed test loss, correct even rows, correct odd rows. Keeps predictions of the best epochs."""
        self.network.eval()
        inputs, targets = self.data.test_inputs, self.data.test_targets
        loss = torch.zeros(len(self.states), dtype=torch.float64, device=targets.device)
        classes = []
        for x, expected in zip(inputs.split(EVALUATION_ROWS), targets.split(EVALUATION_ROWS), strict=True):
            logits = self.network(x.expand(len(self.states), *x.shape))
            expected = expected.expand(len(self.states), -1)
            losses = functional.cross_entropy(logits.flatten(0, 1), expected.flatten(), reduction="none")
            loss += losses.view_as(expected).sum(1)
            classes.append(logits.argmax(2))
        predicted = torch.cat(classes, dim=1)
        correct = predicted == targets
        counts = torch.stack([correct.sum(1), (correct & self.even).sum(1), (correct & ~self.even).sum(1)])
        better = counts > self.most_correct
        self.most_correct = torch.maximum(counts, self.most_correct)
        self.predictions[0] = predicted
        self.predictions[1:] = torch.where(better[:, :, None], predicted, self.predictions[1:])
        return torch.stack([loss, counts[1], counts[2]])

    def save(self) -> None:
        """Bring the states' tensors up to date: copies on the CPU."""
        names = {parameter: name for name, parameter in self.network.named_parameters()}
        for run, state in enumerate(self.states):
            tensors = {f"network/{name}": parameter.detach()[run] for parameter, name in names.items()}
            for parameter, values in self.optimizer.state.items():
                for key, value in values.items():
                    if value is not None:
                        tensors[f"optimizer/{names[parameter]}/{key}"] = value[run] if value.dim() else value
            tensors["stream/shuffle"] = self.shuffles[run].get_state()
            tensors["stream/dropout"] = self.dropouts[run].get_state()
            for kind, predicted in zip(PREDICTIONS, self.predictions, strict=True):
                tensors[f"predictions/{kind}"] = predicted[run].to(torch.int16)
            state.tensors = {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}

    @torch.no_grad()
    def _restore(self) -> None:
        """Go on from the states' tensors."""
        for name, parameter in self.network.named_parameters():
            parameter.copy_(torch.stack([state.tensors[f"network/{name}"] for state in self.states]))
            keys = [key.split("/")[-1] for key in self.states[0].tensors if key.startswith(f"optimizer/{name}/")]
            for key in keys:
                value = torch.stack([state.tensors[f"optimizer/{name}/{key}"] for state in self.states])
                if value.dim() == 1:  # a step count, the same for all
                    self.optimizer.state[parameter][key] = value[0]
                else:
                    self.optimizer.state[parameter][key] = torch.empty_like(parameter).copy_(value)
        for run, state in enumerate(self.states):
            self.shuffles[run].set_state(state.tensors["stream/shuffle"])
            self.dropouts[run].set_state(state.tensors["stream/dropout"])
            for kind, predicted in zip(PREDICTIONS, self.predictions, strict=True):
                predicted[run] = state.tensors[f"predictions/{kind}"]
            halves = [[row["test_correct_even"], row["test_correct_odd"]] for row in state.history]
            most = [
                max(even + odd for even, odd in halves),
                max(even for even, _ in halves),
                max(odd for _, odd in halves),
            ]
            self.most_correct[:, run] = torch.tensor(most)
