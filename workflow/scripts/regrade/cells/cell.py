"""A cell: one hyperparameter combination of one experiment, trained once per seed."""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from string import Template
from typing import Any

from pydantic import ValidationError

from regrade.cells.configuration import APART, Configuration
from regrade.cells.layout import FILES, RECORD, RESULTS, STATES, Status, file_label
from regrade.config.messages import refusal
from regrade.config.settings import Settings
from regrade.config.study import Study
from regrade.config.types import Argument, LayerTemplate, Value
from regrade.core.errors import UserError
from regrade.core.files import read_json, short_hash
from regrade.core.fingerprints import code
from regrade.core.integrity import read
from regrade.datasets import registry
from regrade.datasets.identity import DataIdentity
from regrade.datasets.text.word_vectors import ROWS


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
        """The winner's settings, from the selection's file. If that is damaged it is deleted, with a UserError."""
        settings: dict[str, Value] = read(self.path)["settings"]
        return settings

    @cached_property
    def hash(self) -> str:
        """Short name; it changes with the candidates and with the code that trains them.

        The code is part of it because Snakemake, when it retrains candidates, does not check whether a cell whose
        inputs are all `ancient` has reasons of its own to be retrained: a new name makes sure that it is.
        """
        candidates = [(cell.name, cell.code) for cell in self.candidates]
        return short_hash([self.source, self.settings, self.by, self.epochs, candidates])


