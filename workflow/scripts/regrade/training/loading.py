"""From a prepared dataset to what a configuration trains on."""

from collections.abc import Callable

import numpy as np
import torch

from regrade import datasets
from regrade.cells import Configuration
from regrade.datasets import prepared, reading, word_vectors
from regrade.datasets.ngrams import Ngrams
from regrade.datasets.ragged import Ragged
from regrade.datasets.reading import Reading
from regrade.errors import UserError
from regrade.training.pack import Data

# Inputs and targets
Split = tuple[np.ndarray | Ragged, np.ndarray]


def load(configuration: Configuration, where: torch.device) -> Data:
    """The rows that a configuration uses, on the device. UserError when there are fewer."""
    settings, identity = configuration.settings, configuration.data
    card = prepared.card(datasets.folder(identity))
    draw, size = _drawing(identity), card.get("vocabulary_size")
    train = None if draw else _read(identity, "train", settings.train_rows, settings.train_rows_cap)
    test = None if settings.validation_rows else _read(identity, "test", settings.test_rows, settings.test_rows_cap)
    if "reading" in identity:
        train, test, size = _tokens(train, test, Reading(**identity["reading"]), size)
    parts = _held_out(train, settings.validation_rows) if settings.validation_rows else (train or _none_of(test), test)
    tensors = [_tensor(part).to(where) for split in parts for part in split]
    return Data(*tensors, draw, len(card["classes"]), size, _word_vectors(identity, size))


def _read(identity: dict, split: str, rows: int | None, at_most: int | None) -> Split:
    return prepared.load(datasets.folder(identity), split, rows, at_most)


def _none_of(split: Split) -> Split:
    """No rows, of the same kind."""
    return tuple(part[:0] for part in split)


def _held_out(split: Split, rows: int) -> tuple[Split, Split]:
    """All but the last rows, and these."""
    if rows >= len(split[1]):
        raise UserError(
            f"params.yaml: validation_rows is {rows}, but there are {len(split[1])} training rows; hold out fewer"
        )
    return tuple(part[:-rows] for part in split), tuple(part[-rows:] for part in split)


def _tokens(train: Split, test: Split | None, how: Reading, words: int) -> tuple[Split, Split | None, int]:
    """Both splits with padded rows of ids instead of word ranks, and how many ids there are."""
    texts = [reading.last(reading.ids(split[0], how), how.max_length) for split in (train, test) if split]
    size, longest = reading.vocabulary_size(how, words), how.max_length
    if how.ngrams > 1:
        ngrams = Ngrams(texts[0], how.ngrams, how.ngram_min_count, reading.FIRST_WORD, size)
        texts, size, longest = [ngrams.appended(text) for text in texts], size + ngrams.size, None
    longest = longest or max(int(text.lengths.max()) for text in texts)
    train, *rest = (
        (reading.padded(text, longest), split[1]) for text, split in zip(texts, (train, test), strict=False)
    )
    return train, rest[0] if rest else None, size


def _tensor(array: np.ndarray) -> torch.Tensor:
    """`array` as a tensor, images with channels last, as the CPU's convolutions want them."""
    tensor = torch.from_numpy(array)
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def _drawing(identity: dict) -> Callable | None:
    """What draws training examples of a dataset that has no training rows of its own."""
    module = datasets.module(identity["dataset"])
    if not hasattr(module, "draw"):
        return None
    options = module.Options(**identity["options"])
    return lambda rows, generator: module.draw(rows, options.sequence_length, generator)


def _word_vectors(identity: dict, ids: int | None) -> torch.Tensor | None:
    """The fitted vector of each id (ids, units), NaN for ids that stand for no word; None where none are asked for."""
    if "word_vectors" not in identity:
        return None
    fitted = word_vectors.load(datasets.word_vectors_folder(identity), ids - reading.FIRST_WORD)
    return torch.from_numpy(np.pad(fitted, ((reading.FIRST_WORD, 0), (0, 0)), constant_values=np.nan))
