"""study.yaml: what a study's folder says of runs that come as a table, where no params.yaml does."""

from pathlib import Path

from pydantic import Field, ValidationError

from regrade.config import studies
from regrade.config.looks import Looks
from regrade.config.messages import first_mistake
from regrade.config.types import Name, Section, Value
from regrade.core import yaml_files
from regrade.core.errors import UserError


class DescribedExperiment(Section):
    """An experiment whose runs come as a table."""

    title: str | None = None
    """Title in the report; the experiment's name if absent."""
    settings: dict[Name, Value] = Field({})
    """Settings that the source's runs have in common. Runs with another value are of another protocol, and not judged.
    """


class Description(Section):
    """A study whose runs come as a table; every key may be absent."""

    title: str | None = None
    """Title of the report; the folder's name if absent."""
    source: str = "not named"
    """The report that is graded: its title, authors, year."""
    assumptions: list[str] = Field([])
    """What had to be assumed, as sentences for the report."""
    columns: dict[str, Name] = Field({})
    """What the table calls its columns, and what they are: `config.lr: lr`, `val_acc: validation_accuracy`."""
    looks: Looks | None = None
    """When claims are judged, as in `params.yaml`; if absent, once, with the fewest seeds that a claim's
    cells have in common.
    """
    experiments: dict[Name, DescribedExperiment] = Field({})
    """Experiments by name."""


def path(study: str) -> Path:
    """The file that describes a study from elsewhere."""
    return studies.folder(study) / "study.yaml"


def read(study: str) -> Description:
    """The description in a study's folder; an empty one without a file. UserError names file and key of a mistake."""
    file = path(study)
    if not file.exists():
        return Description()
    content = yaml_files.read(file) or {}
    try:
        return Description.model_validate(content)
    except ValidationError as error:
        where, complaint = first_mistake(error, content)
        raise UserError(f"{file}: {where}: {complaint}" if where else f"{file}: {complaint}") from None
