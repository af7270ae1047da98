"""What a study's source did, experiment by experiment: workflow/studies/<study>/protocol.yaml.

`regrade protocol` writes it from params.yaml. What is run is compared with it, so that a number or a claim is
judged only by runs that have the source's settings.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from regrade.config import studies
from regrade.config.messages import first_mistake
from regrade.config.study import Select
from regrade.config.types import Count, LayerTemplate, Name, Section, Value
from regrade.core import yaml_files
from regrade.core.errors import UserError


class ExperimentProtocol(Section):
    """An experiment as its source did it. What its cells have in common is fixed, and so is how the others vary."""

    settings: dict[Name, Value]
    """Settings that all cells share, and those around which cells vary."""
    grid: list[Name] = Field([])
    """Settings that vary independently. They may have any value: claims and numbers name those that they are about."""
    around: list[Name] = Field([])
    """Settings of which one at a time has another value than in `settings`."""
    cells: list[dict[Name, Value]] = Field([])
    """The combinations of settings that vary together."""
    select: Select | None = None
    """How settings are taken over from a measured winner."""
    converged_at: float | None = None
    """The accuracy that counts as converged."""
    converged_on: str = "evaluated"
    """Which accuracy that is."""


class DatasetProtocol(Section):
    """A dataset as a study reads it."""

    options: dict[Name, Value] = Field({})
    """Settings of every cell on this dataset, unless its experiment says otherwise."""
    format: str = ""
    """The format of a dataset of one's own."""
    description: dict[str, Any] = Field({})
    """What is said of how a dataset of one's own is read and split."""
    files: dict[str, str] = Field({})
    """Checksums of its raw files, by source/name. Files that are not listed, as the coursework's own, are accepted."""
    contents: list[str] = Field([])
    """Checksums of what is prepared from them. Where one of these comes out, other files have the same data."""
    word_vectors: dict[Name, Count] = Field({})
    """How its word vectors are fitted."""


class Protocol(Section):
    """A study as its source did it."""

    conventions: str
    """Whose defaults apply where the source is silent."""
    networks: dict[Name, Annotated[list[LayerTemplate], Field(min_length=1)]]
    """Networks by name, as in params.yaml."""
    datasets: dict[Name, DatasetProtocol]
    """Datasets by name."""
    experiments: dict[Name, ExperimentProtocol]
    """Experiments by name."""


def path(study: str) -> Path:
    """Where a study's protocol is kept."""
    return studies.folder(study) / "protocol.yaml"


def read(study: str) -> Protocol | None:
    """A study's protocol; None where it has none, as a study of one's own. UserError names what is wrong."""
    file = path(study)
    if not file.exists():
        return None
    content: Any = yaml_files.read(file)
    try:
        return Protocol.model_validate(content)
    except ValidationError as error:
        where, complaint = first_mistake(error, content)
        place = f"{file}: {where}" if where else f"{file}"
        raise UserError(f"{place}: {complaint}; regrade protocol writes it again") from None
