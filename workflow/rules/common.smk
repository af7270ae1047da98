# What the other rule files share: the parameters, checked before any job starts, and the cells they ask for.
import ctypes
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

min_version("9.0")
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from regrade import cells, datasets, digest, params
from regrade.errors import UserError

try:
    PARAMS = params.parse(config)
    CELLS = {cell.folder.as_posix(): cell for cell in cells.expand(PARAMS)}
except UserError as error:
    raise WorkflowError(str(error)) from None
validate(config, params.schema_path())

SELECTIONS = {cell.selection.path.as_posix(): cell.selection for cell in CELLS.values() if cell.selection}


wildcard_constraints:
    study="[a-z0-9_]+",
    experiment="[a-z0-9_]+",
    dataset="[a-z0-9_]+",
    variant="(real|stand_in)-[0-9a-f]{8}",


def cell_of(wildcards):
    """The cell that a training job's folder belongs to."""
    folder = f"{cells.RESULTS}/{wildcards.study}/{wildcards.experiment}/{wildcards.cell}"
    if folder not in CELLS:
        raise WorkflowError(f"{folder} is no cell of params.yaml; `python -m regrade cells` lists them")
    return CELLS[folder]


def gpus():
    """GPUs that a training job asks for: one, unless it is to run on the CPU or this machine has none."""
    if PARAMS.device != "auto":
        return int(PARAMS.device == "cuda")
    try:
        driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(0)
    except OSError:
        return 0
    return int(driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0)
