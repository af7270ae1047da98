"""What a bundle says of its study, its experiments and its cells: manifest.json."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, field_validator

from regrade.cells.layout import RESULTS, Status
from regrade.config.looks import Looks
from regrade.config.settings import RECORDING
from regrade.config.study import Select
from regrade.config.types import Count, Name, Positive, Section, Seed, Value, distinct
from regrade.core.files import short_hash
from regrade.datasets.identity import DataIdentity

# Raised when a file of a bundle changes its meaning; older and newer bundles are refused
SCHEMA: Final = 1
FULL: Final = "full"
NOT_AT_FULL_PROTOCOL: Final = "not at full protocol"
OTHER_PROTOCOL: Final = "other protocol"
# Metrics that depend on the network alone
COUNTS = frozenset({"parameters", "trainable_parameters", "layer_sizes"})
FINISHED = ("done", "diverged")
StandingName = Literal["full", "not at full protocol", "other protocol"]


# Enough for any test set; which numbers of rows fit the reported numbers is tried one by one
Rows = Annotated[int, Field(gt=0, le=10**7)]
# A cell's name is part of the names of files, which get up to 20 bytes more; a bundle may come from anywhere
CellName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=-][A-Za-z0-9._+=-]*$", max_length=230)]


class Standing(Section):
    """How a cell stands to its source's protocol, and what deviates."""

    name: StandingName = FULL
    """`full`, `not at full protocol` or `other protocol`."""
    why: str = ""
    """What deviates."""
    same_network: bool = True
    """Whether the network has the source's parameters."""

    def of(self, *metrics: str | Mapping[str, Value]) -> "Standing":
        """The standing of these metrics: counts of parameters depend on no training."""
        counted = all(isinstance(metric, str) and metric in COUNTS for metric in metrics)
        return Standing() if counted and self.same_network else self


class BundledExperiment(Section):
    """An experiment: its title, and how its cells take over settings from a winner."""

    title: str
    """Title in the report."""
    select: Select | None = None
    """Settings taken over from the winner of another experiment."""
    converged_at: float | None = None
    """The accuracy that counts as converged."""
    converged_on: str = "evaluated"
    """Which accuracy that is."""
    caps: dict[Name, int] = Field({})
    """What the scale caps in this experiment beyond what it caps in all."""


class BundledCell(Section):
    """A cell as grading and reporting know it."""

    study: Name
    """The study."""
    experiment: Name
    """The experiment."""
    name: CellName
    """The cell's name, distinct within its experiment; of letters, digits and ._+=-, without a dot at its beginning."""
    status: Status
    """`diverged` where a loss of any run was not finite; `failed` and `missing` cells have no runs."""
    error: str | None = None
    """The error of a cell that failed."""
    varying: dict[str, Value] = Field({})
    """The settings that vary between the cells of the experiment."""
    settings: dict[str, Value] = Field({})
    """All settings that are known, defaults and what was taken over from a winner included."""
    names: dict[Name, dict[Name, Value]] = Field({})
    """Words for values of settings, as in `params.yaml`."""
    seeds: Annotated[list[Seed], AfterValidator(distinct)] = Field([])
    """The seeds that the cell was trained with; before it is, those that are asked for."""
    scale: str = "paper"
    """The scale that it was trained at."""
    standing: Standing = Standing()
    """How it stands to the source's protocol."""
    dataset: str = ""
    """The dataset; cells of the same one are compared row by row."""
    source: str = ""
    """Where its rows come from, as a sentence for the report."""
    own_rows: bool = True
    """Whether it is evaluated on other rows than the source's."""
    classes: Count | None = None
    """How many classes there are; none for a language model."""
    language: bool = False
    """Whether it is a language model."""
    evaluated: Literal["test", "validation"] = "test"
    """The rows that it is evaluated on, after which its metrics are called."""
    rows: dict[Name, Rows] = Field({})
    """By split, how many rows the source's shares are of, where `params.yaml` says it."""
    asked_epochs: Positive | None = None
    """Epochs at full protocol."""
    same_as: str = ""
    """Equal for cells of equal configurations, in whichever experiment they stand."""
    follows: Name | None = None
    """The experiment from whose winner it takes over settings."""
    taken_over: dict[str, Value] = Field({})
    """These settings, once they are known."""
    pending: list[Name] = Field([])
    """Their names, as long as the winner is not known."""
    configuration: dict[str, Any] = Field({})
    """The configuration that it was trained with; see docs/results.md."""

    @field_validator("configuration")
    @classmethod
    def _settings_have_names(cls, configuration: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(configuration.get("settings", {}), dict):
            raise ValueError("settings: must be an object, with a value for each setting")
        return configuration

    @cached_property
    def folder(self) -> Path:
        """Where the workflow keeps the cell's files; it names the cell in all tables."""
        return RESULTS / self.study / self.experiment / self.name

    @cached_property
    def trained_as(self) -> str:
        """Equal for cells that are trained in the same way, whatever they record; empty where nobody says how."""
        if not self.configuration:
            return self.same_as
        left_out = {"network", "dataset", *RECORDING}  # names, of what the rest says in full
        settings = {key: value for key, value in self.configuration.get("settings", {}).items() if key not in left_out}
        return short_hash(self.configuration | {"settings": settings})

    @property
    def trained(self) -> bool:
        """Whether it has runs."""
        return self.status in FINISHED

    @property
    def known_settings(self) -> set[str]:
        """The settings that a line of reported.csv may name."""
        return {*self.settings, *self.pending, *self.configuration.get("settings", ())}

    @cached_property
    def data(self) -> DataIdentity:
        """What its rows are made of. ValueError for a cell of which nobody says so."""
        return DataIdentity.model_validate(self.configuration.get("data", {}))

    def valued(self, settings: Mapping[str, Value]) -> dict[str, Value]:
        """Settings as claims.yaml and the like name them, with values in place of the experiment's words for them."""
        return {
            key: self.names.get(key, {}).get(value, value) if isinstance(value, str) else value
            for key, value in settings.items()
        }


class Manifest(Section):
    """What a bundle is about; all that grading needs beside the runs and the source's claims and numbers."""

    schema_version: Literal[1]
    """Version of the format."""
    study: Name
    """The study."""
    title: str
    """Title of the report."""
    source: str
    """The report that is reproduced."""
    assumptions: list[str] = Field([])
    """What had to be assumed."""
    scale: str
    """The scale that was run."""
    commits: list[str] = Field([])
    """The commits of Regrade that trained the runs, where they are recorded."""
    caps: dict[Name, int] = Field({})
    """What the scale caps in all experiments."""
    looks: Looks
    """When claims are judged."""
    looks_planned: bool = True
    """Whether they were planned before the runs; if not, there is one, which follows from the runs."""
    experiments: dict[Name, BundledExperiment]
    """Experiments by name."""
    cells: list[BundledCell]
    """Every cell that was asked for, trained or not."""
    sha256: dict[str, str] = Field({})
    """Checksums of the tables."""
