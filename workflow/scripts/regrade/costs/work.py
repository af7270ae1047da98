"""What a cell's training job does: operations of each kind in an epoch, memory, and disk."""

from collections.abc import Mapping
from dataclasses import dataclass

from regrade.cells import feasible
from regrade.cells.configuration import Configuration
from regrade.config.dataset import Dataset
from regrade.costs import operations, sizes
from regrade.costs.operations import Operations
from regrade.costs.sizes import Sizes
from regrade.datasets import registry

# Averages that an optimizer keeps of each parameter
AVERAGES = {"sgd": 0, "rmsprop": 1, "adagrad": 1, "adam": 2}
# Numbers that are read or written for each parameter in a step: the gradient three times, the parameter twice, each
# average twice
_TOUCHED, _PER_AVERAGE = 5, 2
_FLOAT = 4
# Rounded by position on a CPU, so that runs are not stacked (`regrade.training.stacking`)
_ROUNDED_BY_POSITION = {"sigmoid", "elu"}
# Continuations after each evaluation of a language model: of prompts, of nothing, of long beginnings
_CONTINUED = 3
# Functions that draw the next symbol, beside the network's layers
_DRAWN_BY = 20


@dataclass(frozen=True)
class Work:
    """An epoch of a job's runs, operations by kind, and what the job holds and leaves behind.

    `epoch`: amounts by kind, those of all runs together, evaluations included. `groups`: how many trainers there are,
    one after another: one for runs that are stacked. `epochs`: how many each run trains. `memory`: bytes, beside those
    of the process itself. `results`, `states`: bytes of the cell's files, and of the states of its runs.
    """

    epoch: dict[str, float]
    groups: int
    epochs: int
    memory: float
    results: float
    states: float


def of(
    configuration: Configuration, seeds: int, kept: int, described: Mapping[str, Dataset], on_gpu: bool, stacks: bool
) -> Work:
    """The work of a job with `seeds` runs, of which `kept` keep their weights.

    `described`: the datasets of params.yaml. `stacks`: whether this processor can stack runs at all.
    `sizes.Unknown` or `operations.Unknown` where it cannot be told.
    """
    return of_sizes(configuration, sizes.of(configuration, described), seeds, kept, on_gpu, stacks)


