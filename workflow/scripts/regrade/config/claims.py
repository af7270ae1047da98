"""What a report claims, as data: workflow/studies/<study>/claims.yaml. How claims are tested: docs/statistics.md."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from regrade.config.messages import first_mistake
from regrade.config.reported import STUDIES
from regrade.config.types import Name, NonNegative, Positive, Real, Section, Value
from regrade.core import yaml_files
from regrade.core.errors import UserError

# The settings that name a cell, with `experiment` where it is another than the test's, or `winner: true` for the cell
# with the highest mean among those that the other settings leave
Reference = dict[Name, Value]


class _Test(Section):
    """A statement about cells of an experiment and a metric; `each`: made for all combinations of these values."""

    experiment: Name
    metric: str | dict[Name, Value] = "test_accuracy_best_epoch"
    each: dict[Name, Annotated[list[Value], Field(min_length=1)]] = Field({})


class Compare(_Test):
    """`cell` has a greater (less) metric than `than`; not_greater: not by `margin` or more."""

    kind: Literal["greater", "less", "not_greater"]
    cell: Reference
    than: Reference
    margin: NonNegative = 0.0


class Order(_Test):
    """Each of `cells` has a greater metric than the next."""

    kind: Literal["order"]
    cells: Annotated[list[Reference], Field(min_length=2)]


class Best(_Test):
    """`cell` has the highest (lowest) metric of all cells of the experiment, or of those with the settings `among`."""

    kind: Literal["best"]
    cell: Reference
    among: Reference = Field({})
    goal: Literal["highest", "lowest"] = "highest"


class Trend(_Test):
    """The metric rises (falls) with the numeric settings `over`; they are fitted together, straight or by logarithm."""

    kind: Literal["trend"]
    over: Annotated[list[Name], Field(min_length=1)]
    cells: Reference = Field({})
    at_least: dict[Name, Real] = Field({}, description="only cells whose settings are at least these")
    at_most: dict[Name, Real] = Field({}, description="only cells whose settings are at most these")
    scale: Literal["linear", "log"] = "log"
    direction: Literal["up", "down"] = "up"


class Threshold(_Test):
    """The metric of each of the cells with these settings is within bounds, `at_least` or `at_most` or both."""

    kind: Literal["threshold"]
    cells: Reference = Field({})
    at_least: Real | None = None
    at_most: Real | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> "Threshold":
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self


class Equivalent(_Test):
    """Two cells, or any two of the cells with these settings, differ by less than `margin`."""

    kind: Literal["equivalent"]
    cell: Reference | None = None
    than: Reference | None = None
    cells: Reference = Field({})
    at_least: dict[Name, Real] = Field({}, description="only cells whose settings are at least these")
    margin: Positive

    @model_validator(mode="after")
    def _two_or_all(self) -> "Equivalent":
        if (self.cell is None) != (self.than is None):
            raise ValueError("give both cell and than, or neither and cells")
        return self


class Stated(_Test):
    """The metric of each of these cells is what reported.csv states, give or take `margin` (0: exactly)."""

    kind: Literal["stated"]
    cells: Reference = Field({})
    margin: NonNegative = 0.0


Test = Annotated[Compare | Order | Best | Trend | Threshold | Equivalent | Stated, Field(discriminator="kind")]


class Claim(Section):
    """A claim: it holds when all its tests do."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    claim: str
    tests: Annotated[list[Test], Field(min_length=1)]
    figures: list[str] = Field([], description="what shows it: anchors in the study's page, figure-06 or table-1")
    note: str = ""


class Claims(Section):
    """All that a study's source claims, and in what it disagrees with itself."""

    claims: list[Claim]
    discrepancies: list[str] = Field([])

    @model_validator(mode="after")
    def _ids_are_distinct(self) -> "Claims":
        ids = [claim.id for claim in self.claims]
        if twin := next((name for name in ids if ids.count(name) > 1), None):
            raise ValueError(f"the claim {twin} is there twice; rename one")
        return self


def path(study: str) -> Path:
    """Where the study's claims are kept."""
    return STUDIES / study / "claims.yaml"


def read(study: str) -> Claims:
    """A study's claims; none without a file. UserError names file and key of what is wrong."""
    file = path(study)
    if not file.exists():
        return Claims(claims=[])
    try:
        return Claims.model_validate(yaml_files.read(file))
    except ValidationError as error:
        where, complaint = first_mistake(error)
        raise UserError(f"{file}: {where}: {complaint}" if where else f"{file}: {complaint}") from None
