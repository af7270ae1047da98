"""Whether a cell is run as its source says."""

from regrade.cells.cell import Cell
from regrade.config.params import Params


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
