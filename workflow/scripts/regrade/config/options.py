"""The base of a dataset's own settings: how it is prepared and read."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# How many of something are generated: the limit is more than any study asks for, and still fits into memory
Many = Annotated[int, Field(gt=0, le=10_000_000)]


class DatasetOptions(BaseModel):
    """Settings of a cell: none but those declared, none of another type.

    Not a `regrade.config.types.Section`: prepared data are named by the code that makes them, and a change there must
    not rename them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
