"""The types of values in params.yaml, claims.yaml and the like: names, numbers within bounds, sections."""

import json
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypeAliasType

from regrade.core.yaml_files import number

_NAME, _FILE_NAME = r"^[a-z][a-z0-9_]*$", r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_ARGUMENT_NAME, _CHECKSUM, _ID = r"^[A-Za-z_][A-Za-z0-9_]*$", r"^[0-9a-f]{64}$", r"^[a-z0-9]+(-[a-z0-9]+)*$"
# What the patterns ask for
FORMS = {
    _NAME: "a name; take a-z, 0-9 and _, a letter first",
    _FILE_NAME: "a plain file name; take letters without accents, digits and . _ -, a letter or digit first",
    _ARGUMENT_NAME: "the name of an argument in Python; take letters without accents, digits and _, no digit first",
    _CHECKSUM: "a SHA-256 checksum; take 64 of 0-9 and a-f",
    _ID: "a claim's id; take words of a-z and 0-9 joined by hyphens",
}
# A name becomes part of file names, for which a file system allows 255 bytes
Name = Annotated[str, Field(pattern=_NAME, max_length=64)]
FileName = Annotated[str, Field(pattern=_FILE_NAME, max_length=200)]
Checksum = Annotated[str, Field(pattern=_CHECKSUM)]
ClaimId = Annotated[str, Field(pattern=_ID)]
# Some files store whole numbers in 32 bits, and networks store real numbers as float32
NUMBER = BeforeValidator(number)
Whole = Annotated[int, Field(ge=0, lt=2**31), NUMBER]
# Of runs from anywhere: some take seeds from a clock. Tables store 64 bits
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(gt=0, lt=2**31), NUMBER]
# For units and the like, where the limit is the machine's memory
Size = Annotated[int, Field(gt=0, le=10**15), NUMBER]
Real = Annotated[float, Field(ge=-1e30, le=1e30), NUMBER]
NonNegative = Annotated[float, Field(ge=0, le=1e30), NUMBER]
Positive = Annotated[float, Field(gt=0, le=1e30), NUMBER]
Share = Annotated[float, Field(ge=0, lt=1), NUMBER]
Value = Annotated[int | float | str | bool, NUMBER]
# What a layer may be given: own networks take lists and mappings, too, and names as Python has them
Argument = TypeAliasType("Argument", "Value | list[Argument] | dict[str, Argument] | None")
ArgumentName = Annotated[str, Field(pattern=_ARGUMENT_NAME, max_length=64)]
LayerTemplate = str | dict[Name, dict[ArgumentName, Argument]]
Metric = Literal[
    "test_accuracy_best_epoch",
    "test_accuracy_cross_fitted",
    "test_accuracy_last_epoch",
    "validation_accuracy_best_epoch",
]


def distinct(values: list[Any]) -> list[Any]:
    """The values unchanged, as a validator of pydantic returns them. ValueError for one that is there twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"{json.dumps(value)} is there twice; remove one")
    return values


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


Seeds = Annotated[list[Whole], AfterValidator(distinct)]


class Section(BaseModel):
    """A mapping of params.yaml: no key but those declared, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
