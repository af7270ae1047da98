"""Rows of different lengths in two flat arrays."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of whole numbers, one after the other.

    `values`: (all numbers,) int32. `offsets`: (rows + 1,) int64; row i is values[offsets[i]:offsets[i + 1]], and the
    first offset is 0.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[list[int]]) -> "Ragged":
        """These rows."""
        arrays = [np.array(row, dtype=np.int32) for row in rows]
        offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
        return cls(np.concatenate([np.empty(0, dtype=np.int32), *arrays]), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        """The rows, (length,) int32 each."""
        for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.values[start:end]

    def __getitem__(self, rows: slice) -> "Ragged":
        """Some of the rows, one after the other."""
        start, stop, _ = rows.indices(len(self))
        offsets = self.offsets[start : max(start, stop) + 1]
        return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    @property
    def lengths(self) -> np.ndarray:
        """How many numbers each row has, (rows,) int64."""
        return np.diff(self.offsets)
