"""What each dataset says of itself: the settings of a cell that decide how it is prepared, and what its rows are."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# How many of something are generated: more than any study asks for, and less than a machine cannot hold
Many = Annotated[int, Field(gt=0, le=10_000_000)]


class DatasetOptions(BaseModel):
    """Settings of a cell: none but those declared, none of another type.

    Not a `regrade.params.Section`: prepared data are named by the code that makes them, and a change of params.py
    must not rename them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Form:
    """What a dataset's rows are: the shape of a row, None for a length that differs, and how many classes there are.

    `values`: what a row consists of. Bytes become numbers by the layer rescale; token ids are for layers of their own.
    """

    shape: tuple[int | None, ...]
    classes: int
    values: Literal["numbers", "bytes", "ids"] = "numbers"
