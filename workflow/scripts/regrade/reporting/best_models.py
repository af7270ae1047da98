"""The best model of each experiment, copied from its cell to a name that does not change with the winner."""

import shutil
from pathlib import Path

from regrade.cells import MODEL, RECORD, Cell
from regrade.datasets.prepared import whole_folder
from regrade.integrity import verify
from regrade.reporting.evidence import Evidence


def write(evidence: Evidence, folder: Path) -> None:
    """Make `folder` with <experiment>.safetensors and <experiment>.json, the weights and the record of the best cell.

    An experiment without a trained cell has none. What was in `folder` before is gone. UserError, and nothing is
    changed there, when a file of such a cell is damaged.
    """
    with whole_folder(folder) as partial:
        for experiment in evidence.study.experiments:
            if cell := best(evidence, experiment):
                verify([cell.folder], RECORD)
                shutil.copyfile(cell.folder / MODEL, partial / f"{experiment}.safetensors")
                shutil.copyfile(cell.folder / RECORD, partial / f"{experiment}.json")


def best(evidence: Evidence, experiment: str) -> Cell | None:
    """The cell with the highest accuracy after the last epoch, as its weights are kept, on the rows it is evaluated on.

    The mean over the seeds counts, of equal ones the first in params.yaml. None where no cell is trained.
    """
    trained = [cell for cell in evidence.find(experiment) if len(evidence.of(cell))]
    return max(trained, key=lambda cell: _last_accuracy(evidence, cell), default=None)


def _last_accuracy(evidence: Evidence, cell: Cell) -> float:
    split = cell.configuration().settings.evaluated
    return evidence.of(cell)[f"{split}_accuracy_last_epoch"].mean()
