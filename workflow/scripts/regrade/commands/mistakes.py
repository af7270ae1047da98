"""Everything that is wrong with params.yaml, its overlays and the files of the studies, before anything is run.

No rule is written here. What has mistakes is left out, so that the rest can be judged.
"""

import itertools
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import TemplateSyntaxError
from pydantic import TypeAdapter, ValidationError

from regrade.bundle import describe
from regrade.bundle.manifest import BundledCell
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.checking import references
from regrade.checking.references import Experiment
from regrade.config import claims, looks, params, protocol, reported, studies
from regrade.config.messages import hint
from regrade.config.overlays import BASE
from regrade.config.params import Params
from regrade.config.places import Places, about_parameters
from regrade.config.study import Study
from regrade.config.types import Name, Value
from regrade.core import fingerprints, yaml_files
from regrade.core.errors import UserError
from regrade.reporting import study_code
from regrade.reporting.evidence import Evidence
from regrade.reporting.pages import study_page
from regrade.reporting.pages.rendering import environment

_NAME = TypeAdapter(Name)


def mistakes(places: Places, names: Collection[str]) -> Iterator[str]:
    """A sentence for each mistake in the parameters, and in the files of these studies, file by file."""
    config = places.merged()
    # Of all studies, as what is said of seeds may name any
    parameters, errors = params.salvaged(config)
    others = _mapping(config, "studies").keys() - names
    beside = (*_of_studies(others), *_of_seeds(config))
    errors = [error for error in errors if not str(error).startswith(beside)]
    if others:
        config["studies"] = {name: config["studies"][name] for name in names}
        parameters = parameters and parameters.model_copy(
            update={"studies": {name: one for name, one in parameters.studies.items() if name in names}}
        )
    if parameters and parameters.scale not in parameters.scales:
        # What the studies name hardly depends on the scale
        scale = next(iter(parameters.scales), None)
        parameters = parameters.model_copy(update={"scale": scale}) if scale else None
    cells, unexpanded = expansion.attempt(parameters) if parameters else ([], {})
    left_out = _experiments(config) - {(cell.study, cell.experiment) for cell in cells} - unexpanded.keys()
    refused = {
        study: _refused(
            content, _of(study, left_out), {name: unexpanded[study, name].each for name in _of(study, unexpanded)}
        )
        for study, content in (parameters.studies.items() if parameters else ())
    }
    yield from places.by_file(itertools.chain(map(str, errors), *refused.values()))
    unknown = left_out | unexpanded.keys()
    for study in filter(_is_name, names):
        # An experiment may take settings over from what reported.csv states
        of_others = itertools.filterfalse(about_parameters, refused.get(study, ()))
        of_study = [cell for cell in cells if cell.study == study]
        complete = parameters if of_study and not _of(study, unknown) and not _contradict(parameters) else None
        yield from dict.fromkeys([*of_others, *_of_files(study, of_study, unknown, complete)])


def _of_studies(names: Iterable[str]) -> Iterator[str]:
    """How sentences begin that are about these studies."""
    for name in names:
        yield from (f"{BASE}: studies.{name}.", f"{BASE}: studies.{name}:")


def _of_seeds(config: dict[str, Any]) -> Iterator[str]:
    """How sentences begin that would miss what seeds are added to, only because it has a mistake and is left out."""
    entries = config.get("more_seeds")
    for number, one in enumerate(entries if isinstance(entries, list) else ()):
        study, experiment = (one.get("study"), one.get("experiment")) if isinstance(one, dict) else (None, None)
        experiments = _mapping(_mapping(_mapping(config, "studies"), str(study)), "experiments")
        if study in _mapping(config, "studies"):
            yield f"{BASE}: more_seeds.{number}.study: there is no study"
        if experiment in experiments:
            yield f"{BASE}: more_seeds.{number}.experiment: there is no experiment"


def _contradict(parameters: Params | None) -> bool:
    """Whether the planned looks contradict each other, so that no page can show them."""
    return parameters is not None and any(looks.contradictions(parameters.looks))


def _of(study: str, experiments: Iterable[Experiment]) -> list[str]:
    """The names of those that are of this study."""
    return [name for other, name in experiments if other == study]


def _refused(study: Study, left_out: Collection[str], complaints: dict[str, list[str]]) -> list[str]:
    """The complaints about a study's experiments without those that others are the reason for.

    Those others are left out, or refused for the same.
    """
    own: list[str] = []
    for name, of_experiment in complaints.items():
        needed = _needed(study, name) - {name}
        same = {
            one.replace(f".{other}", f".{name}") for other in needed & complaints.keys() for one in complaints[other]
        }
        if needed.isdisjoint(left_out):
            own += [one for one in of_experiment if one not in same]
    return own


