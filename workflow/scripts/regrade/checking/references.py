"""Whether claims.yaml and reported.csv name only what is there: a misspelt name would count as not run.

That is what params.yaml asks for (regrade.checking.asked), or what a bundle has (regrade.checking.bundled). A value
that a setting may have, but that no cell has at present, is not a mistake: grids may be made smaller.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell
from regrade.bundle.units import goal, is_share
from regrade.cells.cell import Cell
from regrade.cells.layout import label
from regrade.checking import asked, vacuous
from regrade.checking.asked import Asked, Made
from regrade.checking.bundled import Bundled
from regrade.config import claims, reported
from regrade.config.claims import SELECTED, Best, Compare, Equivalent, Order, Ratio, Reference, Stated, Test, Trend
from regrade.config.messages import hint
from regrade.config.params import Params
from regrade.config.reported import ReportedNumber
from regrade.config.study import Select, includes
from regrade.config.types import Value, is_number
from regrade.core.errors import UserError
from regrade.statistics import curves, naming, units

# An experiment: its study and its name
Experiment = tuple[str, str]
AnyCell = Cell | BundledCell


class Known(Protocol):
    """What is known of a study's experiments: of their cells, and of what their runs can have measured."""

    place: str
    """Where the experiments are from."""

    @property
    def cells(self) -> Mapping[str, Sequence[AnyCell]]:
        """By experiment; none where they are not known. A study without experiments is not known itself."""

    def columns(self, experiment: str) -> Collection[str]:
        """The columns that histories can have."""

    def metrics(self, experiment: str) -> Collection[str]:
        """The metrics that runs can have."""

    def converges(self, experiment: str) -> bool:
        """Whether the epochs are counted until runs have converged."""

    def select(self, experiment: str) -> Select | None:
        """What is taken over from a winner."""

    def settings(self, experiment: str) -> Collection[str]:
        """The settings that a row may name."""

    def made(self, experiment: str) -> Made:
        """Of what the cells are made."""

    def impossible(self, experiment: str, key: str, value: Value) -> str | None:
        """Why the setting `key` cannot have this value; None where it can."""


def check(params: Params, cells: Iterable[Cell]) -> None:
    """UserError, with file and claim or line, for what the studies' claims and numbers name but params.yaml lacks."""
    for complaint in complaints(params.studies, cells):
        raise complaint


def check_bundle(bundle: Bundle) -> list[str]:
    """UserError for what the claims and numbers of a study name but its bundle cannot have; what counts as not run.

    The latter are values that no cell has, as sentences.
    """
    known = Bundled(bundle)
    for complaint in _of_study(bundle.manifest.study, known):
        raise complaint
    return list(known.notes())


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
        yield from _of_study(study, Asked(experiments))


def _of_study(study: str, known: Known) -> Iterator[UserError]:
    stated: dict[tuple[str, str], list[float]] = {}
    yield from _of_lines(study, known, stated)
    yield from _of_claims(study, known, stated)


def _of_lines(study: str, known: Known, stated: dict[tuple[str, str], list[float]]) -> Iterator[UserError]:
    """What is wrong in reported.csv, while its numbers are added to `stated` by experiment and metric."""
    try:
        for line, row in reported.entries(study):
            if isinstance(row, UserError):
                yield row
                continue
            numbers = [] if row["metric"] in reported.TEXTS else [reported.number_of(row)]
            stated.setdefault((row["experiment"], row["metric"]), []).extend(numbers)
            yield from _complaints_of(_Line(study, known, f"{reported.path(study)}, line {line}").check, row)
    except UserError as error:
        yield error


