"""Prepared datasets: a folder with the tensors, texts if there are any, and a card that says what they are."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from regrade.errors import UserError
from regrade.files import read_json, sha256, whole, write_json

TENSORS = "tensors.safetensors"
TEXTS = "texts.parquet"
VOCABULARY = "vocabulary.json"
CARD = "card.json"


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for training.

    `train_inputs`, `test_inputs`: one row per example. `train_targets`, `test_targets`: (rows,) int64 class indices.
    `source`: one sentence for the report on where the rows come from. `texts`: the examples in words (split, label,
    title, content), in the same order. `vocabulary`: what each id among the inputs stands for; 0 is padding and
    unknown.
    """

    train_inputs: np.ndarray
    train_targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray
    classes: list[str]
    source: str
    texts: pa.Table | None = None
    vocabulary: list[str] | None = None

    def save(self, folder: Path, identity: dict) -> None:
        """Make `folder` with the tensors, the card, and the texts and vocabulary if there are any; whole or not at all.

        What was in `folder` before is gone.
        """
        with _whole_folder(folder) as partial:
            # safetensors makes its file private; `whole` makes it as readable as the others
            with whole(partial / TENSORS) as file:
                save_file(self._tensors, file)
            if self.texts is not None:
                parquet.write_table(self.texts, partial / TEXTS)
            if self.vocabulary is not None:
                write_json(partial / VOCABULARY, self.vocabulary)
            checksums = {path.name: sha256(path) for path in sorted(partial.iterdir())}
            write_json(partial / CARD, identity | self._description | {"sha256": checksums})

    @property
    def _tensors(self) -> dict[str, np.ndarray]:
        return {
            f"{split}_{part}": np.ascontiguousarray(getattr(self, f"{split}_{part}"))
            for split in ("train", "test")
            for part in ("inputs", "targets")
        }

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
        return description if self.vocabulary is None else description | {"vocabulary_size": len(self.vocabulary)}


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder`, renamed to `folder` only when the block ends without an error."""
    partial = folder.with_name(f".{folder.name}.part")
    # There from an attempt that was killed
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load(folder: Path, split: str, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The first `rows` (all where None) inputs and targets of a split. UserError when there are fewer, or on damage."""
    try:
        with safe_open(folder / TENSORS, framework="numpy") as file:
            parts = [file.get_slice(f"{split}_{part}") for part in ("inputs", "targets")]
            available = parts[1].get_shape()[0]
            if rows is not None and rows > available:
                raise UserError(
                    f"params.yaml: {split}_rows is {rows}, but {folder} has only {available} rows; ask for fewer"
                )
            inputs, targets = (part[: rows or available] for part in parts)
            return inputs, targets
    except (SafetensorError, OSError) as error:
        raise UserError(f"{folder / TENSORS} is damaged ({error}): delete {folder} and run again") from error


def card(folder: Path) -> dict:
    """The data card of a prepared dataset."""
    return read_json(folder / CARD)