def of_sizes(configuration: Configuration, size: Sizes, seeds: int, kept: int, on_gpu: bool, stacks: bool) -> Work:
    """The same where the sizes are known."""
    counted = count(configuration, size)
    numpy = configuration.settings.backend == "numpy"
    together = seeds if seeds > 1 and _stacked(configuration, on_gpu and not numpy, stacks) else 1
    each = _by_numpy(configuration, counted, size) if numpy else _by_torch(configuration, counted, size)
    # What is done once for all stacked runs, and what is done for each
    once = {"calls", "convolution_calls", "batches", "own_steps", "numpy_calls"}
    epoch = {kind: amount * (seeds // together if kind in once else seeds) for kind, amount in each.items()}
    return Work(
        epoch=epoch,
        groups=seeds // together,
        epochs=configuration.settings.epochs,
        memory=_memory(configuration, counted, size, together, seeds),
        results=_results(configuration, counted, size, seeds, kept),
        states=_states(configuration, counted, size, seeds),
    )


def count(configuration: Configuration, size: Sizes) -> Operations:
    """The operations of a configuration's network for one row. `operations.Unknown` for an own network."""
    values = feasible.values_between(configuration.network, feasible.Values(size.shape, size.values), size.classes)
    between = [(tuple(side or 0 for side in one.shape), one.kind == "characters") for one in values]
    return operations.count(configuration.network, between, size.vocabulary, configuration.conventions)


def evaluations(configuration: Configuration, size: Sizes) -> float:
    """How often an epoch is followed or interrupted by an evaluation."""
    every = configuration.settings.evaluate_every
    if every >= 1:
        return -(-configuration.settings.epochs // round(every)) / configuration.settings.epochs
    return min(round(1 / every), size.train_batches)


def _by_torch(configuration: Configuration, counted: Operations, size: Sizes) -> dict[str, float]:
    """Amounts of a run's epoch, by kind."""
    evaluated = evaluations(configuration, size)
    forward = size.train + evaluated * size.evaluated
    batches = size.train_batches + evaluated * size.evaluated_batches
    passes = 2 * size.train_batches + evaluated * size.evaluated_batches
    settings = configuration.settings
    touched = _TOUCHED + _PER_AVERAGE * (AVERAGES[settings.optimizer] + bool(settings.momentum))
    changes = sum(map(bool, (settings.l2, settings.clip_value, settings.clip_norm or settings.gradient_norm)))
    calls = counted.calls * passes + counted.tensors * size.train_batches * (1 + changes)
    return {
        **{
            kind: forward * getattr(counted, kind) + size.train * getattr(counted, f"{kind}_backward")
            for kind in ("convolution", "product", "recurrent", "library")
        },
        "elements": (forward + size.train) * counted.elements,
        "states": (forward + size.train) * counted.states,
        "picked": (forward + size.train) * counted.picked,
        "updated": size.train_batches * counted.parameters * (touched + _PER_AVERAGE * changes),
        "own_steps": passes * counted.own_steps,
        "library_steps": passes * counted.library_steps,
        "calls": calls + evaluated * _written(configuration) * (counted.calls + _DRAWN_BY),
        "convolution_calls": counted.convolutions * passes,
        "batches": batches,
    }


def _written(configuration: Configuration) -> float:
    """Steps in which a language model writes texts after an evaluation."""
    if registry.task(configuration.data.dataset) != "language":
        return 0
    steps: int = configuration.data.reading["sample_length"]
    return _CONTINUED * steps


def _by_numpy(configuration: Configuration, counted: Operations, size: Sizes) -> dict[str, float]:
    """The same for the numpy backend."""
    evaluated = evaluations(configuration, size)
    products = counted.product * (3 * size.train + evaluated * size.evaluated)
    return {
        "numpy_products": products + size.train_batches * counted.parameters,
        "numpy_calls": counted.calls * (size.train_batches + evaluated * size.evaluated_batches),
    }


def _stacked(configuration: Configuration, on_gpu: bool, stacks: bool) -> bool:
    """What `regrade.training.stacking` decides, which only training jobs import, as it needs PyTorch.

    A test compares both on all cells of the five studies.
    """
    if not configuration.settings.stackable:
        return False
    if on_gpu:
        return True
    numpy = configuration.settings.backend == "numpy"
    network = configuration.network
    kinds, activations = {layer.kind for layer in network}, {getattr(layer, "activation", None) for layer in network}
    recurrent = [layer for layer in network if layer.kind == "recurrent"]
    by_position = activations & _ROUNDED_BY_POSITION or "batch_normalization" in kinds
    if not numpy and (not stacks or by_position or any(layer.units == 1 for layer in recurrent)):
        return False
    over_characters = any(layer.kind == "tokens" and layer.level == "char" for layer in network)
    lstm = any(layer.cell == "lstm" and layer.recurrent_activation != "hard_sigmoid" for layer in recurrent)
    return "convolution" not in kinds and (over_characters or not lstm)


def _memory(configuration: Configuration, counted: Operations, size: Sizes, together: int, seeds: int) -> float:
    """Bytes: the rows, as read and as tensors; parameters with gradients and averages; what a batch leaves behind."""
    settings = configuration.settings
    copies = 2 + AVERAGES[settings.optimizer] + bool(settings.momentum)
    # States are saved by way of copies, and those of finished runs stay until the cell's files are written
    parameters = counted.parameters * _FLOAT * (together * (2 * copies + 1) + seeds)
    rows = size.train / max(size.train_batches, 1) * together
    # Gradients take as much again, except in our own recurrent cells, where they take the place of the values
    trained = rows * (2 * (counted.elements + counted.picked) + counted.states)
    at_once = min(size.evaluated / max(size.evaluated_batches, 1), size.evaluated) * together
    evaluated = at_once * counted.largest
    predictions = seeds * size.evaluated * 2 * 16
    return 2 * size.bytes + parameters + _FLOAT * max(trained, evaluated) + predictions


# Bytes of a row of predictions and of an evaluation in a history, as a table (compressed) and in the state of a run
_ROW_OF_TABLE, _ROW_OF_STATE = 3, 8
_EVALUATION_OF_TABLE, _EVALUATION_OF_STATE = 60, 300


def _results(configuration: Configuration, counted: Operations, size: Sizes, seeds: int, kept: int) -> float:
    """Bytes of a cell's files: the weights of the runs that keep them, predictions and histories."""
    evaluated = configuration.settings.epochs * evaluations(configuration, size)
    each = size.evaluated * _ROW_OF_TABLE + evaluated * _EVALUATION_OF_TABLE
    return counted.parameters * _FLOAT * kept + seeds * each


def _states(configuration: Configuration, counted: Operations, size: Sizes, seeds: int) -> float:
    """Bytes of the states of finished runs."""
    evaluated = configuration.settings.epochs * evaluations(configuration, size)
    each = size.evaluated * _ROW_OF_STATE + evaluated * _EVALUATION_OF_STATE
    return seeds * (counted.parameters * _FLOAT + each)
