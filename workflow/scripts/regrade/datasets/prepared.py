"""Prepared datasets: tensors in one safetensors file, and beside it a card that says what they are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from regrade.errors import UserError
from regrade.files import read_json, sha256, whole, write_json

TENSORS = "tensors.safetensors"
CARD = "card.json"


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for training.

    `train_inputs`, `test_inputs`: one row per example. `train_targets`, `test_targets`: (rows,) int64 class indices.
    `source`: one sentence for the report on where the rows come from.
    """

    train_inputs: np.ndarray
    train_targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray
    classes: list[str]
    source: str

    def save(self, folder: Path, identity: dict) -> None:
        """Write the tensors and the card into `folder`."""
        tensors = {
            f"{split}_{part}": np.ascontiguousarray(getattr(self, f"{split}_{part}"))
            for split in ("train", "test")
            for part in ("inputs", "targets")
        }
        with whole(folder / TENSORS) as partial:
            save_file(tensors, partial)
        card = {
            **identity,
            "source": self.source,
            "classes": self.classes,
            "tensors": {
                name: {"shape": list(tensor.shape), "type": str(tensor.dtype)} for name, tensor in tensors.items()
            },
            "rows_per_class": {
                split: np.bincount(tensors[f"{split}_targets"], minlength=len(self.classes)).tolist()
                for split in ("train", "test")
            },
            "sha256": {TENSORS: sha256(folder / TENSORS)},
        }
        write_json(folder / CARD, card)


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
