"""Prepared datasets: a folder with the tensors, texts if there are any, and a card that says what they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from regrade.core.errors import UserError
from regrade.core.files import atomic_folder, atomic_write, sha256, write_json
from regrade.core.integrity import read_card
from regrade.datasets.text.ragged import Ragged

TENSORS = "tensors.safetensors"
TEXTS = "texts.parquet"
VOCABULARY = "vocabulary.json"
CARD = "card.json"


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for training.

    `train_inputs`, `test_inputs`: one row per example. `train_targets`, `test_targets`: (rows,) int64 class indices.
    `source`: one sentence for the report on where the rows come from. `texts`: the examples in words (split, label,
    title where they have one, content), in the same order. `vocabulary`: what each id among the inputs stands for; 0 is
    padding and unknown. Texts of any length are ragged inputs of word ranks instead: rank r is the word vocabulary[r],
    and -1 is unknown. `unlabelled_inputs`: further ones of the same kind, without targets.
    """

    train_inputs: np.ndarray | Ragged
    train_targets: np.ndarray
    test_inputs: np.ndarray | Ragged
    test_targets: np.ndarray
    classes: list[str]
    source: str
    texts: pa.Table | None = None
    vocabulary: list[str] | None = None
    unlabelled_inputs: Ragged | None = None

    def save(self, folder: Path, identity: dict) -> None:
        """Make `folder` with the tensors, the card, and the texts and vocabulary if there are any; whole or not at all.

        What was in `folder` before is gone.
        """
        with atomic_folder(folder) as partial:
            with atomic_write(partial / TENSORS) as file:
                save_file(self._tensors, file)
            if self.texts is not None:
                parquet.write_table(self.texts, partial / TEXTS)
            if self.vocabulary is not None:
                write_json(partial / VOCABULARY, self.vocabulary)
            checksums = {path.name: sha256(path) for path in sorted(partial.iterdir())}
            write_json(partial / CARD, identity | self._description | {"sha256": checksums})

    @property
    def _tensors(self) -> dict[str, np.ndarray]:
        tensors = {
            **_flat("train", self.train_inputs),
            "train_targets": self.train_targets,
            **_flat("test", self.test_inputs),
            "test_targets": self.test_targets,
        }
        if self.unlabelled_inputs is not None:
            tensors |= _flat("unlabelled", self.unlabelled_inputs)
        return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}

    @property
    def _description(self) -> dict:
        """What the card says of the rows."""
        tensors = self._tensors
        description = {
            "source": self.source,
            "classes": self.classes,
            "tensors": {
                name: {"shape": list(tensor.shape), "type": str(tensor.dtype)} for name, tensor in tensors.items()
            },
            "rows_per_class": {
                split: np.bincount(tensors[f"{split}_targets"], minlength=len(self.classes)).tolist()
                for split in ("train", "test")
            },
        }
        splits = {"train": self.train_inputs, "test": self.test_inputs, "unlabelled": self.unlabelled_inputs}
        lengths = {split: inputs.lengths for split, inputs in splits.items() if isinstance(inputs, Ragged)}
        if lengths:
            description["lengths"] = {
                split: {"min": int(of.min()), "median": float(np.median(of)), "max": int(of.max())}
                for split, of in lengths.items()
            }
        return description if self.vocabulary is None else description | {"vocabulary_size": len(self.vocabulary)}


def _flat(split: str, inputs: np.ndarray | Ragged) -> dict[str, np.ndarray]:
    """The tensors that keep the inputs of a split."""
    if isinstance(inputs, Ragged):
        return {f"{split}_values": inputs.values, f"{split}_offsets": inputs.offsets}
    return {f"{split}_inputs": inputs}


def load(
    folder: Path, split: str, rows: int | None = None, at_most: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first `rows` inputs and targets of a split, or all but no more than `at_most` where `rows` is None.

    UserError when there are fewer than `rows`, or on damage.
    """
    with opened(folder) as file:
        targets = _targets(file, split, rows, at_most, folder)
        return file.get_slice(f"{split}_inputs")[: len(targets)], targets


def load_texts(
    folder: Path, split: str, rows: int | None = None, at_most: int | None = None
) -> tuple[Ragged, np.ndarray]:
    """As `load`, for a dataset of texts of any length."""
    with opened(folder) as file:
        targets = _targets(file, split, rows, at_most, folder)
        return _ragged(file, split, len(targets), folder), targets


def trained_on(rows: int, validation_rows: int) -> slice:
    """The rows left to train on when the last `validation_rows` are held out. UserError when none is left."""
    if validation_rows >= rows:
        raise UserError(
            f"params.yaml: validation_rows is {validation_rows}, but there are {rows} training rows; hold out fewer"
        )
    return slice(rows - validation_rows)


def load_unlabelled(folder: Path) -> Ragged | None:
    """The inputs without targets, None where there are none. UserError on damage."""
    with opened(folder) as file:
        names = file.keys()
        return _ragged(file, "unlabelled", None, folder) if "unlabelled_offsets" in names else None


def _targets(file: safe_open, split: str, rows: int | None, at_most: int | None, folder: Path) -> np.ndarray:
    targets = file.get_slice(f"{split}_targets")
    available = targets.get_shape()[0]
    if rows is not None and rows > available:
        raise UserError(f"params.yaml: {split}_rows is {rows}, but {folder} has only {available} rows; ask for fewer")
    return targets[: rows or min(available, at_most or available)]


def _ragged(file: safe_open, split: str, rows: int | None, folder: Path) -> Ragged:
    values, offsets = (file.get_slice(f"{split}_{part}") for part in ("values", "offsets"))
    offsets = offsets[: None if rows is None else rows + 1]
    if offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] > values.get_shape()[0]:
        raise _damaged(folder, f"{split}_offsets do not fit {split}_values")
    return Ragged(values[: offsets[-1]], offsets)


@contextmanager
def opened(folder: Path) -> Iterator[safe_open]:
    """The tensors in `folder`, to be read one by one. UserError when their file is damaged."""
    try:
        with safe_open(folder / TENSORS, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, why: object) -> UserError:
    return UserError(f"{folder / TENSORS} is damaged ({why}): delete {folder} and run again")


def card(folder: Path) -> dict:
    """The data card of a prepared dataset. UserError when it is damaged; the dataset is deleted then."""
    return read_card(folder, CARD)
