"""Word vectors fitted on a prepared dataset's training texts: word2vec (Mikolov et al. 2013), as gensim has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import PositiveInt
from safetensors.numpy import save_file

from regrade.config.options import DatasetOptions
from regrade.core.errors import UserError
from regrade.core.files import atomic_folder, atomic_write, sha256, write_json
from regrade.datasets import prepared
from regrade.datasets.text.ragged import Ragged

SEED = 0
# Largest size of an element of a vector that was not fitted: that of Keras' freshly made embeddings
UNFITTED = 0.05
NAME = "vectors"
# The settings of a cell that say which rows it trains on: its word vectors are fitted on no others
ROWS = ("train_rows", "train_rows_cap", "validation_rows")


class WordVectors(DatasetOptions):
    """How word vectors are fitted."""

    size: PositiveInt
    """Length of the vectors."""
    window: PositiveInt
    """Words on either side that are the context of a word."""
    epochs: PositiveInt
    """Times that the texts are read."""
    min_count: PositiveInt
    """Least number of times that the texts have a word that is fitted."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """Word vectors, (words, size) float32 in the order of ranks; how many were fitted; and on what, in one sentence."""

    vectors: np.ndarray
    words_fitted: int
    source: str


def fit(
    folder: Path,
    options: WordVectors,
    train_rows: int | None = None,
    train_rows_cap: int | None = None,
    validation_rows: int = 0,
) -> Fitted:
    """Vectors of the words of a prepared dataset with ragged inputs, from its training texts and those without labels.

    The training texts are those that a cell with the same `train_rows`, `train_rows_cap` and `validation_rows` trains
    on: texts that are held out play no part, and neither do test texts. Words that are too rare get small random
    vectors by a fixed seed. The same input gives the same vectors to the bit. UserError on damage, when all words are
    too rare, and when all rows are held out.
    """
    # Slow to import, and needed here only
    from gensim.models import Word2Vec

    labelled, _ = prepared.load_texts(folder, "train", train_rows, train_rows_cap)
    labelled = labelled[prepared.trained_on(len(labelled), validation_rows)]
    unlabelled = prepared.load_unlabelled(folder)
    texts = _Texts([labelled] if unlabelled is None else [labelled, unlabelled])
    card = prepared.card(folder)
    words = card["vocabulary_size"]
    if texts.counts(words).max() < options.min_count:
        raise UserError(
            f"params.yaml: word_vectors.min_count is {options.min_count}, but no word of {folder} is that frequent; "
            "lower it"
        )
    model = Word2Vec(
        texts,
        vector_size=options.size,
        window=options.window,
        min_count=options.min_count,
        epochs=options.epochs,
        sg=1,
        workers=1,  # with more, the order of updates is random
        seed=SEED,
    )
    vectors = np.random.default_rng(SEED).uniform(-UNFITTED, UNFITTED, (words, options.size)).astype(np.float32)
    vectors[model.wv.index_to_key] = model.wv.vectors
    rows = f"{len(labelled):,} training texts" + (f" and {len(unlabelled):,} without labels" if unlabelled else "")
    return Fitted(vectors, len(model.wv), f"word2vec (skip-gram) fitted on {rows}: {card['source']}")


def save(fitted: Fitted, folder: Path, identity: dict) -> None:
    """Make `folder` with the vectors and a card that says how they were made; whole or not at all.

    What was in `folder` before is gone.
    """
    with atomic_folder(folder) as partial:
        with atomic_write(partial / prepared.TENSORS) as file:
            save_file({NAME: np.ascontiguousarray(fitted.vectors)}, file)
        description = {
            "source": fitted.source,
            "words": len(fitted.vectors),
            "words_fitted": fitted.words_fitted,
            "sha256": {prepared.TENSORS: sha256(partial / prepared.TENSORS)},
        }
        write_json(partial / prepared.CARD, identity | description)


def load(folder: Path, rows: int) -> np.ndarray:
    """Vectors of the `rows` most frequent words, (rows, size) float32. UserError when there are fewer, or damaged."""
    with prepared.opened(folder) as file:
        vectors = file.get_slice(NAME)
        available = vectors.get_shape()[0]
        if rows > available:
            raise UserError(f"{folder} has vectors of {available} words, and {rows} are asked for; ask for fewer")
        return vectors[:rows]


class _Texts:
    """Texts as lists of ranks, without unknown words; they can be iterated over repeatedly."""

    def __init__(self, parts: list[Ragged]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[list[int]]:
        for part in self.parts:
            for row in part:
                yield row[row >= 0].tolist()

    def counts(self, words: int) -> np.ndarray:
        """How often each word is there, (words,)."""
        values = np.concatenate([part.values for part in self.parts])
        return np.bincount(values[values >= 0], minlength=words)
