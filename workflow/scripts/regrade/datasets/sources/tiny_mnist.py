"""tinyMNIST: 4,998 digits of MNIST on 14×14 pixels in nine shades, from CSCI 5622's backpropagation homework."""

from pathlib import Path

import numpy as np

from regrade.config.options import DatasetOptions
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.kinds import tiny
from regrade.datasets.prepared import Prepared
from regrade.datasets.sources import mnist

FILE = "tinyMNIST.pkl.gz"
ALTERNATIVES = ((f"tiny/{FILE}",), *mnist.ALTERNATIVES)
# The homework's author took one 9 less
ROWS_PER_CLASS = [250] * 9 + [249]


class Options(DatasetOptions):
    """tinyMNIST is prepared in one way."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((196,), len(mnist.CLASSES))


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The homework's own file, or the same rows derived from MNIST's files: inputs (rows, 196) float32, 0 to 0.8.

    Both ways give the same arrays. UserError when a file is damaged or is not what it should be.
    """
    if FILE in files:
        train, test = tiny.read(files[FILE], width=196, classes=10)
        return tiny.shuffled(train, test, mnist.CLASSES, "tinyMNIST, the homework's own file")
    digits = mnist.prepare(files, mnist.Options())
    for targets, (_, labels) in ((digits.train_targets, mnist.TRAIN), (digits.test_targets, mnist.TEST)):
        _demand_enough(targets, files[labels])
    return _derived(digits, "tinyMNIST, derived from MNIST's files: the same rows as in the homework's own file")


def stand_in(options: Options) -> Prepared:
    """MNIST's stand-in made small in the same way, up to as many rows of each digit; for runs without a network."""
    digits = mnist.stand_in(mnist.Options())
    return _derived(digits, "stand-in (scikit-learn's 8×8 digits on 14×14 pixels), not tinyMNIST")


def _derived(digits: Prepared, source: str) -> Prepared:
    train = _small(np.asarray(digits.train_inputs), digits.train_targets)
    test = _small(np.asarray(digits.test_inputs), digits.test_targets)
    return tiny.shuffled(train, test, mnist.CLASSES, source)


def _demand_enough(targets: np.ndarray, path: Path) -> None:
    for digit, needed in enumerate(ROWS_PER_CLASS):
        if (rows := int((targets == digit).sum())) < needed:
            raise UserError(f"{path} has only {rows} rows of the digit {digit}, {needed} are needed; {mnist.MEND}")


def _small(images: np.ndarray, targets: np.ndarray) -> tiny.Split:
    """The first images (rows, 1, 28, 28) of each digit, digit by digit, as inputs (rows, 196); and their targets.

    A block of 2×2 pixels with the sum s becomes floor((s + 64) / 128) / 10: the nearest of nine shades.
    """
    rows = np.concatenate([np.flatnonzero(targets == digit)[:count] for digit, count in enumerate(ROWS_PER_CLASS)])
    sums = images[rows].reshape(-1, 14, 2, 14, 2).sum(axis=(2, 4), dtype=np.int64)
    return ((sums + 64) // 128 / 10).reshape(-1, 196), targets[rows]
