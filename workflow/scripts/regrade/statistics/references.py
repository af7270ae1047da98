"""Whether claims.yaml and reported.csv name only what params.yaml has: a misspelt name would count as not run.

A value that a setting may have, but that no cell has at present, is not a mistake: grids may be made smaller.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Annotated, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from regrade.bundle import metrics
from regrade.cells.cell import Cell
from regrade.cells.expansion import SET_BY_SCALES, references
from regrade.cells.layout import label
from regrade.config import claims, layer_specs, reported
from regrade.config.claims import SELECTED, Best, Compare, Equivalent, Order, Ratio, Reference, Stated, Test, Trend
from regrade.config.messages import first_mistake, hint
from regrade.config.params import Params
from regrade.config.reported import ReportedNumber
from regrade.config.settings import Settings
from regrade.config.study import includes
from regrade.config.types import Value, is_number
from regrade.core.errors import UserError
from regrade.datasets import registry
from regrade.statistics import curves, naming, units, vacuous

# Columns of a history beside those of the evaluated split, and those of a language model
TRAINED = ("epoch", "train_loss", "train_accuracy", "seconds")
EVALUATED = ("loss", "accuracy", "f1", "correct_even", "correct_odd")
WRITTEN = ("valid_prompted", "valid_free", "valid_long")
# Numbers of a run that are not in its history
OF_RUNS = {"epochs", "parameters", "peak_memory_bytes"}
_LAYERS = {spec.model_fields["kind"].annotation.__args__[0]: spec for spec in get_args(get_args(layer_specs.Layer)[0])}


# An experiment: its study and its name
Experiment = tuple[str, str]


def check(params: Params, cells: Iterable[Cell]) -> None:
    """UserError, with file and claim or line, for what the studies' claims and numbers name but params.yaml lacks."""
    for complaint in complaints(params.studies, cells):
        raise complaint


def complaints(
    studies: Iterable[str], cells: Iterable[Cell], unknown: Collection[Experiment] = ()
) -> Iterator[UserError]:
    """What is wrong in each line and in each claim of these studies, file by file.

    `unknown`: experiments whose cells are not known, about which nothing is said.
    """
    by_study: dict[str, dict[str, list[Cell]]] = {name: {} for name in studies}
    for cell in cells:
        if cell.study in by_study:
            by_study[cell.study].setdefault(cell.experiment, []).append(cell)
    for study, experiments in by_study.items():
        experiments |= {name: [] for other, name in unknown if other == study}
        stated: dict[tuple[str, str], list[float]] = {}
        yield from _of_lines(study, experiments, stated)
        yield from _of_claims(study, experiments, stated)


def _of_lines(
    study: str, experiments: dict[str, list[Cell]], stated: dict[tuple[str, str], list[float]]
) -> Iterator[UserError]:
    """What is wrong in reported.csv, while its numbers are added to `stated` by experiment and metric."""
    try:
        for line, row in reported.entries(study):
            if isinstance(row, UserError):
                yield row
                continue
            numbers = [] if row["metric"] in reported.TEXTS else [reported.number_of(row)]
            stated.setdefault((row["experiment"], row["metric"]), []).extend(numbers)
            yield from _complaints_of(_Line(study, experiments, f"{reported.path(study)}, line {line}").check, row)
    except UserError as error:
        yield error


def _of_claims(
    study: str, experiments: dict[str, list[Cell]], stated: dict[tuple[str, str], list[float]]
) -> Iterator[UserError]:
    """What is wrong in claims.yaml: with its form, then with what each of its tests names."""
    by_source, mistakes = claims.salvaged(study)
    yield from mistakes
    for experiment in by_source.rows:
        yield from _complaints_of(_Names(study, experiments, f"{claims.path(study)}: rows").cells, experiment)
    for claim in by_source.claims:
        names = _Names(study, experiments, f"{claims.path(study)}: {claim.id}")
        for test in claim.tests:
            yield from _complaints_of(_check_test, names, test, stated)


def _complaints_of(check: Callable[..., object], *arguments: object) -> Iterator[UserError]:
    try:
        check(*arguments)
    except _UnknownCells:
        return
    except UserError as error:
        yield error


class _UnknownCells(UserError):
    """Nothing can be said about an experiment."""


