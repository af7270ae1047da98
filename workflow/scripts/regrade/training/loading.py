"""From a prepared dataset to what a configuration trains on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from regrade.cells.configuration import Configuration
from regrade.core.errors import UserError
from regrade.datasets import prepared, registry
from regrade.datasets.identity import DataIdentity
from regrade.datasets.text import reading, word_vectors
from regrade.datasets.text.ngrams import Ngrams
from regrade.datasets.text.ragged import Ragged
from regrade.datasets.text.reading import Reading
from regrade.training.batches import Block
from regrade.training.trainer import Data


@dataclass(frozen=True)
class Rows:
    """Rows of a split: inputs, targets, and how many steps of each row count where that differs."""

    inputs: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray | None = None

    def part(self, rows: slice) -> "Rows":
        """Some of the rows."""
        lengths = None if self.lengths is None else self.lengths[rows]
        return Rows(self.inputs[rows], self.targets[rows], lengths)

    def tensors(
        self, where: torch.device, order: torch.memory_format
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Inputs, images in this order in memory, targets and lengths on the device."""
        inputs = torch.from_numpy(self.inputs)
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=order)
        lengths = None if self.lengths is None else torch.from_numpy(self.lengths).to(where)
        return inputs.to(where), torch.from_numpy(self.targets).to(where), lengths


@dataclass(frozen=True)
class Texts:
    """Texts of a split, not read yet: their words' ranks, and targets."""

    ranks: Ragged
    targets: np.ndarray

    def part(self, rows: slice) -> "Texts":
        """Some of the texts."""
        return Texts(self.ranks[rows], self.targets[rows])


Split = TypeVar("Split", Rows, Texts)


def load(configuration: Configuration, where: torch.device) -> Data:
    """The rows that a configuration uses, on the device. UserError when there are fewer."""
    settings, identity = configuration.settings, configuration.data
    card = prepared.card(identity.folder)
    draw, size, held = _drawing(identity), card.get("vocabulary_size", 0), settings.validation_rows
    if draw and (held or not settings.train_rows):
        raise UserError(
            f"params.yaml: the training rows of {identity.dataset} are drawn afresh in each epoch: give their number "
            "as train_rows, and remove validation_rows"
        )
    read = {} if draw else {"train": (settings.train_rows, settings.train_rows_cap)}
    if not held:
        read["test"] = (settings.test_rows, settings.test_rows_cap)
    if identity.reading:
        texts = {split: Texts(*prepared.load_texts(identity.folder, split, *rows)) for split, rows in read.items()}
        how = Reading(**{key: identity.reading[key] for key in Reading.model_fields})
        train, evaluated, size = _tokens(*_train_and_evaluated(texts, held), how, size)
    else:
        numbers = {split: Rows(*prepared.load(identity.folder, split, *rows)) for split, rows in read.items()}
        train, evaluated = _train_and_evaluated(numbers, held)
    # A CPU's convolutions want the channels last; for anything else they would have to be reordered
    convolved = any(layer.kind == "convolution" for layer in configuration.network)
    order = torch.channels_last if convolved else torch.contiguous_format
    (x, y, lengths), (x_test, y_test, lengths_test) = (rows.tensors(where, order) for rows in (train, evaluated))
    is_language = registry.task(identity.dataset) == "language"
    language = registry.module(identity.dataset).language(registry.options(identity)) if is_language else None
    vectors = _word_vectors(identity, size)
    classes = len(card["classes"])
    return Data(x, y, x_test, y_test, classes, lengths, lengths_test, draw, language, size, vectors)


def _drawing(identity: DataIdentity) -> Callable[[int, torch.Generator], Block] | None:
    """What draws training examples of a dataset that has no training rows of its own."""
    if not registry.draws(identity.dataset):
        return None
    draw, length = registry.module(identity.dataset).draw, identity.options["sequence_length"]
    return lambda rows, generator: draw(rows, length, generator)


def _train_and_evaluated(splits: dict[str, Split], held: int) -> tuple[Split, Split]:
    """What is trained and what is evaluated on: where rows are held out, the last of the training split are these."""
    if held:
        train = splits["train"]
        kept = prepared.trained_on(len(train.targets), held)
        return train.part(kept), train.part(slice(kept.stop, None))
    evaluated = splits["test"]
    return splits.get("train") or evaluated.part(slice(0)), evaluated


def _tokens(train: Texts, evaluated: Texts, how: Reading, words: int) -> tuple[Rows, Rows, int]:
    """Rows of ids from word ranks, and how many ids there are.

    Rows are padded in front to one length, or at the end and with their lengths where whole texts are read. The
    training texts alone decide which sequences of words are tokens.
    """
    splits = (train, evaluated)
    texts = [reading.last(reading.ids(split.ranks, how), how.max_length) for split in splits]
    size, longest = reading.vocabulary_size(how, words), how.max_length
    if how.ngrams > 1:
        ngrams = Ngrams(texts[0], how.ngrams, how.ngram_min_count, reading.FIRST_WORD, size)
        texts, size = [ngrams.appended(text) for text in texts], size + ngrams.size
        longest = max(int(text.lengths.max()) for text in texts)
    rows = []
    for text, split in zip(texts, splits, strict=True):
        if longest is None:
            rows.append(Rows(reading.filled(text), split.targets, text.lengths))
        else:
            rows.append(Rows(reading.padded(text, longest), split.targets))
    return rows[0], rows[1], size


def _word_vectors(identity: DataIdentity, ids: int) -> torch.Tensor | None:
    """The fitted vector of each id (ids, units), NaN where it stands for no word; None where none are asked for."""
    if identity.word_vectors_folder is None:
        return None
    fitted = word_vectors.load(identity.word_vectors_folder, ids - reading.FIRST_WORD)
    return torch.from_numpy(np.pad(fitted, ((reading.FIRST_WORD, 0), (0, 0)), constant_values=np.nan))
