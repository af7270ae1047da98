"""Whether a cell is run as its source did it: the protocol of a study beside what params.yaml asks for."""

import dataclasses
from collections.abc import Collection

from regrade.bundle.manifest import FULL, NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL, Standing, StandingName
from regrade.cells.cell import Cell, network_name
from regrade.cells.configuration import Configuration
from regrade.config import protocol
from regrade.config.params import Params
from regrade.config.protocol import ExperimentProtocol, Protocol
from regrade.config.settings import RECORDING
from regrade.config.study import Select
from regrade.config.types import Value
from regrade.core.errors import UserError
from regrade.datasets import content, registry
from regrade.datasets.identity import DataIdentity
from regrade.datasets.text.word_vectors import ROWS

# Settings that decide which sequences of words have token ids; single words are those of all training texts
_OF_SEQUENCES = frozenset({"train_rows", "validation_rows"})
# What is fixed, by its place in params.yaml
Flat = dict[str, object]


class Standings:
    """The standing of each cell of a study."""

    def __init__(self, params: Params, study: str):
        self.params, self.protocol = params, protocol.read(study)
        self._known: dict[str, Standing] = {}

    def __call__(self, cell: Cell) -> Standing:
        """The cell's standing. A cell that takes over settings stands as the candidates that it takes them from."""
        key = cell.folder.as_posix()
        if key not in self._known:
            self._known[key] = self._standing(cell)
        return self._known[key]

    def _standing(self, cell: Cell) -> Standing:
        own = self._own(cell)
        for candidate in cell.selection.candidates if cell.selection and own.name == FULL else ():
            if (of_candidate := self(candidate)).name != FULL:
                return Standing(
                    name=of_candidate.name,
                    why=f"{candidate.experiment}: {of_candidate.why}",
                    same_network=own.same_network,
                )
        return own

    def _own(self, cell: Cell) -> Standing:
        """The cell's standing by its own settings."""
        stand_in = "stand-in data" if cell.data.data != "real" else ""
        capped = self._capped(cell)
        known = self.protocol.experiments.get(cell.experiment) if self.protocol else None
        if self.protocol is None or known is None:
            why = "; ".join(filter(None, (stand_in, "capped" if capped else "")))
            return Standing(name=NOT_AT_FULL_PROTOCOL, why=why, same_network=False) if why else Standing()
        winner = cell.selection.taken_over() if cell.selection and cell.selection.path.exists() else None
        name: StandingName = NOT_AT_FULL_PROTOCOL if stand_in or capped else OTHER_PROTOCOL
        ours, theirs = cell.configuration(winner), _as_the_source(cell, known, self.protocol, winner)
        if theirs is None:
            return Standing(name=name, why="a dataset or a network that the source does not have", same_network=False)
        of_settings, of_network = _of_settings(ours, theirs), _of_network(ours, theirs)
        of_data = _of_data(ours, theirs, self.protocol.datasets[theirs.data.dataset].contents)
        of_experiment = _differences(_experiment(cell), _as_flat(known.select, known.converged_at, known.converged_on))
        differences = {**of_settings, **of_data, **of_network, **of_experiment}
        why = "; ".join(filter(None, (stand_in, *differences.values())))
        if not why:
            return Standing()
        of_sequences = ours.data.reading.get("ngrams", 1) > 1 and bool(of_settings.keys() & _OF_SEQUENCES)
        other_words = _has_words(ours) and bool(stand_in or of_sequences)
        return Standing(name=name, why=why, same_network=not (of_network or of_data or other_words))

    def _capped(self, cell: Cell) -> bool:
        """Whether the present scale caps anything of the cell but the number of seeds."""
        if cell.in_full:
            return False
        if self.params.present_scale.at_most.model_dump(exclude={"seeds"}, exclude_none=True):
            return True
        return self.params.studies[cell.study].caps(cell.experiment, self.params.scale) is not None


def _as_the_source(
    cell: Cell, experiment: ExperimentProtocol, source: Protocol, winner: dict[str, Value] | None
) -> Configuration | None:
    """What the source would train in the place of this cell; None where it has no such dataset or network."""
    settings = experiment.settings | _varying(experiment, cell)
    dataset = str(settings.get("dataset"))
    if dataset not in source.datasets:
        return None
    settings = source.datasets[dataset].options | settings
    selection = cell.selection if experiment.select else None
    chosen = winner or (selection.candidates[0].settings if selection else {})
    named = settings | {key: chosen[key] for key in (selection.settings if selection else ())}
    if network_name(named.get("network"), named) not in source.networks:
        return None
    where = f"{protocol.path(cell.study)}: {cell.experiment}"
    try:
        data = DataIdentity(
            dataset=dataset,
            data="real",
            format=source.datasets[dataset].format,
            options=source.datasets[dataset].description or registry.options_of(dataset, settings, where),
            files=source.datasets[dataset].files,
        )
        return dataclasses.replace(
            cell,
            settings=settings,
            data=data,
            word_vectors=source.datasets[dataset].word_vectors or None,
            template=cell.template.model_copy(update={"conventions": source.conventions, "networks": source.networks}),
            selection=selection,
        ).configuration(winner)
    except UserError:  # a value of ours does not fit the source's dataset or network
        return None


