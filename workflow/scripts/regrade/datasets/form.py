"""What the rows of a dataset are, known before they are there."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Form:
    """What a dataset's rows are: the shape of a row, None for a length that differs, and how many classes there are.

    `values`: what a row consists of. Bytes become numbers by the layer rescale; token ids are for layers of their own.
    """

    shape: tuple[int | None, ...]
    classes: int
    values: Literal["numbers", "bytes", "ids"] = "numbers"