class _Names:
    """The names that a study has. Every method raises a UserError, beginning with `where`, for one that it lacks.

    `experiments`: their cells by their names; none where they are not known. A study without any is not known itself.
    """

    def __init__(self, study: str, experiments: dict[str, list[Cell]], where: str):
        self.study, self.experiments, self.where = study, experiments, where

    def wrong(self, complaint: str) -> UserError:
        """The error for this complaint."""
        return UserError(f"{self.where}: {complaint}")

    def cells(self, experiment: object) -> list[Cell]:
        """All cells of an experiment."""
        if not self.experiments:
            raise _UnknownCells(self.study)
        if not isinstance(experiment, str) or experiment not in self.experiments:
            known = hint(str(experiment), self.experiments)
            raise self.wrong(f"params.yaml has no experiment {experiment!r} in {self.study}{known}; correct or add it")
        if not self.experiments[experiment]:
            raise _UnknownCells(experiment)
        return self.experiments[experiment]

    def value(self, cell: Cell, key: str, value: Value) -> None:
        """Check that the setting could have this value."""
        if complaint := _impossible(cell, key, value):
            raise self.wrong(f"no {cell.experiment} can have {key}={value}: {complaint}")

    def metric(self, cell: Cell, metric: str | dict[str, Value], *others: str) -> None:
        """Check that runs of the cell have this metric, a number or a measure of a curve."""
        if isinstance(metric, dict):
            self._measure(cell, metric)
            return
        known = {name for split in ("test", "validation") for name in _metrics(cell, split)}.union(OF_RUNS, others)
        if metric == "epochs_to_converge" and cell.template.experiments[cell.experiment].converged_at:
            return
        if metric == "epochs_to_converge":
            raise self.wrong(f"{cell.experiment} has no converged_at, by which {metric} would be counted; add it")
        if metric not in known:
            raise self.wrong(f"runs of {cell.experiment} have no metric {metric!r}{hint(metric, known)}")

    def _measure(self, cell: Cell, metric: dict[str, Value]) -> None:
        name = metric.get("measure")
        if not isinstance(name, str) or name not in curves.MEASURES:
            raise self.wrong(f"metric.measure: there is no {name!r}{hint(str(name), curves.MEASURES)}")
        arguments = list(inspect.signature(curves.MEASURES[name]).parameters)[1:]
        if not metric.keys() >= set(arguments) or metric.keys() - {"measure", *arguments}:
            raise self.wrong(f"metric: {name} needs {', '.join(arguments)}, and nothing else")
        columns = {column for split in ("test", "validation") for column in _history(cell, split)}
        for key in arguments:
            if key in ("of", "against") and metric[key] not in columns:
                raise self.wrong(
                    f"metric.{key}: histories of {cell.experiment} have no column {metric[key]!r}"
                    f"{hint(str(metric[key]), columns)}"
                )
            if key not in ("of", "against") and not is_number(metric[key]):
                raise self.wrong(f"metric.{key}: {metric[key]!r} is not a number")


def _check_test(names: _Names, test: Test, stated: Mapping[tuple[str, str], list[float]]) -> None:
    own = names.cells(test.experiment)[0]
    if isinstance(test, Stated):
        if not isinstance(test.metric, str) or (test.experiment, test.metric) not in stated:
            raise names.wrong(
                f"{reported.path(names.study)} states no {test.metric} of {test.experiment}; correct metric"
            )
    else:
        names.metric(own, test.metric)
    if isinstance(test, Ratio) and "accuracy" in _of(test.metric):
        raise names.wrong("ratio is for what test rows have no part in, as seconds and epochs; compare by greater")
    of_experiment = names.cells(test.experiment)
    for key, values in test.each.items():
        if values == "all":
            _check_varies(names, of_experiment, key)
    for single, reference in _named(test, of_experiment):
        every = names.cells(reference.get("experiment", test.experiment))
        winner = reference.get("winner", False)
        _check_winner(names, own, every[0].experiment, winner)
        if winner and isinstance(test, Ratio):
            raise names.wrong("a ratio cannot be of a winner; name the settings of one cell")
        if not isinstance(test, Stated):
            names.metric(every[0], test.metric)
        settings = naming.settings(reference)
        for key, value in every[0].valued(settings).items():
            _check_varies(names, every, key)
            names.value(every[0], key, value)
        if single and not winner:
            count = sum(includes(cell.varying, cell.valued(settings)) for cell in every)
            if count > 1:
                raise names.wrong(f"{label(settings)} names {count} cells of {every[0].experiment}; add settings")
    for bounds in ("at_least", "at_most"):
        given = getattr(test, bounds, None)
        for key in given if isinstance(given, dict) else ():
            _numbers(names, names.cells(test.experiment), key)
    if isinstance(test, Trend):
        for key in test.over:
            numbers = _numbers(names, names.cells(test.experiment), key)
            if test.scale == "log" and min(numbers) <= 0:
                raise names.wrong(f"over: {key} is not always positive, so it has no logarithm; say scale: linear")
    if complaint := vacuous.complaint(test, of_experiment, stated.get((test.experiment, str(test.metric)), [])):
        raise names.wrong(complaint)


