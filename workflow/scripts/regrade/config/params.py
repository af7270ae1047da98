"""params.yaml as typed objects. A mistake in it is reported in one sentence, before any job starts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, model_validator

from regrade.config.dataset import AnyDataset
from regrade.config.forecast import Forecast
from regrade.config.looks import Look, contradictions
from regrade.config.messages import Where, first_mistake, hint, refuse
from regrade.config.more_seeds import MoreSeeds
from regrade.config.salvage import salvage
from regrade.config.scale import Scale
from regrade.config.settle import Settle
from regrade.config.study import Study, includes
from regrade.config.types import Count, Name, NonNegative, Section, Seeds, Value
from regrade.core.errors import UserError

# Names that studies and datasets cannot have: rules are called train_<study> and prepare_<dataset>, folders
# reports/<study>
NOT_STUDIES = {"all": "the rule train_all", "assets": "the folder reports/assets"}
NOT_DATASETS = {"all": "the rule prepare_all"}


class Params(Section):
    """All of params.yaml."""

    scale: str
    """How much of the sources' protocol is run: the name of an entry of `scales`."""
    seeds: Annotated[Seeds, Field(min_length=1)]
    """Random seeds; every cell is trained once with each."""
    more_seeds: list[MoreSeeds] = Field([])
    """Further seeds of some cells, at any scale."""
    looks: Annotated[list[Look], Field(min_length=1)]
    """When claims are judged: with how many seeds, and what error rate is spent each time; at most 5 % in all."""
    device: Literal["auto", "cpu", "cuda"]
    """`cpu`, `cuda`, or `auto`: a CUDA GPU if there is one, else the CPU."""
    keep_models: Seeds
    """Seeds whose weights are kept."""
    jobs_per_gpu: Count
    """Training jobs that may share a GPU."""
    threads: Count
    """CPU threads of a training job."""
    cells_per_job: Count
    """Cells of an experiment that one training job trains, one after another."""
    audit_worlds: Count
    """Made-up worlds in which each study's verdicts are audited."""
    checkpoint_seconds: NonNegative
    """Least seconds between two checkpoints of a running cell, which are written after evaluations: at the end of an
    epoch, or of every tenth with `evaluate_every: 10`.
    """
    forecast: Forecast
    """How costs are forecast, and what jobs ask a cluster for because of it."""
    settle: Settle
    """What `regrade next` and `snakemake settle` choose further seeds by."""
    scales: dict[Name, Scale]
    """Scales by name."""
    datasets: dict[Name, AnyDataset]
    """Datasets by name."""
    studies: Annotated[dict[Name, Study], Field(min_length=1)]
    """Studies by name."""

    @model_validator(mode="after")
    def _agrees_with_itself(self, info: ValidationInfo) -> "Params":
        refuse(self._contradictions(), info)
        return self

    def _contradictions(self) -> Iterator[str]:
        known = ", ".join(self.scales)
        if self.scale not in self.scales:
            yield f"scale: {self.scale!r} is not one of {known}"
        for study, content in self.studies.items():
            for name, experiment in content.experiments.items():
                where = f"studies.{study}.experiments.{name}"
                for key in ("at_most", "full_at", "keep_models"):
                    for scale in getattr(experiment, key).keys() - self.scales.keys():
                        yield f"{where}.{key}: {scale!r} is not one of {known}"
                for scale, kept in experiment.keep_models.items():
                    yield from self._not_trained(kept, scale, f"{where}.keep_models.{scale}")
        for number, more in enumerate(self.more_seeds):
            yield from self._nowhere(more, f"more_seeds.{number}")
        yield from (f"looks: {complaint}" for complaint in contradictions(self.looks))
        planned = [look.seeds for look in self.looks]
        for seeds in self.settle.looks or ():
            if seeds not in planned:
                yield f"settle.looks: {seeds} is none of the planned looks, {planned}; take one of these"
        yield from self._not_trained(self.keep_models, self.scale, "keep_models")
        for name in self.studies:
            if name in NOT_STUDIES:
                yield f"studies.{name}: this name is taken by {NOT_STUDIES[name]}; rename the study"
        for name in self.datasets:
            if name in NOT_DATASETS:
                yield f"datasets.{name}: this name is taken by {NOT_DATASETS[name]}; rename the dataset"

    def _nowhere(self, more: MoreSeeds, where: str) -> Iterator[str]:
        if more.study not in self.studies:
            yield f"{where}.study: there is no study {more.study!r}{hint(more.study, self.studies)}"
        elif more.experiment not in (known := self.studies[more.study].experiments):
            unknown = f"there is no experiment {more.experiment!r}{hint(more.experiment, known)}"
            yield f"{where}.experiment: {unknown}"

    def _not_trained(self, kept: Seeds, scale: str, where: str) -> Iterator[str]:
        in_full = (scale in self.scales and self.scales[scale].full_seeds) or []
        every = {*self.seeds, *in_full, *(seed for more in self.more_seeds for seed in more.seeds)}
        for seed in kept:
            if seed not in every:
                yield f"{where}: {seed} is not one of the seeds, so it is not trained; remove it or add it"

    @property
    def present_scale(self) -> Scale:
        """The scale that `scale` names."""
        return self.scales[self.scale]

    @property
    def present_cells_per_job(self) -> int:
        """How many cells a training job may have at the present scale."""
        # A job of several would train those that are not trained, too
        if self.settle.only_trained:
            return 1
        return self.present_scale.cells_per_job or self.cells_per_job

    @property
    def present_audit_worlds(self) -> int:
        """In how many worlds verdicts are audited at the present scale."""
        return self.present_scale.audit_worlds or self.audit_worlds

    @property
    def present_seeds(self) -> list[int]:
        """The seeds, cut to what the present scale allows."""
        return self.seeds[: self.present_scale.at_most.seeds]

    @property
    def present_full_seeds(self) -> list[int]:
        """The seeds of cells that the present scale leaves at full protocol."""
        return self.present_scale.full_seeds or self.seeds

    @property
    def settle_looks(self) -> list[int]:
        """Seeds of the planned looks that cells may be topped up to."""
        return self.settle.looks or [look.seeds for look in self.looks]

    def seeds_of(self, study: str, name: str, settings: dict[str, Value], in_full: bool) -> list[int]:
        """The seeds of a cell with these settings, each once; `in_full`: the scale leaves it at full protocol."""
        experiment = self.studies[study].experiments[name]
        first = self.first_seeds(study, name, settings, in_full)
        more = [
            seed
            for one in self.more_seeds
            if (one.study, one.experiment) == (study, name) and includes(settings, experiment.valued(one.cells))
            for seed in one.seeds
        ]
        return list(dict.fromkeys([*first, *more]))

    def first_seeds(self, study: str, name: str, settings: dict[str, Value], in_full: bool) -> list[int]:
        """The seeds of a cell with these settings but those of `more_seeds`."""
        if not in_full:
            return self.present_seeds
        left = self.studies[study].experiments[name].left_in_full(self.scale)
        return self.present_full_seeds[: next(most for some, most in left if includes(settings, some))]

    def of_experiment(self, study: str, name: str) -> "Params":
        """These parameters with the `keep_models` of an experiment at the present scale."""
        kept = self.studies[study].experiments[name].keep_models.get(self.scale, self.keep_models)
        return self.model_copy(update={"keep_models": kept})


