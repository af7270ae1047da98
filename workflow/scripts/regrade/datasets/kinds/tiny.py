"""The two data files of CSCI 5622's backpropagation homework: what tiny_mnist and tiny_toy have in common."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from regrade.core.errors import UserError
from regrade.datasets.kinds import pickles
from regrade.datasets.prepared import Prepared

Split = tuple[np.ndarray, np.ndarray]


def read(path: Path, width: int, classes: int) -> list[Split]:
    """Training and test split of a homework file: inputs (rows, `width`) and targets (rows,) int64, in its order.

    The file is a gzipped pickle of [training, test], each a list of pairs of columns: inputs, and 1 at the class.
    UserError when it is damaged or something else.
    """
    try:
        with gzip.open(path) as file:
            content = pickles.load(file, str(path))
    except (EOFError, zlib.error, OSError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run again") from error
    try:
        train, test = content
        return [_split(pairs, width, classes) for pairs in (train, test)]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path} is not [training, test] with pairs of {width} inputs and a class among {classes} ({error}); get "
            "the homework's file, and correct its address and sha256 in params.yaml"
        ) from error


def _split(pairs: list, width: int, classes: int) -> Split:
    inputs = np.array([column for column, _ in pairs], dtype=np.float64)
    marks = np.array([column for _, column in pairs], dtype=np.int64)
    if inputs.shape[1:] != (width, 1) or marks.shape[1:] != (classes, 1):
        raise ValueError(f"arrays of shape {inputs.shape} and {marks.shape}")
    if not np.isfinite(inputs).all():
        raise ValueError("an input is not finite")
    if not np.isin(marks, (0, 1)).all() or not (marks.sum(axis=1) == 1).all():
        raise ValueError("a row is not of exactly one class")
    return inputs[:, :, 0], marks[:, :, 0].argmax(axis=1)


def shuffled(train: Split, test: Split, classes: list[str], source: str) -> Prepared:
    """Both splits in a fixed order of their own, so that the first rows are of all classes; inputs as float32."""
    (train_inputs, train_targets), (test_inputs, test_targets) = (_shuffled(*split) for split in (train, test))
    return Prepared(
        train_inputs=train_inputs,
        train_targets=train_targets,
        test_inputs=test_inputs,
        test_targets=test_targets,
        classes=classes,
        source=source,
    )


def _shuffled(inputs: np.ndarray, targets: np.ndarray) -> Split:
    order = np.random.default_rng(5622).permutation(len(targets))
    return inputs[order].astype(np.float32), targets[order]
