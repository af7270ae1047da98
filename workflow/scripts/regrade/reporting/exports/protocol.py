"""protocol.yaml of each study: what its source did, from params.yaml as it is shipped."""

import yaml

from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.config.dataset import Dataset
from regrade.config.params import Params
from regrade.config.protocol import DatasetProtocol, ExperimentProtocol, Protocol, path
from regrade.config.scale import Scale
from regrade.config.study import Study
from regrade.core.files import write_text

HEADER = """\
# What the source did, experiment by experiment. What is run with other settings is not judged: see docs/statistics.md.
# Written by `regrade protocol` from params.yaml; a test fails when it is behind.
"""
# A scale of its own: experiments may cap the others
UNCAPPED = "uncapped"


def write(params: Params) -> None:
    """Write the protocol of every study, each file whole or not at all."""
    for study, protocol in protocols(params).items():
        content = protocol.model_dump(by_alias=True, exclude_defaults=True)
        write_text(path(study), HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))


def protocols(params: Params) -> dict[str, Protocol]:
    """The protocols by study: all that params.yaml asks for without a scale's caps."""
    uncapped = params.model_copy(update={"scale": UNCAPPED, "scales": {UNCAPPED: Scale(data="real")}})
    every = expansion.expand(uncapped)
    return {
        study: _protocol(uncapped, study, [cell for cell in every if cell.study == study]) for study in params.studies
    }


def _protocol(params: Params, name: str, cells: list[Cell]) -> Protocol:
    study = params.studies[name]
    first = {cell.experiment: cell for cell in reversed(cells)}
    datasets = {cell.data.dataset: _dataset(params, cell) for cell in cells}
    return Protocol(
        conventions=study.conventions,
        networks=study.networks,
        datasets=dict(sorted(datasets.items())),
        experiments={experiment: _experiment(study, experiment, first[experiment]) for experiment in study.experiments},
    )


def _dataset(params: Params, cell: Cell) -> DatasetProtocol:
    given = params.datasets.get(cell.data.dataset, Dataset())
    own = cell.data.format
    return DatasetProtocol(
        options=given.options,
        format=own,
        description=cell.data.options if own else {},
        files=cell.data.files,
        contents=given.contents,
        word_vectors=given.word_vectors or {},
    )


def _experiment(study: Study, name: str, cell: Cell) -> ExperimentProtocol:
    """`cell`: any of the experiment. Neither what varies is fixed nor what a measured winner decides."""
    experiment = study.experiments[name]
    settings, select = study.settings(name), experiment.select
    if select:
        reported = select.winner == "reported"
        settings |= {key: cell.settings[key] for key in select.settings if reported}
        varying = () if reported else (*select.settings, *(["epochs"] if select.epochs else []))
        settings = {key: value for key, value in settings.items() if key not in varying}
    return ExperimentProtocol(
        settings={key: value for key, value in settings.items() if experiment.around or key not in cell.varying},
        grid=list(experiment.grid or ()),
        around=list(experiment.around or ()),
        cells=experiment.cells or [],
        select=select if select and select.winner == "measured" else None,
        converged_at=experiment.converged_at,
        converged_on=experiment.converged_on,
    )
