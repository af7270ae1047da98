"""Python that belongs to one study, in its folder workflow/studies/<study>/, and what its measurements found."""

import importlib.util
from pathlib import Path
from types import ModuleType

from regrade.cells.layout import RESULTS
from regrade.config import studies
from regrade.core.errors import UserError
from regrade.core.integrity import read

# Functions for this study's template, and `measure`, which measures something apart from the study's cells
FIGURES, MEASURE = "figures.py", "measure.py"
MEASUREMENTS = "measurements.json"


def path(study: str, name: str) -> Path:
    """Where this code of a study is, if it has any."""
    return studies.folder(study) / name


def load(study: str, name: str) -> ModuleType | None:
    """The module, freshly run; None where the study has none. UserError for any error that it raises meanwhile."""
    file = path(study, name)
    if not file.exists():
        return None
    specification = importlib.util.spec_from_file_location(f"study_{study}_{file.stem}", file)
    assert specification and specification.loader, "every file that ends with .py has a loader"
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{file} cannot be imported: {type(error).__name__}: {error}; mend it") from error
    return module


def measure(study: str) -> dict:
    """What the study's `measure` finds. UserError where its measure.py has no such function."""
    function = getattr(load(study, MEASURE), MEASURE.removesuffix(".py"), None)
    if function is None:
        raise UserError(f"{path(study, MEASURE)} has no function measure; add it")
    return function()


def measured(study: str) -> Path:
    """The file that `measure` of the study's measure.py goes into."""
    return RESULTS / study / MEASUREMENTS


def measurements(study: str) -> dict:
    """What `measure` found; empty while it has not been run. UserError when its file is damaged; it is deleted then."""
    return read(measured(study)) if measured(study).exists() else {}
