"""From a prepared dataset to what a configuration trains on."""

from collections.abc import Callable

import numpy as np
import torch

from regrade import datasets
from regrade.cells import Configuration
from regrade.datasets import prepared, reading, word_vectors
from regrade.datasets.ragged import Ragged
from regrade.datasets.reading import Reading
from regrade.errors import UserError
from regrade.training.pack import Data


def load(configuration: Configuration, where: torch.device) -> Data:
    """The rows that a configuration uses, on the device. UserError when there are fewer."""
    settings, identity = configuration.settings, configuration.data
    card = prepared.card(datasets.folder(identity))
    draw = _drawing(identity)
    if not settings.validation_rows:
        evaluated = _read(identity, "test", settings.test_rows, settings.test_rows_cap)
    if draw:
        train = [part[:0] for part in evaluated]
    else:
        train = _read(identity, "train", settings.train_rows, settings.train_rows_cap)
    if held := settings.validation_rows:
        if held >= len(train[1]):
            raise UserError(
                f"params.yaml: validation_rows is {held}, but there are {len(train[1])} training rows; hold out fewer"
            )
        train, evaluated = [part[:-held] for part in train], [part[-held:] for part in train]
    size = card.get("vocabulary_size")
    if "reading" in identity:
        size = reading.vocabulary_size(Reading(**identity["reading"]), size)
    vectors = _word_vectors(identity, size)
    return Data(*(part.to(where) for part in (*train, *evaluated)), draw, len(card["classes"]), size, vectors)


def _drawing(identity: dict) -> Callable | None:
    """What draws training examples of a dataset that has no training rows of its own."""
    module = datasets.module(identity["dataset"])
    if not hasattr(module, "draw"):
        return None
    options = module.Options(**identity["options"])
    return lambda rows, generator: module.draw(rows, options.sequence_length, generator)


def _read(identity: dict, split: str, rows: int | None, at_most: int | None) -> list[torch.Tensor]:
    """Inputs and targets of a split's first rows, images with channels last, as the CPU's convolutions want them."""
    inputs, targets = prepared.load(datasets.folder(identity), split, rows, at_most)
    if isinstance(inputs, Ragged):
        how = Reading(**identity.get("reading", {}))
        inputs = reading.padded(reading.ids(inputs, how), how.max_length)
    inputs = torch.from_numpy(inputs)
    if inputs.dim() == 4:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    return [inputs, torch.from_numpy(targets)]


def _word_vectors(identity: dict, ids: int | None) -> torch.Tensor | None:
    """The fitted vector of each id (ids, units), NaN for ids that stand for no word; None where none are asked for."""
    if "word_vectors" not in identity:
        return None
    fitted = word_vectors.load(datasets.word_vectors_folder(identity), ids - reading.FIRST_WORD)
    return torch.from_numpy(np.pad(fitted, ((reading.FIRST_WORD, 0), (0, 0)), constant_values=np.nan))
