"""From a prepared dataset to what a configuration trains on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

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
from regrade.training.trainer import Data


@dataclass(frozen=True)
class Rows:
    """Rows of a split: inputs, targets, and how many steps of each row count where that differs."""

    inputs: np.ndarray | Ragged
    targets: np.ndarray
    lengths: np.ndarray | None = None

    def part(self, rows: slice) -> "Rows":
        """Some of the rows."""
        lengths = None if self.lengths is None else self.lengths[rows]
        return Rows(self.inputs[rows], self.targets[rows], lengths)

    def tensors(self, where: torch.device, order: torch.memory_format) -> list[torch.Tensor | None]:
        """Inputs, images in this order in memory, targets and lengths on the device."""
        inputs = torch.from_numpy(self.inputs)
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=order)
        lengths = None if self.lengths is None else torch.from_numpy(self.lengths).to(where)
        return [inputs.to(where), torch.from_numpy(self.targets).to(where), lengths]


def load(configuration: Configuration, where: torch.device) -> Data:
    """The rows that a configuration uses, on the device. UserError when there are fewer."""
    settings, identity = configuration.settings, configuration.data
    card = prepared.card(identity.folder)
    module = registry.module(identity.dataset)
    draw, size, held = _drawing(identity), card.get("vocabulary_size"), settings.validation_rows
    if draw and (held or not settings.train_rows):
        raise UserError(
            f"params.yaml: the training rows of {identity.dataset} are drawn afresh in each epoch: say how many by "
            "train_rows, and hold out none of them by validation_rows"
        )
    train = None if draw else _read(identity, "train", settings.train_rows, settings.train_rows_cap)
    if held:
        train, evaluated = _held_out(train, held)
    else:
        evaluated = _read(identity, "test", settings.test_rows, settings.test_rows_cap)
        train = train or evaluated.part(slice(0))
    if identity.reading:
        how = Reading(**{key: identity.reading[key] for key in Reading.model_fields})
        train, evaluated, size = _tokens(train, evaluated, how, size)
    # A CPU's convolutions want the channels last; all else would have to be put in order again
    convolved = any(layer.kind == "convolution" for layer in configuration.network)
    order = torch.channels_last if convolved else torch.contiguous_format
    (x, y, lengths), (x_test, y_test, lengths_test) = (rows.tensors(where, order) for rows in (train, evaluated))
    language = module.language(registry.options(identity)) if hasattr(module, "language") else None
    vectors = _word_vectors(identity, size)
    classes = len(card["classes"])
    return Data(x, y, x_test, y_test, classes, lengths, lengths_test, draw, language, size, vectors)


def _drawing(identity: DataIdentity) -> Callable | None:
    """What draws training examples of a dataset that has no training rows of its own."""
    module = registry.module(identity.dataset)
    if not hasattr(module, "draw"):
        return None
    options = registry.options(identity)
    return lambda rows, generator: module.draw(rows, options.sequence_length, generator)


def _read(identity: DataIdentity, split: str, rows: int | None, at_most: int | None) -> Rows:
    return Rows(*prepared.load(identity.folder, split, rows, at_most))


def _held_out(train: Rows, rows: int) -> tuple[Rows, Rows]:
    """All but the last rows, and these."""
    kept = prepared.trained_on(len(train.targets), rows)
    return train.part(kept), train.part(slice(kept.stop, None))


def _tokens(train: Rows, evaluated: Rows, how: Reading, words: int) -> tuple[Rows, Rows, int]:
    """Both splits with rows of ids instead of word ranks, and how many ids there are.

    Rows are padded in front to one length, or behind and with their lengths where whole texts are read. Which sequences
    of words are tokens, the training rows alone decide.
    """
    splits = [train, evaluated]
    texts = [reading.last(reading.ids(split.inputs, how), how.max_length) for split in splits]
    size, longest = reading.vocabulary_size(how, words), how.max_length
    if how.ngrams > 1:
        ngrams = Ngrams(texts[0], how.ngrams, how.ngram_min_count, reading.FIRST_WORD, size)
        texts, size = [ngrams.appended(text) for text in texts], size + ngrams.size
        longest = max(int(text.lengths.max()) for text in texts)
    if longest is None:
        made = [
            replace(split, inputs=reading.filled(text), lengths=text.lengths)
            for split, text in zip(splits, texts, strict=True)
        ]
    else:
        made = [replace(split, inputs=reading.padded(text, longest)) for split, text in zip(splits, texts, strict=True)]
    return made[0], made[1], size


def _word_vectors(identity: DataIdentity, ids: int | None) -> torch.Tensor | None:
    """The fitted vector of each id (ids, units), NaN for ids that stand for no word; None where none are asked for."""
    if identity.word_vectors_folder is None:
        return None
    fitted = word_vectors.load(identity.word_vectors_folder, ids - reading.FIRST_WORD)
    return torch.from_numpy(np.pad(fitted, ((reading.FIRST_WORD, 0), (0, 0)), constant_values=np.nan))
