"""Where the files of a cell are, and what varies between cells as text."""

import re
from pathlib import Path
from typing import Literal

from regrade.config.types import Value

RESULTS = Path("results")
# What outlives failed and killed jobs: states of runs, records of failures. Snakemake does not know of it.
STATES = RESULTS / ".state"
# Between the settings in a cell's name. Not a comma: in a job on a cluster, Snakemake takes it for the end of the name
# (https://github.com/snakemake/snakemake/issues/2366)
AND = "+"
# Whether a cell has results: done; diverged, where a loss was not finite; failed, in its last attempt; missing
Status = Literal["done", "diverged", "failed", "missing"]
# The files of a finished cell
FILES = HISTORY, PREDICTIONS, MODEL, RECORD = (
    "history.parquet",
    "predictions.parquet",
    "model.safetensors",
    "run.json",
)


def label(varying: dict[str, Value], separator: str = ", ") -> str:
    """`varying` as a text of one line, for example filters1=10, filters2=20."""
    return separator.join(f"{key}={' '.join(f'{value}'.split())}" for key, value in varying.items())


def file_label(varying: dict[str, Value]) -> str:
    """`varying` as a part of a file's name, for example filters1=10+filters2=20.

    It is cut, because file systems limit the length of a name.
    """
    return AND.join(f"{key}={re.sub(r'[^A-Za-z0-9._-]', '_', f'{value}')}" for key, value in varying.items())[:200]
