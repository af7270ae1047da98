"""How prepared reviews are read at training: word ranks become token ids, as in Keras' `imdb.load_data`."""

from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt

from regrade.config.options import DatasetOptions
from regrade.datasets.text.ragged import Ragged

# Keras leaves 3 unused
PADDING, START, UNKNOWN, END = range(4)
FIRST_WORD = 4


class Reading(DatasetOptions):
    """How prepared reviews are read."""

    vocab_size: Annotated[int, Field(ge=FIRST_WORD + 1)] | None = None
    """Number of token ids, the four special ones included; every word has one if absent."""
    max_length: PositiveInt | None = None
    """Tokens read of each review, from the end; all if absent."""
    end_token: bool = False
    """Whether reviews end with a token of their own."""
    drop_unseen_words: bool = False
    """Whether words that no training review has are left out, as by Keras' loader, rather than read as unknown."""
    ngrams: Annotated[int, Field(ge=1, le=3)] = 1
    """Longest sequence of words that is a token, too, from 1 to 3; these tokens come after a review's words."""
    ngram_min_count: PositiveInt = 1
    """Least number of times that the training reviews have such a sequence."""


def vocabulary_size(reading: Reading, words_known: int) -> int:
    """How many rows an embedding needs for `ids`, where the training reviews have `words_known` different words."""
    everything = words_known + FIRST_WORD
    return everything if reading.vocab_size is None else min(reading.vocab_size, everything)


def ids(ranks: Ragged, reading: Reading) -> Ragged:
    """Token ids of reviews given as word ranks (0 = most frequent, -1 = unseen in training).

    A review begins with START and ends with END if the reading wants that. The word of rank r has the id r + 4; words
    whose id would not be below `vocab_size` are UNKNOWN, and so are unseen ones unless they are dropped. `max_length`
    is left to `padded`.
    """
    if reading.drop_unseen_words:
        ranks = _seen(ranks)
    added = 1 + reading.end_token
    offsets = ranks.offsets + added * np.arange(len(ranks.offsets))
    known = ranks.values >= 0
    if reading.vocab_size is not None:
        known &= ranks.values < reading.vocab_size - FIRST_WORD
    values = np.full(offsets[-1], START, dtype=np.int32)
    is_word = np.ones(len(values), dtype=bool)
    is_word[offsets[:-1]] = False
    if reading.end_token:
        is_word[offsets[1:] - 1] = False
        values[offsets[1:] - 1] = END
    values[is_word] = np.where(known, ranks.values + FIRST_WORD, UNKNOWN)
    return Ragged(values, offsets)


def _seen(ranks: Ragged) -> Ragged:
    """The reviews without the words that no training review has."""
    seen = ranks.values >= 0
    seen_before = np.concatenate([[0], np.cumsum(seen)])
    return Ragged(ranks.values[seen], seen_before[ranks.offsets])


def last(tokens: Ragged, max_length: int | None) -> Ragged:
    """The last `max_length` ids of each review; all where None."""
    if max_length is None:
        return tokens
    ends = np.repeat(tokens.offsets[1:], tokens.lengths)
    kept = ends - np.arange(len(tokens.values)) <= max_length
    return Ragged(tokens.values[kept], np.concatenate([[0], np.cumsum(tokens.lengths.clip(max=max_length))]))


def filled(tokens: Ragged) -> np.ndarray:
    """All ids of each review, with padding behind shorter ones: (rows, ids of the longest) int32."""
    lengths = tokens.lengths
    rows = np.full((len(tokens), lengths.max(initial=1)), PADDING, dtype=np.int32)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = tokens.values
    return rows


def padded(tokens: Ragged, max_length: int) -> np.ndarray:
    """The last `max_length` ids of each review, with padding before shorter ones: (rows, max_length) int32.

    That is what Keras' `pad_sequences` does by default.
    """
    tokens = last(tokens, max_length)
    rows = np.full((len(tokens), max_length), PADDING, dtype=np.int32)
    rows[np.arange(max_length) >= max_length - tokens.lengths[:, None]] = tokens.values
    return rows
