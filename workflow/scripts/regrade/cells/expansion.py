"""The cells that the parameters ask for, experiment by experiment."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from string import Template

from regrade.cells import feasible
from regrade.cells.cell import Cell, Selection, network_name
from regrade.cells.layout import file_label, label
from regrade.config import reported
from regrade.config.messages import hint
from regrade.config.params import Params
from regrade.config.settings import Settings
from regrade.config.study import Experiment, Select, includes
from regrade.config.types import Argument, LayerTemplate, Value
from regrade.core.errors import UserError
from regrade.datasets import registry

# Settings that no experiment may have, because the scale sets them
SET_BY_SCALES = {"train_rows_cap", "test_rows_cap"}
# Names that mean something else in claims.yaml, in reported.csv, or as columns of a report's tables
NOT_SETTINGS = {
    *("experiment", "winner", "layer", "epoch", "prompt", "run", "reported", "mean", "low", "high", "seeds"),
    *("cross_fitted", "last_epoch", "peeking", "best_epoch", "status", "folder"),
    *("study", "cell", "seed", "error", "varying"),
}


def expand(params: Params) -> list[Cell]:
    """Every cell that the parameters ask for, in the order of params.yaml. UserError for a contradiction in them."""
    cells, errors = attempt(params)
    for error in errors.values():
        raise error
    return cells


def attempt(params: Params) -> tuple[list[Cell], dict[tuple[str, str], UserError]]:
    """The cells of the experiments that can be expanded; by study and experiment, what is wrong with the others."""
    cells: list[Cell] = []
    errors: dict[tuple[str, str], UserError] = {}
    for study, content in params.studies.items():
        try:
            expansion = _Expansion(params, study)
        except UserError as error:
            errors |= {(study, name): error for name in content.experiments}
            continue
        for name in content.experiments:
            try:
                cells += expansion.cells(name)
            except UserError as error:
                errors[study, name] = error
    return cells, errors


def find(params: Params, folders: Collection[Path]) -> list[Cell]:
    """The cells in these folders of one experiment. UserError when the parameters do not name one (any more).

    Only these are expanded: an experiment may have thousands of others.
    """
    _, study, experiment, _ = next(iter(folders)).parts
    expansion = _Expansion(params, study)
    make = expansion.maker(experiment)
    names = [folder.name for folder in folders]
    prefixes = {name.rpartition("-")[0] for name in names}
    candidates = (make(varying) for varying in expansion.combinations(experiment) if file_label(varying) in prefixes)
    by_name = {cell.name: cell for cell in candidates}
    for name in names:
        if name not in by_name:
            raise UserError(f"params.yaml: {study}.{experiment} has no cell {name}; `regrade cells` lists what it has")
    return [by_name[name] for name in names]


class _Expansion:
    """The cells of one study, experiment by experiment, each after the experiments that it depends on."""

    def __init__(self, params: Params, name: str):
        self.params, self.name, self.study = params, name, params.studies[name]
        self.expanded: dict[str, list[Cell]] = {}
        own = {setting for network in self.study.networks.values() for setting, _, _ in references(network)}
        if taken := sorted(own & NOT_SETTINGS):
            raise UserError(
                f"params.yaml: studies.{name}.networks: the setting ${taken[0]} has a name that is taken; rename it"
            )
        self.allowed = {*Settings.model_fields, *own} - SET_BY_SCALES

    def cells(self, name: str, waiting: tuple[str, ...] = ()) -> list[Cell]:
        if name not in self.expanded:
            make, combinations = self.maker(name, waiting), self.combinations(name)
            self._check_names(name, combinations)
            self._check_full(name, combinations)
            self._check_more_seeds(name, combinations)
            self.expanded[name] = [make(varying) for varying in combinations]
        return self.expanded[name]

    def _check_names(self, name: str, combinations: list[dict[str, Value]]) -> None:
        """UserError for a word that stands for a value which no cell of the experiment has."""
        for key, words in self.study.experiments[name].names.items():
            values = list(dict.fromkeys(varying[key] for varying in combinations if key in varying))
            for word, value in words.items():
                if value not in values:
                    known = f"its values are {', '.join(map(str, values))}" if values else f"{key} does not vary"
                    raise UserError(
                        f"{self._where(name)}.names.{key}.{word}: no cell has {key}={value} ({known}); "
                        f"give {word} the value of a cell"
                    )

    def _check_full(self, name: str, combinations: list[dict[str, Value]]) -> None:
        """UserError where the present scale leaves cells at full protocol that the experiment does not have."""
        experiment, scale, fixed = self.study.experiments[name], self.params.scale, self._fixed(name, ())
        for number, (some, _) in enumerate(experiment.left_in_full(scale)):
            if not any(includes(fixed | varying, some) for varying in combinations):
                raise UserError(
                    f"{self._where(name)}.full_at.{scale}.{number}: no cell has {label(some, ', ')}; "
                    "give settings of a cell, or remove it"
                )

    def _check_more_seeds(self, name: str, combinations: list[dict[str, Value]]) -> None:
        """UserError where seeds are added to cells that the experiment does not have."""
        experiment, fixed = self.study.experiments[name], self._fixed(name, ())
        for number, more in enumerate(self.params.more_seeds):
            if (more.study, more.experiment) != (self.name, name):
                continue
            if not any(includes(fixed | varying, experiment.valued(more.cells)) for varying in combinations):
                raise UserError(
                    f"params.yaml: more_seeds.{number}.cells: {self.name}.{name} has no cell with "
                    f"{label(more.cells, ', ')}; give settings of a cell, or remove it"
                )

    def combinations(self, name: str) -> list[dict[str, Value]]:
        """What varies between an experiment's cells: the product of its grid, its list of cells, or one empty dict."""
        experiment, where = self.study.experiments[name], self._where(name)
        if experiment.around:
            return self._variations(name, experiment.around)
        grid = experiment.grid or {}
        combinations = experiment.cells or [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
        labels = [label(varying) for varying in combinations]
        twin = next((text for text, count in Counter(labels).items() if count > 1), None)
        if twin:
            raise UserError(f"{where}: the cell {twin} is there twice; remove one")
        return combinations

    def _variations(self, name: str, factors: dict[str, list[Value]]) -> list[dict[str, Value]]:
        """One factor at a time around the fixed settings, which are a cell, too; each combination once."""
        fixed = self._fixed(name, ())
        if missing := [factor for factor in factors if factor not in fixed]:
            raise UserError(f"{self._where(name)}.around: {missing[0]} has no value under settings; add it")
        centre = {factor: fixed[factor] for factor in factors}
        variations = [*(centre | {factor: value} for factor, values in factors.items() for value in values), centre]
        return [varying for position, varying in enumerate(variations) if varying not in variations[:position]]

    def maker(self, name: str, waiting: tuple[str, ...] = ()) -> Callable[[dict[str, Value]], Cell]:
        """A function that makes a cell of the experiment from the settings that vary."""
        where = self._where(name)
        # A mistake in the name of one that another selects from is a mistake of the other
        named = f"{self._where(waiting[-1])}.select.from" if waiting else where
        experiment = self._experiment(name, named, waiting)
        fixed = self._fixed(name, ())
        if select := experiment.select:
            candidates = self.cells(select.source, (*waiting, name))
            self._check_measured(select, candidates[0], f"{where}.select.by")
            for part, keys in (("settings", select.settings), ("same", select.same)):
                for key in keys:
                    if key not in candidates[0].settings:
                        raise UserError(f"{where}.select.{part}: {select.source} has no setting {key!r}")
            for key in select.settings:
                fixed.pop(key, None)
            if select.winner == "reported":
                fixed |= self._reported_winner(select, f"{where}.select")
        return partial(self._cell, name, fixed)

    @staticmethod
    def _check_measured(select: Select, candidate: Cell, where: str) -> None:
        """UserError when the candidates do not have the metric that they are chosen by."""
        if select.winner == "reported":
            return
        configuration = candidate.configuration()
        evaluated = configuration.settings.evaluated
        if not select.by.startswith(evaluated):
            raise UserError(f"{where}: {select.source} evaluates {evaluated} rows, so it has no {select.by}")
        if registry.task(configuration.data.dataset) == "language" and not select.by.endswith("_last_epoch"):
            raise UserError(f"{where}: language models have no {select.by}; choose by {evaluated}_accuracy_last_epoch")

    def _selection(self, name: str, settings: dict[str, Value]) -> Selection | None:
        """What a cell with these settings takes over at run time."""
        select = self.study.experiments[name].select
        if not select or select.winner == "reported":
            return None
        candidates = tuple(
            cell
            for cell in self.cells(select.source, (name,))
            if all(cell.settings.get(key) == settings.get(key) for key in select.same)
        )
        if not candidates:
            same = ", ".join(f"{key}={settings.get(key)}" for key in select.same)
            raise UserError(f"{self._where(name)}.select.same: {select.source} has no cell with {same}")
        return Selection(self.name, select.source, tuple(select.settings), select.by, select.epochs, candidates)

    def _where(self, name: str) -> str:
        return f"params.yaml: studies.{self.name}.experiments.{name}"

    def _experiment(self, name: str, where: str, waiting: tuple[str, ...] = ()) -> Experiment:
        if name not in self.study.experiments:
            raise UserError(f"{where}: there is no experiment {name!r}{hint(name, self.study.experiments)}")
        if name in waiting:
            raise UserError(f"{where}: {' → '.join((*waiting, name))} leads back to itself; remove one of these links")
        return self.study.experiments[name]

    def _fixed(self, name: str, waiting: tuple[str, ...]) -> dict[str, Value]:
        experiment = self._experiment(name, f"{self._where((*waiting, name)[0])}.like", waiting)
        inherited = self._fixed(experiment.like, (*waiting, name)) if experiment.like else {}
        return inherited | experiment.settings

    def caps(self, name: str) -> dict[str, int]:
        """The present scale's caps: for all experiments, and for this one or the one that it is like."""
        own = self.study.caps(name, self.params.scale)
        general = self.params.present_scale.at_most.model_dump(exclude={"seeds"}, exclude_none=True)
        for key, cap in own.model_dump(exclude_none=True).items() if own else ():
            general[key] = min(cap, general.get(key, cap))
        return general

    def _reported_winner(self, select: Select, where: str) -> dict[str, Value]:
        source = self.study.experiments[select.source]
        winner = source.valued(reported.winner(self.name, select.source, select.by))
        missing = [key for key in select.settings if key not in winner]
        if missing:
            raise UserError(
                f"{where}.settings: {reported.path(self.name)} does not name {missing[0]} for {select.source}"
            )
        return {key: winner[key] for key in select.settings}

    def _cell(self, name: str, fixed: dict[str, Value], varying: dict[str, Value]) -> Cell:
        where, scale, settings = self._where(name), self.params.present_scale, fixed | varying
        selection = self._selection(name, settings)
        dataset = str(settings.get("dataset"))
        of_dataset = registry.setting_names(dataset, self.params.datasets)
        allowed = self.allowed | of_dataset | set(Template(str(settings.get("network"))).get_identifiers())
        options = self.params.datasets[dataset].options if dataset in self.params.datasets else {}
        for key in options:
            if key not in of_dataset:
                raise UserError(f"params.yaml: datasets.{dataset}.options: there is no {key!r}{hint(key, of_dataset)}")
        in_full = self.study.experiments[name].in_full(self.params.scale, settings)
        settings = options | settings
        for key in settings:
            if key not in allowed:
                raise UserError(f"{where}: there is no setting {key!r}{hint(key, allowed)}")
        for key, cap in () if in_full else self.caps(name).items():
            if key in settings:
                value = settings[key]
                if type(value) is int:  # anything else is refused below, whatever the cap
                    settings[key] = min(value, cap)
            elif key in ("train_rows", "test_rows"):  # all rows are asked for; how many there are is not known yet
                settings[f"{key}_cap"] = cap
        chosen = {key: selection.candidates[0].settings[key] for key in selection.settings} if selection else {}
        network = network_name((settings | chosen).get("network"), settings | chosen)
        if network not in self.study.networks:
            known = ", ".join(self.study.networks)
            raise UserError(f"{where}: network {network!r} is not one of the study's networks ({known})")
        data = registry.identity(dataset, "real" if in_full else scale.data, settings, self.params.datasets, where)
        if data.files and data.data != scale.data:
            raise UserError(
                f"{where}.full_at.{self.params.scale}: this scale has stand-in data, so only cells with generated data "
                f"can be at full protocol, but {dataset} is made from files; leave out its cells"
            )
        cell = Cell(
            study=self.name,
            experiment=name,
            scale=self.params.scale,
            varying=varying,
            seeds=tuple(self.params.seeds_of(self.name, name, fixed | varying, in_full)),
            settings=settings,
            template=self.study,
            data=data,
            word_vectors=registry.word_vectors_identity(dataset, self.params.datasets),
            selection=selection,
            in_full=in_full,
        )
        self._check(cell)
        return cell

    def _check(self, cell: Cell) -> None:
        """UserError for a cell that could not be trained."""
        configuration = cell.configuration()
        try:
            feasible.check(configuration)
        except feasible.Impossible as error:
            settings = configuration.settings
            where = self._where(cell.experiment) + "."
            if error.at.startswith("network"):
                where = f"params.yaml: studies.{self.name}.networks.{settings.network}"
            at = error.at.removeprefix("network")
            raise UserError(f"{where}{at}: {error}") from None


def references(layers: list[LayerTemplate]) -> list[tuple[str, str, str]]:
    """The settings that a network template names with $, each with the kind of layer and the key that it goes to."""
    bodies = [item for layer in layers if isinstance(layer, dict) for item in layer.items()]
    return [
        (text[1:], kind, key)
        for kind, body in bodies
        for key, value in body.items()
        for text in _texts(value)
        if text.startswith("$")
    ]


def _texts(value: Argument) -> Iterator[str]:
    """The texts in a value of a layer, those in lists and mappings included."""
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            yield from _texts(list(value.values()))
