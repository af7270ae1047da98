"""What is known of the cells that params.yaml asks for, before any is trained (see regrade.checking.references)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from regrade.bundle import metrics
from regrade.cells.cell import Cell
from regrade.cells.expansion import SET_BY_SCALES, references
from regrade.config import layer_specs
from regrade.config.messages import first_mistake, hint
from regrade.config.settings import Settings
from regrade.config.study import Select
from regrade.config.types import Value
from regrade.datasets import registry

SPLITS = ("test", "validation")
# Columns of a history beside those of the evaluated split, and those of a language model
TRAINED = ("epoch", "train_loss", "train_accuracy", "seconds")
EVALUATED = ("loss", "accuracy", "f1", "correct_even", "correct_odd")
WRITTEN = ("valid_prompted", "valid_free", "valid_long")
# Numbers of a run that are not in its history
OF_RUNS = {"epochs", "parameters", "peak_memory_bytes"}
LAYERS = {spec.model_fields["kind"].annotation.__args__[0]: spec for spec in get_args(get_args(layer_specs.Layer)[0])}


@dataclass(frozen=True)
class Made:
    """Of what the cells of an experiment are made, as far as numbers depend on it.

    `steps`: whether the steps of an epoch can be counted. `kinds`: of the network's layers; None where nobody says it.
    `activations`: whether statistics of them are recorded.
    """

    steps: bool
    language: bool
    kinds: Sequence[str] | None
    selects: bool
    activations: bool


class Asked:
    """The cells of a study by experiment; none of an experiment that is not known."""

    place = "params.yaml"

    def __init__(self, cells: Mapping[str, list[Cell]]):
        self.cells = cells

    def columns(self, experiment: str) -> Collection[str]:
        """The columns of histories that cells of the experiment can have."""
        return {column for split in SPLITS for column in history(self.cells[experiment][0], split)}

    def metrics(self, experiment: str) -> Collection[str]:
        """The metrics that runs of the experiment can have, apart from those that its `converged_at` gives them."""
        return {name for split in SPLITS for name in summary(history(self.cells[experiment][0], split), split)}

    def converges(self, experiment: str) -> bool:
        """Whether the epochs are counted until runs of the experiment have converged."""
        return self.cells[experiment][0].template.experiments[experiment].converged_at is not None

    def select(self, experiment: str) -> Select | None:
        """What the experiment takes over from a winner."""
        return self.cells[experiment][0].template.experiments[experiment].select

    def settings(self, experiment: str) -> Collection[str]:
        """The settings that a row may name: of the cells, taken over from a winner, left at a default."""
        cell = self.cells[experiment][0]
        taken = (*cell.selection.settings, "epochs") if cell.selection else ()
        own = (key for key, value in cell.settings.items() if value is not None)
        return {*own, *taken, *Settings.model_fields} - SET_BY_SCALES

    def made(self, experiment: str) -> Made:
        """Of what the cells are made."""
        cell = self.cells[experiment][0]
        configuration = cell.configuration()
        settings = configuration.settings
        return Made(
            steps=bool(settings.train_rows and settings.batch_size),
            language=registry.task(cell.data.dataset) == "language",
            kinds=[layer.kind for layer in configuration.network],
            selects=cell.selection is not None,
            activations=settings.activation_statistics,
        )

    def impossible(self, experiment: str, key: str, value: Value) -> str | None:
        """Why the setting `key` cannot have this value in the experiment; None where it can."""
        cell = self.cells[experiment][0]
        if key == "dataset":
            known = (*registry.NAMES, cell.data.dataset)
            return None if value in known else f"there is no such dataset{hint(str(value), known)}"
        if key == "network":
            # A template of names, as in network: cnn$layers, is as its cells have it
            networks = {*cell.template.networks, *(str(one.settings["network"]) for one in self.cells[experiment])}
            return None if value in networks else f"there is no such network{hint(str(value), sorted(networks))}"
        if key in Settings.model_fields:
            return of_setting(key, value)
        complaints = [_complaint(model, name, value) for model, name in _uses(cell, key)]
        return complaints[0] if complaints and None not in complaints else None


def of_setting(key: str, value: Value) -> str | None:
    """Why a setting of training cannot have this value; None where it can."""
    return _complaint(Settings, key, value)


def history(cell: Cell, split: str) -> tuple[str, ...]:
    """The columns of the cell's histories, if it evaluated this split."""
    settings = cell.settings
    layers = cell.configuration().network if settings.get("activation_statistics") else ()
    return columns(
        split,
        language=registry.task(cell.data.dataset) == "language",
        norm=bool(settings.get("gradient_norm")),
        means=bool(settings.get("batch_means")),
        convolutions=sum(layer.kind == "convolution" for layer in layers),
    )


def columns(split: str, language: bool, norm: bool, means: bool, convolutions: int) -> tuple[str, ...]:
    """The columns of a history with these records; `convolutions`: of how many there are statistics of activations."""
    trained = (*TRAINED, "gradient_norm") if norm else TRAINED
    if language:
        return *trained, f"{split}_loss", f"{split}_accuracy", *WRITTEN
    of_batches = ("loss_batch_mean", "accuracy_batch_mean") if means else ()
    kinds = ("mean", "std", "blank")
    activations = [f"activation_{kind}_convolution{n}" for n in range(1, convolutions + 1) for kind in kinds]
    return *trained, *(f"{split}_{name}" for name in (*EVALUATED, *of_batches, *activations))


@cache
def summary(columns: tuple[str, ...], split: str) -> frozenset[str]:
    """The metrics that are computed from a history with these columns."""
    return frozenset(metrics.summarise(pd.DataFrame({name: [1.0] for name in columns}), 1, split))


def _uses(cell: Cell, key: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The declared fields that a setting's value goes to: options of the dataset, settings of layers."""
    for model in registry.models(cell.data.dataset, cell.data.format):
        if key in model.model_fields:
            yield model, key
    for network in cell.template.networks.values():
        for setting, kind, name in references(network):
            if setting == key and kind in LAYERS and name in LAYERS[kind].model_fields:
                yield LAYERS[kind], name


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[object]:
    field = model.model_fields[name]
    # mypy knows no types that are put together at run time
    return TypeAdapter(Annotated[field.annotation, field], config=ConfigDict(strict=True))  # type: ignore[arg-type]


@lru_cache(maxsize=None, typed=True)
def _complaint(model: type[BaseModel], name: str, value: Value) -> str | None:
    try:
        _adapter(model, name).validate_python(value)
    except ValidationError as error:
        return first_mistake(error)[1]
    return None