def _of(metric: str | dict[str, Value]) -> str:
    """The name of the number, or of the curve that is measured; the epoch of something is no such something."""
    if isinstance(metric, str):
        return metric
    return "" if "epoch" in str(metric["measure"]) else str(metric.get("of"))


def _check_winner(names: _Names, own: Cell, experiment: str, winner: Value) -> None:
    if winner != SELECTED and not isinstance(winner, bool):
        raise names.wrong(f"winner: {winner!r} is none of true, false and {SELECTED}")
    select = own.template.experiments[own.experiment].select
    if winner == SELECTED and (select is None or select.source != experiment):
        raise names.wrong(f"winner: {own.experiment} selects nothing from {experiment}; say true or correct experiment")


def _named(test: Test, cells: list[Cell]) -> Iterator[tuple[bool, Reference]]:
    """What a test refers to, for all values of `each`, and whether that must be a single cell."""
    singles: list[Reference] = []
    groups: list[Reference] = []
    match test:
        case Compare() | Ratio():
            singles = [test.cell, test.than]
        case Order():
            singles = test.cells
        case Best():
            singles, groups = [test.cell], [test.among]
        case Equivalent():
            singles, groups = [one for one in (test.cell, test.than, test.first) if one is not None], [test.cells]
        case _:
            groups = [test.cells]
    for each in naming.combinations(test, cells):
        for reference in singles:
            yield True, reference | each
        for reference in groups:
            yield False, reference | each


def _check_varies(names: _Names, every: list[Cell], key: str) -> None:
    varying = every[0].varying
    if key not in varying:
        raise names.wrong(f"{key!r} does not vary in {every[0].experiment}{hint(key, varying)}; correct or remove it")


def _numbers(names: _Names, every: list[Cell], key: str) -> list[float]:
    """The values of a setting that varies between these cells, and is a number in all of them."""
    _check_varies(names, every, key)
    numbers = [value for cell in every if is_number(value := cell.varying[key])]
    if len(numbers) < len(every):
        raise names.wrong(f"{key!r} is not a number in {every[0].experiment}; correct it")
    return numbers


class _Line(_Names):
    """The names that a line of reported.csv may have."""

    def check(self, row: ReportedNumber) -> None:
        """UserError for a line that cannot name a cell, or whose cell has no such number."""
        every, metric = self.cells(row["experiment"]), row["metric"]
        cell = every[0]
        settings, known = cell.valued(naming.of_row(row)), _known_settings(cell)
        for key, value in settings.items():
            if key not in known:
                raise self.wrong(f"{cell.experiment} has no setting {key!r}{hint(key, known)}; correct the column cell")
            self.value(cell, key, value)
        varying = {key: value for key, value in settings.items() if key in cell.varying}
        count = sum(includes(one.varying, varying) for one in every)
        if count > 1:
            raise self.wrong(f"names {count} cells of {cell.experiment}; add settings to the column cell")
        if metric not in reported.SPECIAL:
            self.metric(cell, metric, *reported.ALIASES, *reported.SPECIAL)
        if problem := _unknowable(cell, metric, row) or _beyond(row):
            raise self.wrong(f"{metric}: {problem}")