def _varying(experiment: ExperimentProtocol, cell: Cell) -> dict[str, Value]:
    """The settings that vary, with the cell's own values as far as the source varies them.

    Where they vary together, the values are those of the source's cell that has most of them in common with this one.
    """
    own, select = cell.settings, experiment.select
    taken_over = (*select.settings, *(["epochs"] if select.epochs else [])) if select else ()
    varying = {key: own[key] for key in (*experiment.grid, *taken_over) if key in own}
    moved = [key for key in experiment.around if own.get(key) != experiment.settings[key]]
    if len(moved) == 1 and moved[0] in own:
        varying[moved[0]] = own[moved[0]]

    def in_common(one: dict[str, Value]) -> int:
        return sum(own.get(key) == value for key, value in one.items())

    return varying | max(experiment.cells, key=in_common, default={})


def _of_settings(ours: Configuration, theirs: Configuration) -> dict[str, str]:
    """Differences in what every network has in common, and in the conventions."""
    return _differences(*(_flat_settings(one) | {"conventions": one.conventions} for one in (ours, theirs)))


def _flat_settings(configuration: Configuration) -> Flat:
    flat: Flat = configuration.settings.model_dump(exclude={"network", "dataset", *RECORDING})
    for rows in ("train_rows", "test_rows"):
        cap = flat.pop(f"{rows}_cap")
        flat[rows] = flat[rows] or (f"at most {cap}" if cap else "all")
    return flat


def _of_data(ours: Configuration, theirs: Configuration, contents: list[str]) -> dict[str, str]:
    """Differences in the dataset and in how it is prepared and read.

    `contents`: checksums of prepared data that stand for the source's, whatever files they were made from.
    """
    if ours.data.dataset != theirs.data.dataset:
        return _differences({"dataset": ours.data.dataset}, {"dataset": theirs.data.dataset})
    both = ours.data.files.keys() & theirs.data.files.keys()
    if any(ours.data.files[name] != theirs.data.files[name] for name in both):
        both = set() if contents and content.digest(ours.data.folder) in contents else both
    return _differences(*(_flat_data(one.data, both) for one in (ours, theirs)))


def _flat_data(data: DataIdentity, files: Collection[str]) -> Flat:
    vectors = {f"word_vectors.{key}": value for key, value in (data.word_vectors or {}).items()}
    for key in ("code", *ROWS):
        vectors.pop(f"word_vectors.{key}", None)
    return {**data.options, **data.reading, **vectors, **{f"checksum of {name}": data.files[name] for name in files}}


def _of_network(ours: Configuration, theirs: Configuration) -> dict[str, str]:
    """Differences in the layers."""
    kinds = [", ".join(layer.kind for layer in one.network) for one in (ours, theirs)]
    if kinds[0] != kinds[1]:
        return _differences({"network": kinds[0]}, {"network": kinds[1]})
    name = ours.settings.network  # it may be called otherwise in the source
    return _differences(*(_flat_network(one, name) for one in (ours, theirs)))


def _flat_network(configuration: Configuration, name: str) -> Flat:
    return {
        f"{name}.{number}.{layer.kind}.{key}": value
        for number, layer in enumerate(configuration.network)
        for key, value in layer.model_dump(exclude={"kind"}).items()
    }


def _experiment(cell: Cell) -> Flat:
    """What its experiment says beside settings that decides its numbers."""
    experiment = cell.template.experiments[cell.experiment]
    measured = experiment.select if experiment.select and experiment.select.winner == "measured" else None
    return _as_flat(measured, experiment.converged_at, experiment.converged_on)


def _as_flat(select: Select | None, converged_at: float | None, converged_on: str) -> Flat:
    of_select = {f"select.{key}": value for key, value in select.model_dump(by_alias=True).items()} if select else {}
    return of_select | {"converged_at": converged_at, "converged_on": converged_on}


def _differences(ours: Flat, theirs: Flat) -> dict[str, str]:
    """The places where both differ, each with a text such as `epochs: 10 instead of 100`."""
    return {
        key: f"{key}: {_text(ours.get(key))} instead of {_text(theirs.get(key))}"
        for key in {**theirs, **ours}
        if ours.get(key) != theirs.get(key)
    }


def _text(value: object) -> str:
    match value:
        case None | []:
            return "none"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _has_words(configuration: Configuration) -> bool:
    """Whether the network has parameters for each token id of a text."""
    return any(
        layer.kind in ("embedding", "bag") or (layer.kind == "tokens" and layer.level == "word")
        for layer in configuration.network
    )
