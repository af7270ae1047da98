"""Palindromes of decimal digits: a network reads all digits but the last one, which equals the first it has read."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from regrade.config.options import DatasetOptions, Many
from regrade.datasets.form import Form
from regrade.datasets.prepared import Prepared

if TYPE_CHECKING:
    import torch

# No raw files: the palindromes are generated
ALTERNATIVES = ((),)
CLASSES = [str(digit) for digit in range(10)]


class Options(DatasetOptions):
    """How long palindromes are, and how many there are to test on."""

    sequence_length: Many
    """Digits that are read, one fewer than the palindrome has."""
    test_draws: Many
    """Test rows."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((options.sequence_length, 1), len(CLASSES))


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """Test rows drawn by a fixed seed, in the form of `draw`; no training rows, which are drawn when they are used."""
    length = options.sequence_length
    half = np.random.default_rng(324).integers(10, size=(options.test_draws, length // 2 + 1))
    digits = half[:, _mirrored(length)]
    return Prepared(
        train_inputs=np.empty((0, length, 1), dtype=np.float32),
        train_targets=np.empty(0, dtype=np.int64),
        test_inputs=digits[:, :length, None].astype(np.float32),
        test_targets=digits[:, length],
        classes=CLASSES,
        source="random palindromes of decimal digits",
    )


def stand_in(options: Options) -> Prepared:
    """The same palindromes as `prepare`: they need no network."""
    return prepare({}, options)


def draw(rows: int, sequence_length: int, generator: "torch.Generator") -> tuple["torch.Tensor", "torch.Tensor"]:
    """So many random palindromes of `sequence_length` + 1 digits, all equally likely, from a generator on the CPU.

    Inputs (rows, sequence_length, 1) float32 are the digits 0 to 9 but for the last, which is the target (rows,) int64.
    """
    # Whatever reads params.yaml imports this module, and data are prepared without PyTorch
    import torch

    half = torch.randint(10, (rows, sequence_length // 2 + 1), generator=generator)
    digits = half[:, _mirrored(sequence_length)]
    return digits[:, :sequence_length, None].float(), digits[:, sequence_length]


def _mirrored(sequence_length: int) -> list[int]:
    """For each place in a palindrome of `sequence_length` + 1 digits, which digit of its first half stands there."""
    return [min(place, sequence_length - place) for place in range(sequence_length + 1)]
