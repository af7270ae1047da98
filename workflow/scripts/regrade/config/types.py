"""The types of values in params.yaml, claims.yaml and the like: names, numbers within bounds, sections."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from regrade.core.yaml_files import number

# A name becomes a part of files' names, of which a file system allows 255 bytes
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
# Whole numbers are kept in 32 bits by some of the files, and real ones in float32 by the networks
NUMBER = BeforeValidator(number)
Whole = Annotated[int, Field(ge=0, lt=2**31), NUMBER]
Count = Annotated[int, Field(gt=0, lt=2**31), NUMBER]
# Of units and the like: what a machine's memory can hold is for the machine to say
Size = Annotated[int, Field(gt=0, le=10**15), NUMBER]
Real = Annotated[float, Field(ge=-1e30, le=1e30), NUMBER]
NonNegative = Annotated[float, Field(ge=0, le=1e30), NUMBER]
Positive = Annotated[float, Field(gt=0, le=1e30), NUMBER]
Share = Annotated[float, Field(ge=0, lt=1), NUMBER]
Value = Annotated[int | float | str | bool, NUMBER]
LayerTemplate = str | dict[Name, dict[Name, Value | None]]
Metric = Literal[
    "test_accuracy_best_epoch",
    "test_accuracy_cross_fitted",
    "test_accuracy_last_epoch",
    "validation_accuracy_best_epoch",
]


def distinct(values: list[Any]) -> list[Any]:
    """The values, for pydantic. ValueError for one that is there twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"{json.dumps(value)} is there twice; remove one")
    return values


Seeds = Annotated[list[Whole], AfterValidator(distinct)]


class Section(BaseModel):
    """A mapping of params.yaml: no key but those declared, no value of another type."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
