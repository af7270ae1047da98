"""params.yaml as typed objects. Whatever is wrong with it is said in one sentence, before any job starts."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from regrade.errors import UserError
from regrade.yaml_files import number

# A name becomes a part of files' names, of which a file system allows 255 bytes
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
# Whole numbers are kept in 32 bits by some of the files, and real ones in float32 by the networks
_NUMBER = BeforeValidator(number)
Whole = Annotated[int, Field(ge=0, lt=2**31), _NUMBER]
Count = Annotated[int, Field(gt=0, lt=2**31), _NUMBER]
# Of units and the like: what a machine's memory can hold is for the machine to say
Size = Annotated[int, Field(gt=0, le=10**15), _NUMBER]
Real = Annotated[float, Field(ge=-1e30, le=1e30), _NUMBER]
NonNegative = Annotated[float, Field(ge=0, le=1e30), _NUMBER]
Positive = Annotated[float, Field(gt=0, le=1e30), _NUMBER]
Share = Annotated[float, Field(ge=0, lt=1), _NUMBER]
Value = Annotated[int | float | str | bool, _NUMBER]
# Names that studies cannot have: rules and folders are called train_<study> and reports/<study>
NOT_STUDIES = {"all": "the rule train_all", "assets": "the folder reports/assets"}
LayerTemplate = str | dict[Name, dict[Name, Value | None]]
Metric = Literal[
    "test_accuracy_best_epoch",
    "test_accuracy_cross_fitted",
    "test_accuracy_last_epoch",
    "validation_accuracy_best_epoch",
]


def _distinct(values: list) -> list:
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"{json.dumps(value)} is there twice; remove one")
    return values


Seeds = Annotated[list[Whole], AfterValidator(_distinct)]


class Section(BaseModel):
    """A mapping of params.yaml: no key but those declared, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Caps(Section):
    """Caps on what an experiment asks for."""

    epochs: Count | None = None
    train_rows: Count | None = None
    test_rows: Count | None = None
    validation_rows: Count | None = None
    max_length: Count | None = Field(None, description="tokens of a text, where the experiment has this setting")


class AtMost(Caps):
    """Caps on what all studies ask for."""

    seeds: Count | None = Field(None, description="number of seeds, taken from the front of the list")


class Scale(Section):
    """How much of the source's protocol is run, and on which data."""

    data: Literal["real", "stand_in"]
    at_most: AtMost = AtMost()
    cells_per_job: Count | None = Field(None, description="at this scale, instead of the general number")


