"""The best model of each experiment, copied from its cell to a name that does not change with the winner."""

import shutil
from pathlib import Path

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import MODEL, RECORD
from regrade.core.files import atomic_folder
from regrade.core.integrity import verify
from regrade.statistics.measurements import Measurements


def write(measurements: Measurements, folder: Path) -> None:
    """Make `folder` with <experiment>.safetensors and <experiment>.json, the weights and the record of the best cell.

    An experiment without a trained cell has none. What was in `folder` before is gone. UserError, and nothing is
    changed there, when a file of such a cell is damaged.
    """
    with atomic_folder(folder) as partial:
        for experiment in measurements.experiments:
            if cell := best(measurements, experiment):
                verify([cell.folder], RECORD)
                shutil.copyfile(cell.folder / MODEL, partial / f"{experiment}.safetensors")
                shutil.copyfile(cell.folder / RECORD, partial / f"{experiment}.json")


def best(measurements: Measurements, experiment: str) -> BundledCell | None:
    """The cell with the highest accuracy after the last epoch, as its weights are kept, on the rows it is evaluated on.

    The mean over the seeds counts, of equal ones the first in params.yaml. None where no cell is trained.
    """
    trained = [cell for cell in measurements.find(experiment) if len(measurements.of(cell))]
    return max(trained, key=lambda cell: _last_accuracy(measurements, cell), default=None)


def _last_accuracy(measurements: Measurements, cell: BundledCell) -> float:
    return measurements.of(cell)[f"{cell.evaluated}_accuracy_last_epoch"].mean()
