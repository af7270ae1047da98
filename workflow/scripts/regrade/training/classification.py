"""Training of classifiers: rows with a class each, accuracies, predictions of the best epochs."""

from collections.abc import Iterator, Sequence

import torch

from regrade.training import batches
from regrade.training.batch_means import batch_mean, blank_maps, mean_and_deviation, mean_over
from regrade.training.losses import classes, losses
from regrade.training.state import RunState
from regrade.training.trainer import Trainer

PREDICTIONS = ("last", "best", "best_even", "best_odd")
EVALUATION_ROWS = 500
# What is recorded of a convolution's output, if that is asked for
STATISTICS = ("mean", "std", "blank")


class ClassificationTrainer(Trainer):
    """Runs of a classifier."""

    def begin(self) -> None:
        """Room for predictions, and the order of evaluation."""
        data, runs = self.data, len(self.states)
        rows = len(data.evaluation_targets)
        self.even = torch.arange(rows, device=self.device) % 2 == 0
        self.predictions = torch.zeros(len(PREDICTIONS), runs, rows, dtype=torch.int64, device=self.device)
        # The most correct evaluated rows so far: of all, of the even, of the odd
        self.most_correct = torch.full((3, runs), -1, device=self.device)
        # What is evaluated at once: rows, and how many steps of them; None for all
        self.evaluated: Sequence[tuple[slice | torch.Tensor, int | None]]
        if data.evaluation_lengths is not None and self.settings.batch_tokens is not None:
            self.evaluated = batches.similar(data.evaluation_lengths, self.settings.batch_tokens)
        else:
            size = EVALUATION_ROWS
            if self.settings.activation_statistics and self.settings.batch_size is not None:
                size = self.settings.batch_size
            self.evaluated = [(slice(start, start + size), None) for start in range(0, rows, size)]

    def epoch(self, pieces: int) -> Iterator[Iterator[batches.Block]]:
        """The training rows in fresh order, or new ones."""
        data, settings, shuffles = self.data, self.settings, self.streams["shuffle"]
        if data.train_lengths is not None and settings.batch_tokens is not None:
            return batches.similar_length(
                data.train_inputs, data.train_targets, data.train_lengths, shuffles, settings.batch_tokens, pieces
            )
        assert settings.batch_size is not None, "rows of equal length make batches by their number"
        if data.draw:
            assert settings.train_rows is not None, "`loading` refuses data that are drawn without it"
            return batches.fresh(data.draw, settings.train_rows, shuffles, settings.batch_size, self.device)
        return batches.shuffled(data.train_inputs, data.train_targets, shuffles, settings.batch_size, pieces)

    def evaluate(self) -> dict[str, torch.Tensor]:
        """Loss, accuracy, correct even and odd rows, F1 where there are two classes, and what settings ask for.

        Keeps the best predictions.
        """
        inputs, targets = self.data.evaluation_inputs, self.data.evaluation_targets
        rows, runs, split = len(targets), len(self.states), self.settings.evaluated
        loss = torch.zeros(runs, dtype=torch.float64, device=self.device)
        predicted = torch.empty_like(self.predictions[0])
        losses_of_rows: list[torch.Tensor] = []
        activations: list[dict[str, torch.Tensor]] = []
        for chosen, width in self.evaluated:
            x = inputs[chosen] if width is None else inputs[chosen, :width]
            outputs = self._outputs(x.expand(runs, *x.shape), activations)
            losses_of_rows.append(losses(outputs, targets[chosen].expand(runs, -1), self.settings.loss))
            loss += losses_of_rows[-1].sum(1)
            predicted[:, chosen] = classes(outputs)
        correct = predicted == targets
        counts = torch.stack([correct.sum(1), (correct & self.even).sum(1), (correct & ~self.even).sum(1)])
        better = counts > self.most_correct
        self.most_correct = torch.maximum(counts, self.most_correct)
        self.predictions[0] = predicted
        self.predictions[1:] = torch.where(better[:, :, None], predicted, self.predictions[1:])
        numbers = {"loss": loss / rows, "accuracy": counts[0].double() / rows}
        if self.data.classes == 2:
            # 2·true positives / (predicted + actual positives), which has no meaning only where there are neither
            positives = (predicted == 1).sum(1) + (targets == 1).sum()
            numbers["f1"] = 2 * (correct & (targets == 1)).sum(1) / positives.clamp(min=1)
        numbers |= {"correct_even": counts[1], "correct_odd": counts[2]}
        if self.settings.batch_means and self.settings.batch_size is not None:
            of_rows = {"loss": torch.cat(losses_of_rows, dim=1), "accuracy": correct}
            size = self.settings.batch_size
            numbers |= {f"{name}_batch_mean": batch_mean(values, size) for name, values in of_rows.items()}
        numbers |= _activation_statistics(activations)
        return {f"{split}_{name}": values for name, values in numbers.items()}

    def _outputs(self, inputs: torch.Tensor, activations: list[dict[str, torch.Tensor]]) -> torch.Tensor:
        """The network's outputs; where asked for, the statistics of its convolutions (2, runs) go to `activations`."""
        if not self.settings.activation_statistics:
            return self.learner.outputs(inputs)
        layers = self.learner.layer_outputs(inputs)
        convolutions = {name: output for name, output in layers.items() if name.startswith("convolution")}
        activations.append(
            {name: torch.stack([*mean_and_deviation(maps), blank_maps(maps)]) for name, maps in convolutions.items()}
        )
        return list(layers.values())[-1]

    def kept(self, run: int) -> dict[str, torch.Tensor]:
        """The predictions."""
        named = zip(PREDICTIONS, self.predictions, strict=True)
        return {f"predictions/{kind}": predicted[run].to(torch.int16) for kind, predicted in named}

    def take_up(self, run: int, state: RunState) -> None:
        """The predictions, and how many rows were correct in them."""
        for kind, predicted in zip(PREDICTIONS, self.predictions, strict=True):
            predicted[run] = state.tensors[f"predictions/{kind}"]
        split = self.settings.evaluated
        halves = [[row[f"{split}_correct_{half}"] for half in ("even", "odd")] for row in state.history]
        most = [
            max(even + odd for even, odd in halves),
            max(even for even, _ in halves),
            max(odd for _, odd in halves),
        ]
        self.most_correct[:, run] = torch.tensor(most)


def _activation_statistics(of_batches: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Mean, standard deviation and blank maps of each convolution, (runs,) each, averaged over batches; if any."""
    numbers: dict[str, torch.Tensor] = {}
    for name in of_batches[0] if of_batches else ():
        of_layer = mean_over([batch[name] for batch in of_batches])
        numbers |= {f"activation_{kind}_{name}": own for kind, own in zip(STATISTICS, of_layer, strict=True)}
    return numbers
