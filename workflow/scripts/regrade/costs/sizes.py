"""How many rows a cell trains on and evaluates, how long they are, and how many ids there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path

import numpy as np

from regrade.cells.configuration import Configuration
from regrade.config.dataset import Dataset, Expected
from regrade.core.errors import UserError
from regrade.core.files import read_json
from regrade.datasets import registry
from regrade.datasets.identity import DataIdentity
from regrade.datasets.prepared import CARD, opened
from regrade.datasets.text import reading
from regrade.datasets.text.reading import Reading

_BYTES = {"bytes": 1, "numbers": 4, "ids": 4}


class Unknown(ValueError):
    """Which size is not known, and what to do."""


@dataclass(frozen=True)
class Sizes:
    """What a configuration's rows are like.

    `shape`: of a row, with the mean length where rows differ in it. `values`: bytes, numbers or ids. `train`,
    `evaluated`: rows. `train_batches`, `evaluated_batches`: how many batches they make. `vocabulary`: different ids.
    """

    shape: tuple[int, ...]
    values: str
    classes: int
    train: int
    evaluated: int
    train_batches: int
    evaluated_batches: int
    vocabulary: int

    @property
    def bytes(self) -> int:
        """What the rows take in memory."""
        return (self.train + self.evaluated) * (prod(self.shape) * _BYTES[self.values] + 8)


def of(configuration: Configuration, described: Mapping[str, Dataset]) -> Sizes:
    """The sizes: those of prepared data, else those that params.yaml expects of real ones. Unknown where neither says.

    `described`: the datasets of params.yaml.
    """
    identity, settings = configuration.data, configuration.settings
    entry = described.get(identity.dataset) if identity.data == "real" else None
    expected = entry.expected if entry and entry.expected else Expected()
    known = expected.model_copy(update=_prepared(identity.folder))
    form = registry.form(identity)
    if form is None:
        raise Unknown(_prepare(identity, "its rows"))
    held = settings.validation_rows
    train = _rows(settings.train_rows, settings.train_rows_cap, known.train_rows, identity) - held
    evaluated = held or _rows(settings.test_rows, settings.test_rows_cap, known.test_rows, identity)
    shape = tuple(_length(identity, known) if side is None else side for side in form.shape)
    return Sizes(
        shape=shape,
        values=form.values,
        classes=form.classes,
        train=train,
        evaluated=evaluated,
        train_batches=_batches(configuration, train, shape[0], settings.batch_size or 1, known),
        evaluated_batches=_batches(configuration, evaluated, shape[0], _at_once(configuration), known),
        vocabulary=_vocabulary(identity, known) if form.values == "ids" else 0,
    )


def _at_once(configuration: Configuration) -> int:
    """Rows that are evaluated at once; see `regrade.training.classification`, which only training jobs import."""
    settings = configuration.settings
    return settings.batch_size if settings.activation_statistics and settings.batch_size else 500


def _rows(asked: int | None, cap: int | None, available: int | None, identity: DataIdentity) -> int:
    if asked is not None:
        return asked
    if available is None and cap is None:
        raise Unknown(_prepare(identity, "how many rows there are"))
    return min(rows for rows in (cap, available) if rows is not None)


def _length(identity: DataIdentity, known: Expected) -> int:
    """The mean number of ids of a text that is read whole, or of one with the sequences of words behind it."""
    read = Reading(**{key: identity.reading[key] for key in Reading.model_fields})
    if read.max_length is not None:
        return read.max_length * read.ngrams
    if known.tokens is None:
        raise Unknown(_prepare(identity, "how long its texts are"))
    return round(known.tokens) + 1 + read.end_token


def _batches(configuration: Configuration, rows: int, length: int, size: int, known: Expected) -> int:
    tokens = configuration.settings.batch_tokens
    if tokens is None:
        return -(-rows // size)
    # Language models have batches of texts of one length; a length that is rare makes a small batch
    equal = registry.task(configuration.data.dataset) == "language"
    return -(-rows * length // tokens) + (known.lengths or 0 if equal else 0)


def _vocabulary(identity: DataIdentity, known: Expected) -> int:
    if not identity.reading:
        if known.words is None:
            raise Unknown(_prepare(identity, "how many words there are"))
        return known.words
    read = Reading(**{key: identity.reading[key] for key in Reading.model_fields})
    if read.vocab_size is None and known.words is None:
        raise Unknown(_prepare(identity, "how many words there are"))
    words = reading.vocabulary_size(read, read.vocab_size or 0 if known.words is None else known.words)
    key = {1: "", 2: "pairs", 3: "triples"}[read.ngrams]
    sequences = getattr(known, key) if key else 0
    if sequences is None:
        if identity.data == "stand_in":
            raise Unknown(f"how many {key} of words a stand-in has; its first epochs will tell")
        raise Unknown(f"how many {key} of words there are: give datasets.{identity.dataset}.expected.{key}")
    return words + sequences


def _prepare(identity: DataIdentity, what: str) -> str:
    return f"{what}; prepare the data (snakemake prepare_{identity.dataset}), which trains nothing"


@cache
def _card(folder: Path, modified: int) -> dict[str, float]:
    """What a prepared dataset is like; `modified` makes sure that it is read again when it has changed."""
    card = read_json(folder / CARD)
    like = {f"{split}_rows": card["tensors"][f"{split}_targets"]["shape"][0] for split in ("train", "test")}
    if "vocabulary_size" in card:
        like["words"] = card["vocabulary_size"]
    if "train_offsets" in card["tensors"]:
        with opened(folder) as file:
            lengths = np.diff(file.get_slice("train_offsets")[:])  # type: ignore[no-untyped-call]
        like |= {"tokens": float(lengths.mean()), "lengths": len(np.unique(lengths))}
    return like


def _prepared(folder: Path) -> dict[str, float]:
    """Empty where there are no such data, or they are damaged: the next job that reads them will say so."""
    try:
        return _card(folder, (folder / CARD).stat().st_mtime_ns)
    except (OSError, UserError, KeyError):
        return {}
