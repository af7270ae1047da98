"""What a report claims, as data: workflow/studies/<study>/claims.yaml. How claims are tested: docs/statistics.md."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, ValidationInfo, model_validator

from regrade.config import studies
from regrade.config.messages import Where, further, refuse
from regrade.config.salvage import salvage
from regrade.config.types import ClaimId, Count, Name, NonNegative, Positive, Real, Section, Value
from regrade.core import yaml_files
from regrade.core.errors import UserError

# The settings that name a cell, with `experiment` where it is another than the test's. Among the cells that they leave,
# `winner: true` is the one with the best mean, and `winner: selected` the one whose settings the test's experiment
# took over by its `select`
Reference = dict[Name, Value]
SELECTED = "selected"
# What a statement is about: the mean over all runs, or what most runs do
Estimand = Literal["mean", "runs"]
# Metrics that are numbers of epochs
EPOCHS = ("epochs_to_converge", "best_epoch")
# Who makes a claim: the source in its prose; its tables and figures, read by us; we, going beyond the source
Origin = Literal["stated", "table", "ours"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)


class _Test(Section):
    """A statement about cells of an experiment and a metric."""

    experiment: Name
    """The experiment whose cells are meant."""
    metric: str | dict[Name, Value] = "test_accuracy_best_epoch"
    """A metric of runs, or a measure of a learning curve: `{measure: epoch_of_lowest, of: test_loss}`."""
    each: dict[Name, Literal["all"] | Annotated[list[Value], Field(min_length=1)]] = Field({})
    """Lists of values by setting, or `all` for every value that the setting has in the experiment; the statement is
    made for every combination of them.
    """
    estimand: Estimand | None = None
    """`mean`: the mean over all runs is as claimed; `runs`: most runs are. By default `runs` for `threshold`, `stated`,
    epochs and measures of curves; else `mean`.
    """

    @property
    def about(self) -> Estimand:
        """The estimand, or what it is by default."""
        of_runs = not isinstance(self.metric, str) or self.metric in EPOCHS
        return self.estimand or ("runs" if of_runs else "mean")


class _Bounded(_Test):
    """A number is within bounds: `at_least`, `at_most` or both."""

    at_least: Real | None = None
    """Lower bound."""
    at_most: Real | None = None
    """Upper bound."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self


class Compare(_Test):
    """The difference of two cells, the metric of `cell` minus that of `than`, is in a range."""

    kind: Literal["greater", "less", "not_greater"]
    """`greater`: the difference is above `margin`; `less`: below -`margin`; `not_greater`: below `margin`."""
    cell: Reference
    """The cell that is compared."""
    than: Reference
    """The cell that it is compared with."""
    margin: NonNegative = 0.0
    """Not negative, in the unit of the metric."""


class Ratio(_Bounded):
    """The metric of `cell` divided by that of `than`, a ratio of seconds, epochs or losses, is within bounds."""

    kind: Literal["ratio"]
    cell: Reference
    """The cell that is compared."""
    than: Reference
    """The cell that it is compared with."""


class Order(_Test):
    """Each of `cells` has a greater metric than the next."""

    kind: Literal["order"]
    cells: Annotated[list[Reference], Field(min_length=2)]
    """The cells, the highest first."""


class Best(_Test):
    """`cell` has a higher (lower) metric than every other cell."""

    kind: Literal["best"]
    cell: Reference
    """The cell that is the best."""
    among: Reference = Field({})
    """Settings of the other cells; all cells of the experiment if absent."""
    goal: Literal["highest", "lowest"] = "highest"
    """Whether the best is the `highest` or the `lowest`."""


class Trend(_Test):
    """The metric rises (falls) with each of the settings `over`, in a least-squares fit over all of them."""

    kind: Literal["trend"]
    over: Annotated[list[Name], Field(min_length=1)]
    """Numeric settings."""
    cells: Reference = Field({})
    """Settings of the cells; all cells of the experiment if absent."""
    at_least: dict[Name, Real] = Field({})
    """Lowest values by setting; cells below are left out."""
    at_most: dict[Name, Real] = Field({})
    """Highest values by setting; cells above are left out."""
    scale: Literal["linear", "log"] = "log"
    """`log`: the slope per doubling of a setting; `linear`: the change from its lowest to its highest value, along a
    straight line.
    """
    direction: Literal["up", "down"] = "up"
    """`up` or `down`."""


class Threshold(_Bounded):
    """The metric of each of these cells is within bounds: `at_least`, `at_most` or both."""

    kind: Literal["threshold"]
    cells: Reference = Field({})
    """Settings of the cells; all cells of the experiment if absent."""

    @property
    def about(self) -> Estimand:
        """The estimand, or what it is by default."""
        return self.estimand or "runs"