def parse(config: dict[str, Any]) -> Params:
    """`config` (params.yaml with its overlays) as typed parameters; UserError with the key's path otherwise."""
    try:
        return Params.model_validate(config)
    except ValidationError as error:
        path, complaint = first_mistake(error, config)
        raise UserError(f"params.yaml: {path}: {complaint}" if path else f"params.yaml: {complaint}") from None


def salvaged(config: dict[str, Any]) -> tuple[Params | None, list[UserError]]:
    """The parameters without the experiments and studies that are wrong, and all mistakes.

    There are no parameters where something is wrong that all studies depend on.
    """
    rest, mistakes = salvage(Params, config, _part)
    return rest, [UserError(": ".join(filter(None, ("params.yaml", ".".join(at), what)))) for at, what in mistakes]


def _part(where: Where) -> int:
    """The whole experiment that has a mistake can be left out, or else the whole study."""
    match where:
        case ("studies", _, "experiments", _, *_):
            return 4
        case ("studies" | "more_seeds", _, *_):
            return 2
        case (key, *_) if key not in Params.model_fields:
            return 1
    return 0


def schema_path() -> Path:
    """Where the JSON schema of params.yaml is kept, which `regrade schema` writes: workflow/schemas/."""
    return Path(__file__).resolve().parents[3] / "schemas" / "params.schema.json"