def _of_files(
    study: str, cells: list[Cell], unknown: Collection[Experiment], parameters: Params | None
) -> Iterator[str]:
    """What is wrong with the files of a study. Its page is not tried without `parameters`."""
    yield from map(str, references.complaints([study], cells, unknown))
    yield from _misnamed(study)
    templates = sorted(studies.folder(study).glob("*.j2"))
    of_layout = [*_refusals(*(partial(_parse, template) for template in templates), partial(_load, study))]
    yield from _refusals(partial(protocol.read, study))
    yield from of_layout
    yield from _refusals(partial(fingerprints.code, study_code.path(study, study_code.MEASURE)))
    # A page would only say again what is wrong with what it is made by
    if parameters and not of_layout:
        yield from _of_page(study, cells, parameters)


def _experiments(config: dict[str, Any]) -> set[Experiment]:
    """All experiments by their studies and names, right or wrong."""
    names = set()
    for study, content in _mapping(config, "studies").items():
        names |= {(study, name) for name in _mapping(content, "experiments") if isinstance(name, str)}
    return names


def _mapping(content: object, key: str) -> dict[str, Any]:
    inner = content.get(key) if isinstance(content, dict) else None
    return inner if isinstance(inner, dict) else {}


def _needed(study: Study, name: str, *through: str) -> set[str]:
    """The experiments that one takes something over from, directly or not."""
    experiment = study.experiments.get(name)
    if experiment is None or name in through:
        return set()
    sources = {experiment.like, experiment.select and experiment.select.source} - {None}
    return {str(source) for source in sources}.union(*(_needed(study, str(one), name, *through) for one in sources))


def _is_name(study: str) -> bool:
    try:
        return bool(_NAME.validate_python(study))
    except ValidationError:
        return False


def _misnamed(study: str) -> Iterator[str]:
    """Files that nobody reads, since their names are not quite those that are read."""
    read = (claims.path, reported.path, protocol.path)
    names = [*(path(study).name for path in read), study_page.TEMPLATE, study_code.FIGURES, study_code.MEASURE]
    return studies.misnamed(study, names)


def _refusals(*checks: Callable[[], object]) -> Iterator[str]:
    """What these checks of single files raise, whatever the files are used for."""
    for check in checks:
        try:
            check()
        except UserError as error:
            yield str(error)


def _parse(template: Path) -> None:
    try:
        environment(template.parent).get_template(template.name)
    except TemplateSyntaxError as error:
        raise UserError(f"{template}, line {error.lineno}: {error.message}; mend the template") from None
    except UnicodeDecodeError as error:
        raise UserError(yaml_files.not_utf_8(template, error)) from None
    except OSError as error:
        raise UserError(f"{template} cannot be read ({error.strerror or 'it is no file'}); mend or remove it") from None


def _load(study: str) -> None:
    """Import what draws the study's figures: any error that this raises would be raised again by the report."""
    fingerprints.code(study_code.path(study, study_code.FIGURES))
    study_code.load(study, study_code.FIGURES)


@dataclass(frozen=True)
class _Untrained(Evidence):
    """Of no runs. It notes the experiments that a template asks for and the study does not have."""

    unknown: set[str] = field(default_factory=set)

    def find(self, experiment: str, **settings: Value) -> list[BundledCell]:
        """The cells of an experiment; none where there is none of this name."""
        if experiment not in self.study.experiments:
            self.unknown.add(experiment)
        return super().find(experiment, **settings)


def _of_page(study: str, cells: list[Cell], parameters: Params) -> Iterator[str]:
    """What is wrong with the study's page while nothing is trained, and with what claims say is on it."""
    nothing = pd.DataFrame({"experiment": [], "cell": [], "folder": [], "status": []})
    with tempfile.TemporaryDirectory() as folder:
        try:
            manifest = describe.manifest(study, parameters, cells)
            untrained = [cell.model_copy(update={"status": "missing"}) for cell in manifest.cells]
            manifest = manifest.model_copy(update={"cells": untrained})
            evidence = _Untrained(untrained, nothing, nothing, manifest, False)
            page = study_page.body(evidence, Path(folder))
        except UserError as error:
            yield str(error)
            return
    for name in sorted(evidence.unknown):
        guess = hint(name, manifest.experiments)
        templates = sorted(studies.folder(study).glob("*.j2"))
        main = studies.folder(study) / study_page.TEMPLATE
        template = next((file for file in templates if name in file.read_text("utf-8")), main)
        yield f"{template}: params.yaml has no experiment {name!r} in {study}{guess}; correct the name"
    for claim in claims.salvaged(study)[0].claims:
        for anchor in claim.figures:
            if f"id='{anchor}'" not in page.html:
                yield f"{claims.path(study)}: {claim.id}: figures: the page has no {anchor!r}; correct or remove it"
