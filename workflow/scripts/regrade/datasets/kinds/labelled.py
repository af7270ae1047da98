"""Rows with a class each, from the files of a dataset of one's own: their classes, their split and their order."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from regrade.config.own_data import Split
from regrade.core.errors import UserError
from regrade.datasets.prepared import Prepared

MOST_NAMED = 5  # classes that a message names


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one file or folder: inputs (rows, …), class names (rows,), and where a row is, for messages."""

    inputs: np.ndarray
    labels: list[str]
    place: Callable[[int], str]


@dataclass(frozen=True, eq=False)
class Splits:
    """Inputs (rows, …) and targets (rows,) int64 of both splits, and the names of the classes."""

    train_inputs: np.ndarray
    train_targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray
    classes: list[str]

    def prepared(self, source: str) -> Prepared:
        """The rows ready to be saved, with the sentence for the report on where they come from."""
        return Prepared(
            self.train_inputs, self.train_targets, self.test_inputs, self.test_targets, self.classes, source
        )


def divided(parts: dict[str, Rows], split: Split, declared: list[str | int] | None) -> Splits:
    """The rows of all `parts`, by their names in `split`, as training and test rows.

    A draw is that of scikit-learn's `train_test_split`, stratified by class. UserError for a class that is not among
    the `declared` ones or not in both splits, for less than two classes, and for rows that come class by class where
    nothing shuffles them.
    """
    if split.drawn:
        # The order of files in params.yaml is no part of the data's name
        return _drawn(_joined(parts[name] for name in sorted(parts)), split, declared)
    train, test = (_joined(parts[name] for name in names) for names in (split.train or (), split.test or ()))
    classes = _classes(train.labels, declared)
    targets = [_targets(rows, classes) for rows in (train, test)]
    orders = []
    for name, names, of_split in zip(("train", "test"), (split.train, split.test), targets, strict=True):
        where = f"the {name} rows ({', '.join(names or ())})"
        _require_every(of_split, classes, where)
        orders.append(_order(of_split, split.seed, where))
    return _splits(
        train.inputs[orders[0]], targets[0][orders[0]], test.inputs[orders[1]], targets[1][orders[1]], classes
    )


def source(what: str, files: Iterable[str], split: Split | None) -> str:
    """The sentence for the report on where rows come from, which are `what`."""
    drawn = (
        f"; test rows drawn by seed {split.seed}, {split.test_share:g} of each class" if split and split.drawn else ""
    )
    return f"{what} of {', '.join(sorted(files))}{drawn}"


def _splits(train: np.ndarray, y: np.ndarray, test: np.ndarray, y_test: np.ndarray, classes: list[str]) -> Splits:
    if train.shape[1:] != test.shape[1:]:
        raise UserError(
            f"a training row has the shape {train.shape[1:]} and a test row {test.shape[1:]}; give files of one shape"
        )
    return Splits(train, y, test, y_test, classes)


def _joined(parts: Iterable[Rows]) -> Rows:
    """The rows of several files, one after the other. UserError when their shapes differ."""
    every = list(parts)
    starts = np.cumsum([0, *(len(rows.labels) for rows in every)])

    def place(row: int) -> str:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return every[part].place(row - int(starts[part]))

    for rows in every[1:]:
        if rows.inputs.shape[1:] != every[0].inputs.shape[1:]:
            raise UserError(
                f"{rows.place(0)} has the shape {rows.inputs.shape[1:]}, but {every[0].place(0)} has "
                f"{every[0].inputs.shape[1:]}; give files of one shape"
            )
    return Rows(
        np.concatenate([rows.inputs for rows in every]), [label for rows in every for label in rows.labels], place
    )


def _drawn(rows: Rows, split: Split, declared: list[str | int] | None) -> Splits:
    # Whatever reads params.yaml imports this module, and scikit-learn takes a second to import
    from sklearn.model_selection import train_test_split

    classes = _classes(rows.labels, declared)
    targets = _targets(rows, classes)
    _require_every(targets, classes, "the rows")
    # By the natural order of the classes, not the declared one, as scikit-learn would order them
    natural = {name: number for number, name in enumerate(_natural(classes))}
    codes = np.array([natural[name] for name in classes])[targets]
    counts = np.bincount(targets, minlength=len(classes))
    if counts.min() < 2:
        raise UserError(
            f"the class {classes[counts.argmin()]!r} has one row only, which cannot be both in training and in test; "
            "get more rows of it, or remove this one"
        )
    try:
        train, test = train_test_split(
            np.arange(len(targets)), test_size=split.test_share, random_state=split.seed, stratify=codes
        )
    except ValueError as error:
        raise UserError(
            f"{len(targets)} rows of {len(classes)} classes cannot be split by test_share {split.test_share} "
            f"({error}); change test_share under split in params.yaml, or get more rows"
        ) from None
    for name, chosen in (("training", train), ("test", test)):
        _require_every(targets[chosen], classes, f"the drawn {name} rows")
    return _splits(rows.inputs[train], targets[train], rows.inputs[test], targets[test], classes)


def _classes(labels: list[str], declared: list[str | int] | None) -> list[str]:
    """The names of the classes: those declared, else those of the labels. UserError when there is only one."""
    if declared:
        return [str(name) for name in declared]
    classes = _natural(set(labels))
    if len(classes) < 2:
        raise UserError(
            f"all rows are of one class, {classes[0]!r}: there is nothing to learn; correct the labels, or get rows of "
            "other classes"
        )
    return classes


def _natural(classes: Iterable[str]) -> list[str]:
    """Numbers by size, anything else by alphabet."""
    names = sorted(classes)
    whole = all(re.fullmatch(r"[+-]?\d+", name) for name in names)
    return sorted(names, key=int) if whole else names


def _targets(rows: Rows, classes: list[str]) -> np.ndarray:
    """The number of each row's class, (rows,) int64. UserError for the first label that is none of the classes."""
    numbers = {name: number for number, name in enumerate(classes)}
    for row, label in enumerate(rows.labels):
        if label not in numbers:
            raise UserError(
                f"{rows.place(row)}: {label[:40]!r} is none of the classes {_few(classes)}; correct it, or the classes"
            )
    return np.array([numbers[label] for label in rows.labels], dtype=np.int64)


def _require_every(targets: np.ndarray, classes: list[str], where: str) -> None:
    lacking = [name for number, name in enumerate(classes) if not (targets == number).any()]
    if lacking:
        raise UserError(
            f"{where} have none of the class{'es' * (len(lacking) > 1)} {_few(lacking)}; get rows of it, or split "
            "otherwise"
        )


def _few(classes: list[str]) -> str:
    more = f" and {len(classes) - MOST_NAMED} more" if len(classes) > MOST_NAMED else ""
    return ", ".join(repr(name) for name in classes[:MOST_NAMED]) + more


def _order(targets: np.ndarray, seed: int | None, where: str) -> np.ndarray:
    """The order of a split's rows, (rows,): shuffled by `seed`; as they are where None."""
    if seed is not None:
        return np.random.default_rng(seed).permutation(len(targets))
    classes = len(np.unique(targets))
    if len(targets) > classes and np.count_nonzero(np.diff(targets)) == classes - 1:
        raise UserError(
            f"{where} come class by class, so the first and the last of them would be of one class; give a seed under "
            "split, which shuffles them"
        )
    return np.arange(len(targets))
