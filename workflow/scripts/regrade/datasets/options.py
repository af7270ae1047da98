"""The base of each dataset's `Options`: the settings of a cell that decide how the dataset is prepared."""

from pydantic import BaseModel, ConfigDict


class DatasetOptions(BaseModel):
    """Settings of a cell: none but those declared, none of another type.

    Not a `regrade.params.Section`: prepared data are named by the code that makes them, and a change of params.py
    must not rename them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