class Equivalent(_Test):
    """Two cells, or any two of several, differ by less than `margin`."""

    kind: Literal["equivalent"]
    cell: Reference | None = None
    """The cell that is compared."""
    than: Reference | None = None
    """The cell that it is compared with."""
    cells: Reference = Field({})
    """Instead of `cell` and `than`: settings of the cells of which every two are compared."""
    first: Reference | None = None
    """The first of these cells, in the order of `params.yaml`; those before it are left out."""
    at_least: dict[Name, Real] = Field({})
    """Lowest values by setting; cells below are left out."""
    margin: Positive
    """Positive, in the unit of the metric."""

    @model_validator(mode="after")
    def _two_or_all(self) -> "Equivalent":
        if (self.cell is None) != (self.than is None):
            raise ValueError("give both cell and than, or neither and cells")
        return self


class Stated(_Test):
    """The metric of each of these cells is what `reported.csv` states, give or take `margin`."""

    kind: Literal["stated"]
    cells: Reference = Field({})
    """Settings of the cells; all cells of the experiment if absent."""
    margin: NonNegative = 0.0
    """Largest difference from the stated value; 0: none at all."""

    @property
    def about(self) -> Estimand:
        """The estimand, or what it is by default."""
        return self.estimand or "runs"


Test = Annotated[Compare | Ratio | Order | Best | Trend | Threshold | Equivalent | Stated, Field(discriminator="kind")]


class Claim(Section):
    """A claim: it holds when all its tests do."""

    id: ClaimId
    """Short name: lower-case words joined by hyphens."""
    claim: str
    """The claim as a sentence."""
    origin: Origin
    """Who makes it: `stated`, the source in its prose; `table`, its tables and figures, read by us; `ours`."""
    place: str = Field(min_length=1)
    """Where in the source: section 4.1.2, table 7, figure 15; for a claim of ours, which part of it. Claims are grouped
    by the section, or by the words before the first comma.
    """
    quote: str = ""
    """The source's own sentence, word for word; … where words are left out."""
    tests: Annotated[list[Test], Field(min_length=1)]
    """Statements that must all hold."""
    figures: list[str] = Field([])
    """Anchors in the study's page that show it: `figure-06`, `table-1`."""
    note: str = ""
    """A remark shown beside the claim."""
    presumes: str = ""
    """What its verdict rests on that the source leaves open, or in doubt; the findings count such verdicts."""
    amended: str = ""
    """How its tests were changed after runs had been seen, and why: what they were wrong about. Or why the whole claim
    was added only then."""


class Claims(Section):
    """All that a study's source claims, in what we depart from it, and in what it disagrees with itself."""

    claims: list[Claim]
    """The claims."""
    departures: list[str] = Field([])
    """What is done otherwise than in the source, and why; sentences that open the study's page."""
    rows: dict[Name, Count] = Field({})
    """By experiment, the number of rows that the source's accuracies are shares of, where `test_rows` or
    `validation_rows` of `params.yaml` is absent or another number.
    """
    discrepancies: list[str] = Field([])
    """Where the source contradicts itself, as sentences for the report."""

    @model_validator(mode="after")
    def _ids_are_distinct(self, info: ValidationInfo) -> "Claims":
        counts = Counter(claim.id for claim in self.claims)
        refuse((f"the claim {name} is there twice; rename one" for name, count in counts.items() if count > 1), info)
        return self


def path(study: str) -> Path:
    """Where the study's claims are kept."""
    return studies.folder(study) / "claims.yaml"


def read(study: str) -> Claims:
    """A study's claims; none without a file. UserError names file and key of what is wrong."""
    content, mistakes = salvaged(study)
    if mistakes:
        raise UserError(f"{mistakes[0]}{further(len(mistakes) - 1)}")
    return content


def salvaged(study: str) -> tuple[Claims, list[UserError]]:
    """A study's claims but those that are wrong, and all mistakes in the file."""
    file, none = path(study), Claims(claims=[])
    if not file.exists():
        return none, []
    try:
        content = yaml_files.read(file)
    except UserError as error:
        return none, [error]
    rest, mistakes = salvage(Claims, content, _part)
    return rest or none, [UserError(": ".join(filter(None, (str(file), ".".join(at), what)))) for at, what in mistakes]


def _part(where: Where) -> int:
    """The whole claim that has a mistake can be left out, or the whole of another section."""
    return (2 if len(where) > 1 else 0) if where[:1] == ("claims",) else len(where[:1])