def _of_claims(study: str, known: Known, stated: dict[tuple[str, str], list[float]]) -> Iterator[UserError]:
    """What is wrong in claims.yaml: with its form, then with what each of its tests names."""
    by_source, mistakes = claims.salvaged(study)
    yield from mistakes
    for experiment in by_source.rows:
        yield from _complaints_of(_Names(study, known, f"{claims.path(study)}: rows").cells, experiment)
    for claim in by_source.claims:
        names = _Names(study, known, f"{claims.path(study)}: {claim.id}")
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
    """The names that a study has. Every method raises a UserError, beginning with `where`, for one that it lacks."""

    def __init__(self, study: str, known: Known, where: str):
        self.study, self.known, self.where = study, known, where

    def wrong(self, complaint: str) -> UserError:
        """The error for this complaint."""
        return UserError(f"{self.where}: {complaint}")

    def cells(self, experiment: object) -> Sequence[AnyCell]:
        """All cells of an experiment."""
        cells, place = self.known.cells, self.known.place
        if not cells:
            raise _UnknownCells(self.study)
        if not isinstance(experiment, str) or experiment not in cells:
            guess = hint(str(experiment), cells)
            raise self.wrong(f"{place} has no experiment {experiment!r} in {self.study}{guess}; correct or add it")
        if not cells[experiment]:
            raise _UnknownCells(experiment)
        return cells[experiment]

    def value(self, experiment: str, key: str, value: Value) -> None:
        """Check that the setting could have this value."""
        if complaint := self.known.impossible(experiment, key, value):
            raise self.wrong(f"no {experiment} can have {key}={value}: {complaint}")

    def metric(self, experiment: str, metric: str | dict[str, Value], *others: str) -> None:
        """Check that runs of the experiment have this metric, a number or a measure of a curve."""
        if isinstance(metric, dict):
            self._measure(experiment, metric)
            return
        known = {*self.known.metrics(experiment), *asked.OF_RUNS, *others}
        if metric in known or (metric == "epochs_to_converge" and self.known.converges(experiment)):
            return
        if metric == "epochs_to_converge":
            raise self.wrong(f"{experiment} has no converged_at, by which {metric} would be counted; add it")
        raise self.wrong(f"runs of {experiment} have no metric {metric!r}{hint(metric, known)}")

    def _measure(self, experiment: str, metric: dict[str, Value]) -> None:
        name = metric.get("measure")
        if not isinstance(name, str) or name not in curves.MEASURES:
            raise self.wrong(f"metric.measure: there is no {name!r}{hint(str(name), curves.MEASURES)}")
        arguments = list(inspect.signature(curves.MEASURES[name]).parameters)[1:]
        if not metric.keys() >= set(arguments) or metric.keys() - {"measure", *arguments}:
            raise self.wrong(f"metric: {name} needs {', '.join(arguments)}, and nothing else")
        columns = self.known.columns(experiment)
        for key in arguments:
            if key in ("of", "against") and metric[key] not in columns:
                raise self.wrong(
                    f"metric.{key}: histories of {experiment} have no column {metric[key]!r}"
                    f"{hint(str(metric[key]), columns)}"
                )
            if key not in ("of", "against") and not is_number(metric[key]):
                raise self.wrong(f"metric.{key}: {metric[key]!r} is not a number")


def _check_test(names: _Names, test: Test, stated: Mapping[tuple[str, str], list[float]]) -> None:
    of_experiment = names.cells(test.experiment)
    if isinstance(test, Stated):
        if not isinstance(test.metric, str) or (test.experiment, test.metric) not in stated:
            raise names.wrong(
                f"{reported.path(names.study)} states no {test.metric} of {test.experiment}; correct metric"
            )
    else:
        names.metric(test.experiment, test.metric)
    if isinstance(test, Ratio) and "accuracy" in (of := _of(test.metric)) and is_share(of):
        raise names.wrong("ratio is for what test rows have no part in, as seconds and epochs; compare by greater")
    for key, values in test.each.items():
        if values == "all":
            _check_varies(names, of_experiment, key)
    for single, reference in _named(test, of_experiment):
        every = names.cells(reference.get("experiment", test.experiment))
        winner = reference.get("winner", False)
        _check_winner(names, test.experiment, every[0].experiment, winner)
        if winner is True and isinstance(test.metric, str) and goal(test.metric) is None:
            raise names.wrong(
                f"winner: nobody knows whether the highest or the lowest {test.metric} is the best; name the settings "
                "of one cell"
            )
        if winner and isinstance(test, Ratio):
            raise names.wrong("a ratio cannot be of a winner; name the settings of one cell")
        if not isinstance(test, Stated):
            names.metric(every[0].experiment, test.metric)
        settings = naming.settings(reference)
        for key, value in every[0].valued(settings).items():
            _check_varies(names, every, key)
            names.value(every[0].experiment, key, value)
        if single and not winner:
            count = sum(includes(cell.varying, cell.valued(settings)) for cell in every)
            if count > 1:
                raise names.wrong(f"{label(settings)} names {count} cells of {every[0].experiment}; add settings")
    for bounds in ("at_least", "at_most"):
        given = getattr(test, bounds, None)
        for key in given if isinstance(given, dict) else ():
            _numbers(names, of_experiment, key)
    if isinstance(test, Trend):
        for key in test.over:
            numbers = _numbers(names, of_experiment, key)
            if test.scale == "log" and min(numbers) <= 0:
                raise names.wrong(f"over: {key} is not always positive, so it has no logarithm; say scale: linear")
    if complaint := vacuous.complaint(test, of_experiment, stated.get((test.experiment, str(test.metric)), [])):
        raise names.wrong(complaint)