def _unknowable(cell: Cell, metric: str, row: ReportedNumber) -> str | None:
    """Why a line's metric cannot be measured in its experiment; None where it can."""
    configuration, selectors = cell.configuration(), row["cell"]
    settings, kinds = configuration.settings, [layer.kind for layer in configuration.network]
    language = registry.task(cell.data.dataset) == "language"
    if metric in (*reported.BY_EPOCH, reported.EPOCH_SECONDS) and not is_number(selectors.get("epoch")):
        return "say of which epoch, as in epoch=3 in the column cell"
    if metric in reported.SECONDS and reported.number_of(row) <= 0:
        return "must be positive"
    if metric in ("steps_to_converge", "steps_above_chance") and not (settings.train_rows and settings.batch_size):
        return f"{cell.experiment} has no train_rows, by which steps would be counted"
    if metric in ("valid_samples_of_10", "invalid_samples_of_10") and not language:
        return f"{cell.experiment} is not a language model"
    if metric == "layer_sizes" and set(kinds) != {"dense"}:
        return f"the network of {cell.experiment} has other layers than dense ones"
    if metric == "selected" and not cell.selection:
        return f"{cell.experiment} selects nothing"
    if metric.startswith("activation"):
        place = str(selectors.get("layer", "")).removeprefix("relu")
        if not place.isdigit() or not 1 <= int(place) <= kinds.count("convolution"):
            return "say of which convolution, as in layer=relu1 in the column cell"
        if not settings.activation_statistics:
            return f"{cell.experiment} records none; set activation_statistics: true in params.yaml"
    if metric == "trainable_parameters" and "layer" in selectors:
        layer = reported.kind_of(str(selectors["layer"]))
        if reported.LAYERS.get(layer, layer) not in _LAYERS:
            return f"there is no layer {selectors['layer']!r}{hint(layer, _LAYERS)}"
    return None


def _beyond(row: ReportedNumber) -> str | None:
    """Why no cell can have a line's value; None where it is a text, or possible."""
    if row["metric"] in reported.TEXTS:
        return None
    low, high = units.possible(row["metric"])
    number = reported.number_of(row)
    return None if low <= number <= high else f"{number:g} is not between {low:g} and {high:g}; correct the value"


def _history(cell: Cell, split: str) -> tuple[str, ...]:
    """The columns of the cell's histories, if it evaluated this split."""
    norm = ("gradient_norm",) if cell.settings.get("gradient_norm") else ()
    means = ("loss_batch_mean", "accuracy_batch_mean") if cell.settings.get("batch_means") else ()
    if registry.task(cell.data.dataset) == "language":
        return *TRAINED, *norm, f"{split}_loss", f"{split}_accuracy", *WRITTEN
    return *TRAINED, *norm, *(f"{split}_{name}" for name in (*EVALUATED, *means, *_activations(cell)))


def _activations(cell: Cell) -> tuple[str, ...]:
    """The numbers of activations in the cell's histories."""
    if not cell.settings.get("activation_statistics"):
        return ()
    convolutions = sum(layer.kind == "convolution" for layer in cell.configuration().network)
    kinds = ("mean", "std", "blank")
    return tuple(f"activation_{kind}_convolution{n}" for n in range(1, convolutions + 1) for kind in kinds)


def _metrics(cell: Cell, split: str) -> frozenset[str]:
    return _summary(_history(cell, split), split)


def _known_settings(cell: Cell) -> set[str]:
    """The settings that a row may name: the cell's own, those it takes over from a winner, those left at a default."""
    taken = (*cell.selection.settings, "epochs") if cell.selection else ()
    own = (key for key, value in cell.settings.items() if value is not None)
    return {*own, *taken, *Settings.model_fields} - SET_BY_SCALES


@cache
def _summary(columns: tuple[str, ...], split: str) -> frozenset[str]:
    """The metrics that are computed from a history with these columns."""
    return frozenset(metrics.summarise(pd.DataFrame({name: [1.0] for name in columns}), 1, split))


def _impossible(cell: Cell, key: str, value: Value) -> str | None:
    """Why the setting `key` cannot have this value in the cell's experiment; None where it can."""
    if key == "dataset":
        known = (*registry.NAMES, cell.data.dataset)
        return None if value in known else f"there is no such dataset{hint(str(value), known)}"
    if key == "network":
        networks = cell.template.networks
        return (
            None if value in networks or "$" in str(value) else f"there is no such network{hint(str(value), networks)}"
        )
    fields = [(Settings, key)] if key in Settings.model_fields else [*_uses(cell, key)]
    complaints = [_complaint(model, name, value) for model, name in fields]
    return complaints[0] if complaints and None not in complaints else None


def _uses(cell: Cell, key: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The declared fields that a setting's value goes to: options of the dataset, settings of layers."""
    for model in registry.models(cell.data.dataset, cell.data.format):
        if key in model.model_fields:
            yield model, key
    for network in cell.template.networks.values():
        for setting, kind, name in references(network):
            if setting == key and kind in _LAYERS and name in _LAYERS[kind].model_fields:
                yield _LAYERS[kind], name


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
