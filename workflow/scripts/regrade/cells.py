"""Cells: one hyperparameter combination of one experiment each, with a name that changes when its result would."""

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from string import Template

from pydantic import ValidationError

from regrade import datasets, feasible, reported
from regrade.digest import closure, code
from regrade.errors import UserError
from regrade.files import digest, read_json
from regrade.integrity import read
from regrade.layers import Layer
from regrade.params import Experiment, LayerTemplate, Params, Section, Select, Settings, Study, Value, first_mistake

RESULTS = Path("results")
# What outlives failed and killed jobs: states of runs, records of failures. Snakemake does not know of it.
STATES = RESULTS / ".state"
# Between the settings in a cell's name. Not a comma: a cluster's job takes that for the end of the cell's name
# (https://github.com/snakemake/snakemake/issues/2366)
AND = "+"
# Settings that no experiment may have: a scale sets them
SET_BY_SCALES = {"train_rows_cap", "test_rows_cap"}
# Names that mean something else where settings stand: in claims.yaml, in reported.csv, as columns of a report's tables
NOT_SETTINGS = {
    *("experiment", "winner", "layer", "epoch", "prompt", "run", "reported", "mean", "low", "high", "seeds"),
    *("test_accuracy_cross_fitted", "test_accuracy_last_epoch", "peeking", "best_epoch", "status", "folder"),
    *("study", "cell", "seed", "error", "varying"),
}
# The files of a finished cell
FILES = HISTORY, PREDICTIONS, MODEL, RECORD = (
    "history.parquet",
    "predictions.parquet",
    "model.safetensors",
    "run.json",
)

# What a training job runs beside the code that its results depend on, and why that is no part of its digest
WITHOUT_INFLUENCE = {
    "regrade.errors": "the words of an error",
    "regrade.files": "how bytes reach the disk, and short names",
    "regrade.integrity": "whether files are as they were written",
    "regrade.jobs": "logs, and the words of an error",
    "regrade.provenance": "what is recorded about code and machine",
    "regrade.digest": "the digest itself",
    "regrade.cells": "makes the configuration, which the cell's name covers",
    "regrade.params": "makes the configuration, which the cell's name covers",
    "regrade.layers": "makes the configuration, which the cell's name covers",
    "regrade.feasible": "refuses what cannot be trained",
    "regrade.overlays": "makes the configuration, which the cell's name covers",
    "regrade.yaml_files": "makes the configuration, which the cell's name covers",
    "regrade.reported": "makes the configuration, which the cell's name covers",
    "regrade.datasets": "finds prepared data by what they are made of, which the cell's name covers",
    "regrade.training.device": "chooses and names the device, which is recorded",
    "regrade.training.store": "keeps the states of runs, byte by byte",
    "regrade.training.results": "writes the files from the states; has a digest of its own (see Cell.code)",
}
_APART = frozenset(WITHOUT_INFLUENCE)


class Configuration(Section):
    """All that decides the result of a run, except its seed."""

    conventions: str
    data: dict
    settings: Settings
    network: list[Layer]

    @cached_property
    def hash(self) -> str:
        """Short name; runs of equal configurations have equal results, in whichever experiment they stand."""
        return digest(self.identity)

    @property
    def identity(self) -> dict:
        """What is hashed: everything, defaults included, so that another default is another configuration.

        Only what is off (none, false or zero) is left out: a new setting that begins as off renames no old cell.
        """
        # The names of network and dataset say nothing that their content does not
        content = self.model_dump(exclude={"settings": {"network", "dataset"}})
        return content | {
            "settings": _switched_on(content["settings"]),
            "network": [_switched_on(layer) for layer in content["network"]],
        }

    @property
    def code(self) -> str:
        """Digest of the code that trains a run: the training job, its task and backend, the layers of the network."""
        return code(*self._code_roots, apart=_APART)

    @property
    def modules(self) -> set[str]:
        """The modules that `code` covers."""
        return closure(*self._code_roots, apart=_APART)

    @property
    def _code_roots(self) -> list[str]:
        parts = ("job", datasets.task(self.data["dataset"]), f"{self.settings.backend}_learner")
        layers = sorted({f"regrade.models.{layer.module}" for layer in self.network})
        return [*(f"regrade.training.{part}" for part in parts), *layers]


def _switched_on(settings: dict) -> dict:
    """The settings that are neither None nor False nor zero."""
    return {name: value for name, value in settings.items() if value}