def _of(metric: str | dict[str, Value]) -> str:
    """The name of the number, or of the curve that is measured; the epoch of something is no such something."""
    if isinstance(metric, str):
        return metric
    return "" if "epoch" in str(metric["measure"]) else str(metric.get("of"))


def _check_winner(names: _Names, own: str, experiment: str, winner: Value) -> None:
    if winner != SELECTED and not isinstance(winner, bool):
        raise names.wrong(f"winner: {winner!r} is none of true, false and {SELECTED}")
    select = names.known.select(own)
    if winner == SELECTED and (select is None or select.source != experiment):
        raise names.wrong(f"winner: {own} selects nothing from {experiment}; say true or correct experiment")


def _named(test: Test, cells: Sequence[AnyCell]) -> Iterator[tuple[bool, Reference]]:
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


def _check_varies(names: _Names, every: Sequence[AnyCell], key: str) -> None:
    varying = every[0].varying
    if key not in varying:
        raise names.wrong(f"{key!r} does not vary in {every[0].experiment}{hint(key, varying)}; correct or remove it")


def _numbers(names: _Names, every: Sequence[AnyCell], key: str) -> list[float]:
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
        every, metric, experiment = self.cells(row["experiment"]), row["metric"], row["experiment"]
        settings, known = every[0].valued(naming.of_row(row)), self.known.settings(experiment)
        for key, value in settings.items():
            if key not in known:
                raise self.wrong(f"{experiment} has no setting {key!r}{hint(key, known)}; correct the column cell")
            self.value(experiment, key, value)
        varying = {key: value for key, value in settings.items() if key in every[0].varying}
        count = sum(includes(one.varying, varying) for one in every)
        if count > 1:
            raise self.wrong(f"names {count} cells of {experiment}; add settings to the column cell")
        if metric not in reported.SPECIAL:
            self.metric(experiment, metric, *reported.ALIASES, *reported.SPECIAL)
        if problem := _unknowable(self.known.made(experiment), row) or _beyond(row):
            raise self.wrong(f"{metric}: {problem}")


def _unknowable(made: Made, row: ReportedNumber) -> str | None:
    """Why a line's metric cannot be measured in its experiment; None where it can."""
    experiment, metric, selectors = row["experiment"], row["metric"], row["cell"]
    if metric in (*reported.BY_EPOCH, reported.EPOCH_SECONDS) and not is_number(selectors.get("epoch")):
        return "say of which epoch, as in epoch=3 in the column cell"
    if metric in reported.SECONDS and reported.number_of(row) <= 0:
        return "must be positive"
    if metric in ("steps_to_converge", "steps_above_chance") and not made.steps:
        return f"{experiment} has no train_rows, by which steps would be counted"
    if metric in ("valid_samples_of_10", "invalid_samples_of_10") and not made.language:
        return f"{experiment} is not a language model"
    if metric == "layer_sizes" and made.kinds is None:
        return f"nobody says which layers {experiment} has; add the network to the configuration of its cells"
    if metric == "layer_sizes" and set(made.kinds or ()) != {"dense"}:
        return f"the network of {experiment} has other layers than dense ones"
    if metric == "selected" and not made.selects:
        return f"{experiment} selects nothing"
    if metric.startswith("activation"):
        place = str(selectors.get("layer", "")).removeprefix("relu")
        if not place.isdigit() or (made.kinds is not None and not 1 <= int(place) <= made.kinds.count("convolution")):
            return "say of which convolution, as in layer=relu1 in the column cell"
        if not made.activations:
            return f"{experiment} records none; set activation_statistics: true in params.yaml"
    if metric == "trainable_parameters" and "layer" in selectors:
        layer = reported.kind_of(str(selectors["layer"]))
        if reported.LAYERS.get(layer, layer) not in asked.LAYERS:
            return f"there is no layer {selectors['layer']!r}{hint(layer, asked.LAYERS)}"
    return None


def _beyond(row: ReportedNumber) -> str | None:
    """Why no cell can have a line's value; None where it is a text, or possible."""
    if row["metric"] in reported.TEXTS:
        return None
    low, high = units.possible(row["metric"])
    number = reported.number_of(row)
    return None if low <= number <= high else f"{number:g} is not between {low:g} and {high:g}; correct the value"
