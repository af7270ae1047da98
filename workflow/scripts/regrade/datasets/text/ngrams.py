"""Sequences of two and more words as tokens of their own."""

import numpy as np

from regrade.datasets.text.ragged import Ragged


class Ngrams:
    """The sequences of 2 to `longest` tokens that the training texts have at least `min_count` times.

    They have the ids from `first_id` on, the short ones first. Sequences with an id below `lowest` (padding, start,
    unknown words) do not count.
    """

    def __init__(self, training: Ragged, longest: int, min_count: int, lowest: int, first_id: int):
        self.longest, self.lowest, self.first_id = longest, lowest, first_id
        self.known: list[np.ndarray] = []
        for length in range(2, longest + 1):
            keys, counts = np.unique(self._keys(training, length)[1], return_counts=True)
            self.known.append(keys[counts >= min_count])

    @property
    def size(self) -> int:
        """How many there are."""
        return sum(map(len, self.known))

    def appended(self, texts: Ragged) -> Ragged:
        """The texts with the ids of their known n-grams after their own tokens."""
        rows = [np.repeat(np.arange(len(texts)), texts.lengths)]
        values = [texts.values]
        first_id = self.first_id
        for length, known in enumerate(self.known, 2):
            row, keys = self._keys(texts, length)
            place = np.searchsorted(known, keys)
            known_here = place < len(known)
            known_here[known_here] = known[place[known_here]] == keys[known_here]
            rows.append(row[known_here])
            values.append((first_id + place[known_here]).astype(np.int32))
            first_id += len(known)
        all_rows = np.concatenate(rows)
        order = np.argsort(all_rows, kind="stable")
        lengths = np.bincount(all_rows, minlength=len(texts))
        return Ragged(np.concatenate(values)[order], np.concatenate([[0], np.cumsum(lengths)]))

    def _keys(self, texts: Ragged, length: int) -> tuple[np.ndarray, np.ndarray]:
        """The row of each n-gram of this length, and a number that stands for its tokens: digits in base `first_id`."""
        rows = np.repeat(np.arange(len(texts)), texts.lengths)
        places = max(len(texts.values) - length + 1, 0)
        inside = rows[:places] == rows[length - 1 :]
        keys = np.zeros(places, dtype=np.int64)
        for offset in range(length):
            token = texts.values[offset : offset + places]
            inside &= token >= self.lowest
            keys = keys * self.first_id + token
        return rows[:places][inside], keys[inside]