@dataclass(frozen=True)
class Selection:
    """Settings that a cell takes over at run time from the winner among the cells of another experiment."""

    study: str
    source: str
    settings: tuple[str, ...]
    by: str
    epochs: str | None
    candidates: tuple["Cell", ...]

    @property
    def path(self) -> Path:
        """The file that says who won."""
        return RESULTS / self.study / self.source / f"selected-{self.hash}.json"

    def taken_over(self) -> dict[str, Value]:
        """The winner's settings, from the selection's file. UserError when that is damaged; it is deleted then."""
        return read(self.path)["settings"]

    @cached_property
    def hash(self) -> str:
        """Short name; it changes with the candidates and with the code that trains them.

        The code is part of it because Snakemake, when it trains candidates again, does not look whether a cell whose
        inputs are all `ancient` has reasons of its own: by a new name that cell is trained again, too.
        """
        candidates = [(cell.name, cell.code) for cell in self.candidates]
        return digest([self.source, self.settings, self.by, self.epochs, candidates])


@dataclass(frozen=True)
class Cell:
    """One hyperparameter combination of one experiment, trained once per seed."""

    study: str
    experiment: str
    scale: str
    varying: dict[str, Value]
    seeds: tuple[int, ...]
    settings: dict[str, Value]
    template: Study
    data: dict
    word_vectors: dict | None
    selection: Selection | None

    def configuration(self, winner: dict[str, Value] | None = None) -> Configuration:
        """The resolved configuration; `winner` gives the selected settings where the cell has a selection.

        Without a winner, the first candidate's settings stand in for it: enough to check and to name the cell.
        """
        settings = dict(self.settings)
        if self.selection:
            chosen = winner or self.selection.candidates[0].settings
            taken = (*self.selection.settings, "epochs") if self.selection.epochs else self.selection.settings
            settings |= {name: chosen[name] for name in taken}
        settings["network"] = _network_name(settings["network"], settings)
        layers = self.template.networks[settings["network"]]
        where = f"studies.{self.study}.networks.{settings['network']}"
        network = [_layer(layer, settings, f"{where}.{i}") for i, layer in enumerate(layers)]
        content = {
            "conventions": self.template.conventions,
            "data": self.data | self._reading(settings) | self._vectors(network, where),
            "settings": {name: value for name, value in settings.items() if name in Settings.model_fields},
            "network": network,
        }
        try:
            return Configuration.model_validate(content)
        except ValidationError as error:
            path, complaint = first_mistake(error)
            experiment = f"studies.{self.study}.experiments.{self.experiment}."
            path = where + path.removeprefix("network") if path.startswith("network.") else experiment + path
            raise UserError(f"params.yaml: {path}: {complaint}") from None

    @cached_property
    def code(self) -> str:
        """Digest of the code that the cell's files depend on: what trains its runs, and what writes the files.

        States of runs are kept by the first alone, so a change in how the files are written trains nothing.
        """
        return digest([self.configuration().code, code("regrade.training.results", apart=_APART)])

    @cached_property
    def identity(self) -> dict:
        """What the cell's data are made of; word vectors are among them if it, or a candidate to follow, needs any."""
        candidates = self.selection.candidates if self.selection else ()
        vectors = [cell.identity["word_vectors"] for cell in candidates if "word_vectors" in cell.identity]
        return self.configuration().data | ({"word_vectors": vectors[0]} if vectors else {})

    def _reading(self, settings: dict[str, Value]) -> dict:
        """How the rows are read, which may depend on a winner's settings."""
        where = f"params.yaml: studies.{self.study}.experiments.{self.experiment}"
        return datasets.reading_of(self.data["dataset"], settings, where)

    def _vectors(self, network: list[dict], where: str) -> dict:
        """What the word vectors are made of, where an embedding starts from them."""
        for number, layer in enumerate(network):
            if layer.get("initial") == "word_vectors":
                if self.word_vectors is None:
                    raise UserError(
                        f"params.yaml: datasets.{self.data['dataset']}.word_vectors is missing, but {where}.{number} "
                        "starts from word vectors; add it"
                    )
                if layer.get("units") != self.word_vectors["size"]:
                    raise UserError(
                        f"params.yaml: {where}.{number}.embedding.units is {layer.get('units')}, but datasets."
                        f"{self.data['dataset']}.word_vectors.size is {self.word_vectors['size']}; make them equal"
                    )
                return {"word_vectors": self.word_vectors}
        return {}

    @cached_property
    def hash(self) -> str:
        """First 8 hexadecimal digits of the SHA-256 of all that decides the cell's result."""
        selection = self.selection.hash if self.selection else None
        return digest([self.configuration().identity, self.seeds, self.scale, selection])

    @cached_property
    def name(self) -> str:
        """The cell's folder name: what varies, readable, then the hash."""
        return f"{_readable(self.varying)}-{self.hash}" if self.varying else self.hash

    @cached_property
    def folder(self) -> Path:
        """Where the cell's results are, relative to the working directory."""
        return RESULTS / self.study / self.experiment / self.name

    @property
    def log(self) -> Path:
        """What was printed when it was trained."""
        return Path("logs", f"{self.folder}.log")

    @property
    def failure(self) -> Path:
        """Where the error of the cell's last attempt is recorded, if that failed."""
        return STATES / "failed" / f"{self.hash}.json"

    @property
    def of_other_code(self) -> bool:
        """Whether the record of the finished cell names other code than would train it now.

        Records of older versions name none, and what a damaged one says is for those to find that read it.
        """
        try:
            return read_json(self.folder / RECORD).get("code", self.code) != self.code
        except UserError:
            return False

    @property
    def status(self) -> str:
        """done, diverged (a loss was not finite; a result like any other), failed (its last attempt), or missing."""
        if all((self.folder / name).exists() for name in FILES):
            runs = read_json(self.folder / RECORD)["runs"]
            return "diverged" if any(run["status"] == "diverged" for run in runs) else "done"
        return "failed" if self.failure.exists() else "missing"