class DataFile(Section):
    """A file of a dataset's publisher: its addresses, tried in order, and its checksum."""

    urls: Annotated[list[str], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Dataset(Section):
    """A publisher's raw files; settings that every cell on the dataset of this name has; how to fit word vectors."""

    files: dict[FileName, DataFile] = {}
    options: dict[Name, Value] = {}
    word_vectors: dict[Name, Count] | None = None


class Settings(Section):
    """The settings of a cell that every network has in common; all others belong to its network, as $name."""

    dataset: Name
    network: Name
    train_rows: Count | None = Field(None, description="rows used, from the front; all where absent")
    test_rows: Count | None = None
    train_rows_cap: Count | None = Field(None, description="set by the scale where train_rows is not: rows at most")
    test_rows_cap: Count | None = None
    validation_rows: Whole = Field(
        0, description="rows held out from the end of the training rows; evaluated in place of the test rows"
    )
    backend: Literal["torch", "numpy"] = "torch"
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    optimizer: Literal["sgd", "rmsprop", "adam", "adagrad"]
    lr: Positive
    momentum: Share = 0.0
    clip_value: NonNegative = Field(0.0, description="largest size of a gradient's element; 0 = any")
    clip_norm: NonNegative = Field(0.0, description="largest norm of all gradients together; 0 = any")
    l2: NonNegative = Field(0.0, description="times a kernel is added to its gradient")
    gradient_norm: bool = Field(False, description="whether the mean norm of the gradients is recorded")
    batch_size: Count | None = None
    batch_tokens: Count | None = Field(
        None, description="instead of batch_size, for rows of different lengths: tokens of a batch, padding included"
    )
    epochs: Count
    evaluate_every: Annotated[float, Field(ge=0.001, le=1e9), _NUMBER] = Field(
        1.0, description="epochs between evaluations; 0.1 for ten in an epoch"
    )

    @property
    def evaluated(self) -> str:
        """The split that evaluations are on: validation where rows are held out, else test."""
        return "validation" if self.validation_rows else "test"

    @property
    def stackable(self) -> bool:
        """Whether the batches of several runs have the same shape; those of rows of similar length have not."""
        return self.batch_tokens is None

    @model_validator(mode="after")
    def _momentum_is_of_sgd(self) -> "Settings":
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum {self.momentum:g} with the optimizer {self.optimizer}: only sgd has a momentum")
        return self

    @model_validator(mode="after")
    def _batches_have_a_size(self) -> "Settings":
        if (self.batch_size is None) == (self.batch_tokens is None):
            raise ValueError("give one of batch_size and batch_tokens")
        return self

    @model_validator(mode="after")
    def _evaluations_divide_epochs(self) -> "Settings":
        times = self.evaluate_every if self.evaluate_every >= 1 else 1 / self.evaluate_every
        if abs(times - round(times)) > 1e-9:
            raise ValueError(f"evaluate_every {self.evaluate_every:g}: neither whole epochs nor a whole part of one")
        return self

    @model_validator(mode="after")
    def _numpy_can_do_it(self) -> "Settings":
        if self.backend == "numpy" and (
            self.optimizer != "sgd" or self.momentum or self.clip_value or self.clip_norm or self.gradient_norm
        ):
            raise ValueError("the numpy backend has plain sgd only, without momentum, clipping and gradient_norm")
        return self


class Select(Section):
    """Settings taken over from the winner of another experiment of the study."""

    source: Name = Field(alias="from")
    settings: Annotated[list[Name], Field(min_length=1), AfterValidator(_distinct)]
    same: list[Name] = Field([], description="settings in which a candidate must agree with the cell")
    by: Metric
    winner: Literal["measured", "reported"]
    epochs: Literal["best"] | None = Field(
        None, description="best: trained for as many epochs as the measured winner needed to be at its best"
    )

    @model_validator(mode="after")
    def _epochs_are_measured(self) -> "Select":
        if self.epochs and self.winner == "reported":
            raise ValueError("epochs: best needs winner: measured; a reported winner's best epoch is not known")
        return self

    @model_validator(mode="after")
    def _alike_are_measured(self) -> "Select":
        if self.same and self.winner == "reported":
            raise ValueError("same needs winner: measured; the reported winner is that of the whole experiment")
        return self


class Experiment(Section):
    """Fixed settings, and a grid or a list of cells over the others, or variations around the fixed ones."""

    title: str
    like: Name | None = None
    settings: dict[Name, Value] = {}
    grid: Annotated[dict[Name, Annotated[list[Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    cells: Annotated[list[Annotated[dict[Name, Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    around: Annotated[dict[Name, Annotated[list[Value], Field(min_length=1)]], Field(min_length=1)] | None = Field(
        None, description="each of these settings varied by itself, the others as fixed under settings"
    )
    select: Select | None = None
    at_most: dict[Name, Caps] = Field({}, description="further caps of this experiment, by scale")
    converged_at: Annotated[float, Field(gt=0, le=1), _NUMBER] | None = Field(
        None, description="accuracy on the evaluated rows from which a run counts as converged"
    )

    @model_validator(mode="after")
    def _one_way_to_write_cells(self) -> "Experiment":
        given = [name for name in ("grid", "cells", "around") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"has both {' and '.join(given)}; keep one of them")
        if self.cells and len({frozenset(cell) for cell in self.cells}) > 1:
            raise ValueError("its cells do not all name the same settings; give each cell every setting that varies")
        return self


class Study(Section):
    """A report: its networks and its experiments."""

    title: str
    source: str
    conventions: Literal["keras", "torch"]
    assumptions: list[str] = []
    networks: dict[Name, Annotated[list[LayerTemplate], Field(min_length=1)]]
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]


class Params(Section):
    """All of params.yaml."""

    scale: str
    seeds: Annotated[Seeds, Field(min_length=1)]
    device: Literal["auto", "cpu", "cuda"]
    keep_models: Seeds
    jobs_per_gpu: Count
    threads: Count
    cells_per_job: Count
    checkpoint_seconds: NonNegative
    scales: dict[Name, Scale]
    datasets: dict[Name, Dataset]
    studies: Annotated[dict[Name, Study], Field(min_length=1)]

    @model_validator(mode="after")
    def _scale_is_known(self) -> "Params":
        if self.scale not in self.scales:
            raise ValueError(f"scale: {self.scale!r} is none of {', '.join(self.scales)}")
        return self

    @model_validator(mode="after")
    def _caps_are_of_known_scales(self) -> "Params":
        for study, content in self.studies.items():
            for name, experiment in content.experiments.items():
                for scale in experiment.at_most.keys() - self.scales.keys():
                    raise ValueError(
                        f"studies.{study}.experiments.{name}.at_most: {scale!r} is none of {', '.join(self.scales)}"
                    )
        return self

    @model_validator(mode="after")
    def _kept_models_are_of_seeds(self) -> "Params":
        for seed in self.keep_models:
            if seed not in self.seeds:
                raise ValueError(f"keep_models: {seed} is none of the seeds, so it is not trained; remove it or add it")
        return self

    @model_validator(mode="after")
    def _names_of_studies_are_free(self) -> "Params":
        for name in self.studies:
            if name in NOT_STUDIES:
                raise ValueError(f"studies.{name}: this name is taken by {NOT_STUDIES[name]}; rename the study")
        return self

    @property
    def present_scale(self) -> Scale:
        """The scale that `scale` names."""
        return self.scales[self.scale]

    @property
    def present_cells_per_job(self) -> int:
        """How many cells a training job may have at the present scale."""
        return self.present_scale.cells_per_job or self.cells_per_job

    @property
    def present_seeds(self) -> list[int]:
        """The seeds, cut to what the present scale allows."""
        return self.seeds[: self.present_scale.at_most.seeds]


def parse(config: dict) -> Params:
    """`config` (params.yaml with its overlays) as typed parameters; UserError with the key's path otherwise."""
    try:
        return Params.model_validate(config)
    except ValidationError as error:
        path, complaint = first_mistake(error)
        raise UserError(f"params.yaml: {path}: {complaint}" if path else f"params.yaml: {complaint}") from None


def first_mistake(error: ValidationError) -> tuple[str, str]:
    """The dotted path of the first mistake in `error`, and what is wrong there, with the number of further mistakes."""
    mistakes = error.errors()
    # A value that fits none of a union's types is reported once per type: the deepest complaint is the useful one
    first = max(
        mistakes, key=lambda mistake: len(mistake["loc"]) if _path(mistake)[:4] == _path(mistakes[0])[:4] else 0
    )
    path = ".".join(_path(first))
    more = {".".join(_path(mistake)) for mistake in mistakes} - {path}
    count = f" ({len(more)} more mistake{'s' * (len(more) > 1)} after this one)" if more else ""
    return path, _complaint(first) + count


_UNION_TAGS = {"int", "float", "str", "bool", "[key]"}
_UNION_TAG_BEGINS = ("function-before[", "constrained-", "literal[", "dict[")


def _path(mistake: dict) -> list[str]:
    # A sentence has no line breaks, whatever a key has
    return [str(part).replace("\n", "\\n") for part in mistake["loc"] if not _is_union_tag(str(part))]


def _is_union_tag(part: str) -> bool:
    return part in _UNION_TAGS or part.startswith(_UNION_TAG_BEGINS)


def _complaint(mistake: dict) -> str:
    value, context = mistake["input"], mistake.get("ctx", {})
    shown = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    match mistake["type"]:
        case "extra_forbidden":
            return "there is no such key; correct or remove it"
        case "missing":
            return "this key is missing; add it"
        case "literal_error":
            return f"{shown} is none of {context['expected']}"
        case "union_tag_invalid":
            return f"{context['tag']!r} is none of the layers {context['expected_tags']}"
        case "value_error":
            return str(context["error"])
        case "too_short":
            return "must not be empty"
        case "string_pattern_mismatch":
            return f"{shown} does not have the form {context['pattern']}"
        case "none_required":
            return f"{shown} has no meaning here; remove this key"
        case "finite_number":
            return f"{shown} is no finite number"
    message = mistake["msg"].removeprefix("Input ").replace("valid integer", "whole number")
    return f"{shown if len(shown) < 80 else 'the value'} {message}"


def schema() -> dict:
    """The JSON schema of params.yaml, for Snakemake's `validate` and for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Params.model_json_schema(by_alias=True)}


def schema_path() -> Path:
    """Where the generated schema is kept: workflow/schemas/."""
    return Path(__file__).resolve().parents[2] / "schemas" / "params.schema.json"