@dataclass(frozen=True)
class Cell:
    """One hyperparameter combination of one experiment, trained once per seed.

    `seeds`: those that are asked for. They are no part of the cell's name, so that further ones can be added to a
    finished cell; its record says which it was trained with. `in_full`: the scale leaves it at full protocol
    (`full_at`).
    """

    study: str
    experiment: str
    scale: str
    varying: dict[str, Value]
    seeds: tuple[int, ...]
    settings: dict[str, Value]
    template: Study
    data: DataIdentity
    word_vectors: dict[str, Any] | None
    selection: Selection | None
    in_full: bool = False

    def configuration(self, winner: dict[str, Value] | None = None) -> Configuration:
        """The resolved configuration; `winner` gives the selected settings where the cell has a selection.

        Without a winner, the first candidate's settings stand in: enough to check and name the cell.
        """
        settings = dict(self.settings)
        if self.selection:
            chosen = winner or self.selection.candidates[0].settings
            taken_over = (*self.selection.settings, "epochs") if self.selection.epochs else self.selection.settings
            settings |= {key: chosen[key] for key in taken_over}
        name = network_name(settings["network"], settings)
        settings["network"] = name
        where = f"studies.{self.study}.networks.{name}"
        network = [_layer(layer, settings, f"{where}.{i}") for i, layer in enumerate(self.template.networks[name])]
        content = {
            "conventions": self.template.conventions,
            "data": self.data.model_copy(
                update={"reading": self._reading(settings), "word_vectors": self._vectors(network, settings, where)}
            ),
            "settings": {key: value for key, value in settings.items() if key in Settings.model_fields},
            "network": network,
        }
        try:
            return Configuration.model_validate(content)
        except ValidationError as error:
            raise refusal(error, partial(self._place, where)) from None

    def _place(self, network: str, path: str) -> str:
        """Where params.yaml has a part of the configuration."""
        experiment = f"studies.{self.study}.experiments.{self.experiment}."
        of_network = path.startswith("network.")
        return f"params.yaml: {network + path.removeprefix('network') if of_network else experiment + path}"

    def valued(self, settings: dict[str, Value]) -> dict[str, Value]:
        """Settings as claims.yaml and the like name them, with values in place of the experiment's words for them."""
        return self.template.experiments[self.experiment].valued(settings)

    @property
    def on_cpu(self) -> bool:
        """Whether its runs are trained on a CPU even where there is a GPU: the numpy backend's are."""
        return self.settings.get("backend") == "numpy"

    @cached_property
    def code(self) -> str:
        """Digest of the code that the cell's files depend on: what trains its runs, and what writes the files.

        States of runs are named by the first alone, so a change in how the files are written retrains nothing.
        """
        return short_hash([self.configuration().code, code("regrade.training.results", apart=APART)])

    @property
    def possible(self) -> list[Configuration]:
        """The configurations that the cell may have, whichever candidate wins; the one without a winner first."""
        candidates = self.selection.candidates if self.selection else ()
        return [self.configuration(), *(self.configuration(candidate.settings) for candidate in candidates)]

    @cached_property
    def needed_data(self) -> DataIdentity:
        """What the cell's data are made of, with word vectors if it needs any, whichever candidate wins."""
        vectors = next(filter(None, (configuration.data.word_vectors for configuration in self.possible)), None)
        return self.configuration().data.model_copy(update={"word_vectors": vectors})

    def _reading(self, settings: dict[str, Value]) -> dict[str, Any]:
        """How the rows are read, which may depend on a winner's settings."""
        where = f"params.yaml: studies.{self.study}.experiments.{self.experiment}"
        return registry.reading_of(self.data.dataset, settings, where, self.data.format)

    def _vectors(
        self, network: list[dict[str, Argument]], settings: dict[str, Value], where: str
    ) -> dict[str, Any] | None:
        """What the word vectors are made of, where an embedding starts from them; else None."""
        for number, layer in enumerate(network):
            if layer.get("initial") == "word_vectors":
                if self.word_vectors is None:
                    raise UserError(
                        f"params.yaml: datasets.{self.data.dataset}.word_vectors is missing, but {where}.{number} "
                        "starts from word vectors; add it"
                    )
                if layer.get("units") != self.word_vectors["size"]:
                    raise UserError(
                        f"params.yaml: {where}.{number}.embedding.units is {layer.get('units')}, but datasets."
                        f"{self.data.dataset}.word_vectors.size is {self.word_vectors['size']}; make them equal"
                    )
                if settings.get("ngrams", 1) != 1:
                    raise UserError(
                        f"params.yaml: {where}.{number} starts from word vectors, but sequences of words (ngrams) have "
                        "none; set ngrams: 1, or leave out initial"
                    )
                return self.word_vectors | {key: settings[key] for key in ROWS if settings.get(key)}
        return None

    @cached_property
    def hash(self) -> str:
        """First 8 hexadecimal digits of the SHA-256 of all that decides the results of the cell's runs."""
        selection = self.selection.hash if self.selection else None
        return short_hash([self.configuration().identity, self.scale, selection])

    @cached_property
    def name(self) -> str:
        """The cell's folder name: what varies, readable, then the hash."""
        return f"{file_label(self.varying)}-{self.hash}" if self.varying else self.hash

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

        False where the record names none, as in older versions, or is damaged: whoever reads it will report that.
        """
        try:
            recorded: str = read_json(self.folder / RECORD).get("code", self.code)
        except UserError:
            return False
        return recorded != self.code

    @property
    def is_finished(self) -> bool:
        """Whether all files of its results are there, of whichever seeds."""
        return all((self.folder / name).exists() for name in FILES)

    @property
    def trained_seeds(self) -> list[int]:
        """The seeds that the finished cell was trained with, which may be more or fewer than are asked for.

        None before it is finished. UserError where its record is damaged.
        """
        return [run["seed"] for run in read_json(self.folder / RECORD)["runs"]] if self.is_finished else []

    @property
    def lacking(self) -> list[int]:
        """The seeds that are asked for but not among those of the finished cell. UserError as in `trained_seeds`."""
        trained = self.trained_seeds
        return [seed for seed in self.seeds if seed not in trained] if trained else []

    @property
    def status(self) -> Status:
        """done, diverged (a loss was not finite; a result like any other), failed (its last attempt), or missing."""
        if self.is_finished:
            runs = read_json(self.folder / RECORD)["runs"]
            return "diverged" if any(run["status"] == "diverged" for run in runs) else "done"
        return "failed" if self.failure.exists() else "missing"


def network_name(name: Value | None, settings: dict[str, Value]) -> str:
    """The network that a cell uses; $names in `name` stand for settings: cnn$layers is cnn2 where layers is 2."""
    return Template(str(name)).safe_substitute(settings)


def _layer(template: LayerTemplate, settings: dict[str, Value], where: str) -> dict[str, Argument]:
    """A layer of a network template with its kind under the key `kind` and its $names replaced by settings."""
    if isinstance(template, str):
        return {"kind": template}
    if len(template) != 1:
        raise UserError(
            f"params.yaml: {where}: a layer is one kind with its settings, found {', '.join(template) or 'none'}"
        )
    ((kind, body),) = template.items()
    if "kind" in body:
        raise UserError(f"params.yaml: {where}.{kind}.kind: this layer is a {kind}; remove or rename this key")
    return {"kind": kind} | {key: _resolved(value, settings, f"{where}.{kind}.{key}") for key, value in body.items()}


def _resolved(value: Argument, settings: dict[str, Value], where: str) -> Argument:
    """The value with its $names, those in lists and mappings included, replaced by settings."""
    match value:
        case str() if value.startswith("$"):
            if value[1:] not in settings:
                raise UserError(f"params.yaml: {where}: the experiment has no setting {value[1:]!r}")
            return settings[value[1:]]
        case list():
            return [_resolved(each, settings, where) for each in value]
        case dict():
            return {key: _resolved(each, settings, f"{where}.{key}") for key, each in value.items()}
    return value