def label(varying: dict[str, Value], separator: str = ", ") -> str:
    """`varying` as text, for example filters1=10, filters2=20."""
    return separator.join(f"{key}={re.sub(r'[^A-Za-z0-9._-]', '_', f'{value}')}" for key, value in varying.items())


def _readable(varying: dict[str, Value]) -> str:
    """The part of a cell's name that says what varies; there are limits to the length of a file's name."""
    return label(varying, AND)[:200]


def expand(params: Params) -> list[Cell]:
    """Every cell that the parameters ask for, in the order of params.yaml. UserError for a contradiction in them."""
    cells = []
    for study in params.studies:
        cells += [cell for group in _Expansion(params, study).experiments().values() for cell in group]
    return cells


def find(params: Params, folders: Collection[Path]) -> list[Cell]:
    """The cells in these folders of one experiment. UserError when the parameters do not name one (any more).

    Only those are made: an experiment may have thousands of others.
    """
    _, study, experiment, _ = next(iter(folders)).parts
    expansion = _Expansion(params, study)
    make = expansion.maker(experiment)
    names = [folder.name for folder in folders]
    readable = {name.rpartition("-")[0] for name in names}
    alike = (make(varying) for varying in expansion.combinations(experiment) if _readable(varying) in readable)
    found = {cell.name: cell for cell in alike}
    for name in names:
        if name not in found:
            raise UserError(
                f"params.yaml: {study}.{experiment} has no cell {name}; `python -m regrade cells` lists what it has"
            )
    return [found[name] for name in names]


