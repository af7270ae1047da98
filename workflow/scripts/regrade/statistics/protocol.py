"""Whether a cell is run as its source says, and on how many rows the source evaluates it."""

from regrade.cells.cell import Cell
from regrade.config.params import Params
from regrade.config.types import Value
from regrade.datasets import registry


def reduced(params: Params, cell: Cell) -> bool:
    """Whether the present scale runs less of a cell than the source did: other data, or any cap but that on seeds."""
    scale = params.present_scale
    if scale.data != "real" or scale.at_most.model_dump(exclude={"seeds"}, exclude_none=True):
        return True
    experiments = params.studies[cell.study].experiments
    name: str | None = cell.experiment
    while name:
        if params.scale in experiments[name].at_most:
            return True
        name = experiments[name].like
    return False


def rows(cell: Cell, split: str) -> int | None:
    """How many rows of `split` (test, validation) the experiment asks for, whatever the present scale allows.

    None where it does not say how many, but takes all that there are; and for texts of a formal language, whose
    accuracies are shares of symbols.
    """
    if registry.task(cell.data.dataset) == "language":
        return None
    asked = _asked(cell, f"{split}_rows")
    return asked if type(asked) is int and asked else None


def _asked(cell: Cell, key: str) -> Value | None:
    """A setting of the cell before any cap."""
    if key in cell.varying:
        return cell.varying[key]
    name: str | None = cell.experiment
    while name:
        experiment = cell.template.experiments[name]
        if key in experiment.settings:
            return experiment.settings[key]
        name = experiment.like
    return None