class _Expansion:
    """The cells of one study, experiment by experiment, each after the experiments it takes something from."""

    def __init__(self, params: Params, name: str):
        self.params, self.name, self.study = params, name, params.studies[name]
        self.done: dict[str, list[Cell]] = {}
        own = {setting for network in self.study.networks.values() for setting, _, _ in references(network)}
        if taken := sorted(own & NOT_SETTINGS):
            raise UserError(
                f"params.yaml: studies.{name}.networks: the setting ${taken[0]} has a name that is taken; rename it"
            )
        self.allowed = {*Settings.model_fields, *own} - SET_BY_SCALES

    def experiments(self) -> dict[str, list[Cell]]:
        return {name: self.cells(name) for name in self.study.experiments}

    def cells(self, name: str, waiting: tuple[str, ...] = ()) -> list[Cell]:
        if name not in self.done:
            make = self.maker(name, waiting)
            self.done[name] = [make(varying) for varying in self.combinations(name)]
        return self.done[name]

    def combinations(self, name: str) -> list[dict[str, Value]]:
        """What varies between an experiment's cells: the product of its grid, its list of cells, or one empty dict."""
        experiment, where = self.study.experiments[name], self._where(name)
        if experiment.around:
            return self._variations(name)
        grid = experiment.grid or {}
        found = experiment.cells or [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
        labels = [label(varying) for varying in found]
        twin = next((text for text, count in Counter(labels).items() if count > 1), None)
        if twin:
            raise UserError(f"{where}: the cell {twin} is there twice; remove one")
        return found

    def _variations(self, name: str) -> list[dict[str, Value]]:
        """One factor at a time around the fixed settings, which are a cell, too; each combination once."""
        fixed, factors = self._fixed(name, ()), self.study.experiments[name].around
        if missing := [factor for factor in factors if factor not in fixed]:
            raise UserError(f"{self._where(name)}.around: {missing[0]} has no value under settings; add it")
        centre = {factor: fixed[factor] for factor in factors}
        found = [*(centre | {factor: value} for factor, values in factors.items() for value in values), centre]
        return [varying for position, varying in enumerate(found) if varying not in found[:position]]

    def maker(self, name: str, waiting: tuple[str, ...] = ()) -> Callable[[dict[str, Value]], Cell]:
        """A function that makes the experiment's cell from what varies."""
        where = self._where(name)
        experiment = self._experiment(name, f"{where}.select", waiting)
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
        if datasets.task(configuration.data["dataset"]) == "language" and not select.by.endswith("_last_epoch"):
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
        """What the present scale caps, for all and for this experiment or the one that it is like."""
        experiment = self.study.experiments[name]
        own = experiment.at_most.get(self.params.scale)
        if own is None and experiment.like:
            return self.caps(experiment.like)
        general = self.params.present_scale.at_most.model_dump(exclude={"seeds"}, exclude_none=True)
        for key, cap in own.model_dump(exclude_none=True).items() if own else ():
            general[key] = min(cap, general.get(key, cap))
        return general

    def _reported_winner(self, select: Select, where: str) -> dict[str, Value]:
        winner = reported.winner(self.name, select.source, select.by)
        missing = [key for key in select.settings if key not in winner]
        if missing:
            raise UserError(
                f"{where}.settings: {reported.path(self.name)} does not name {missing[0]} for {select.source}"
            )
        return {key: winner[key] for key in select.settings}

    def _cell(self, name: str, fixed: dict, varying: dict) -> Cell:
        where, scale, settings = self._where(name), self.params.present_scale, fixed | varying
        selection = self._selection(name, settings)
        dataset = str(settings.get("dataset"))
        of_dataset = datasets.setting_names(dataset)
        allowed = self.allowed | of_dataset | set(Template(str(settings.get("network"))).get_identifiers())
        options = self.params.datasets[dataset].options if dataset in self.params.datasets else {}
        for key in options:
            if key not in of_dataset:
                raise UserError(f"params.yaml: datasets.{dataset}.options: there is no {key!r}{hint(key, of_dataset)}")
        settings = options | settings
        for key in settings:
            if key not in allowed:
                raise UserError(f"{where}: there is no setting {key!r}{hint(key, allowed)}")
        for key, cap in self.caps(name).items():
            if key in settings:
                # What is no whole number is refused below, whatever the cap
                settings[key] = min(settings[key], cap) if type(settings[key]) is int else settings[key]
            elif key in ("train_rows", "test_rows"):  # all rows are asked for, and how many there are is not known yet
                settings[f"{key}_cap"] = cap
        chosen = {key: selection.candidates[0].settings[key] for key in selection.settings} if selection else {}
        network = _network_name((settings | chosen).get("network"), settings | chosen)
        if network not in self.study.networks:
            known = ", ".join(self.study.networks)
            raise UserError(f"{where}: network {network!r} is none of the study's networks ({known})")
        data = datasets.identity(dataset, scale.data, settings, self.params.datasets, where)
        cell = Cell(
            study=self.name,
            experiment=name,
            scale=self.params.scale,
            varying=varying,
            seeds=tuple(self.params.present_seeds),
            settings=settings,
            template=self.study,
            data=data,
            word_vectors=datasets.word_vectors_identity(dataset, self.params.datasets),
            selection=selection,
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
        (value[1:], kind, key)
        for kind, body in bodies
        for key, value in body.items()
        if isinstance(value, str) and value.startswith("$")
    ]


def _network_name(name: Value | None, settings: dict[str, Value]) -> str:
    """The network that a cell uses; $names in `name` stand for settings: cnn$layers is cnn2 where layers is 2."""
    return Template(str(name)).safe_substitute(settings)


def _layer(template: str | dict, settings: dict[str, Value], where: str) -> dict:
    """A layer of a network template with its kind as a key and its $names replaced by settings."""
    if isinstance(template, str):
        return {"kind": template}
    if len(template) != 1:
        raise UserError(
            f"params.yaml: {where}: a layer is one kind with its settings, found {', '.join(template) or 'none'}"
        )
    ((kind, body),) = template.items()
    layer = {"kind": kind}
    for key, value in body.items():
        if isinstance(value, str) and value.startswith("$"):
            if value[1:] not in settings:
                raise UserError(f"params.yaml: {where}.{kind}.{key}: the experiment has no setting {value[1:]!r}")
            value = settings[value[1:]]
        layer[key] = value
    return layer


def hint(name: str, known: Iterable[str]) -> str:
    """What may have been meant by a name that is not there; else what is."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(known))})"
