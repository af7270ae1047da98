"""Datasets: where each comes from, how it is prepared, and its offline stand-in.

A module `regrade.datasets.<name>` has FILES (names of its raw files), `prepare(folder)` and `stand_in()`; both return
a `Prepared`.
"""

import difflib
import importlib
from pathlib import Path
from types import ModuleType

from regrade.digest import code
from regrade.errors import UserError
from regrade.files import digest
from regrade.params import Dataset

NAMES = ("cifar10",)
RAW = Path("data/raw")
PREPARED = Path("data/prepared")


def module(name: str) -> ModuleType:
    """The module of a dataset."""
    return importlib.import_module(f"regrade.datasets.{name}")


def identity(name: str, data: str, addresses: dict[str, Dataset], where: str) -> dict:
    """What a prepared dataset is made of: its name, real or stand_in, its raw files' checksums, the code that makes it.

    UserError, beginning with `where`, for a dataset that does not exist or whose files have no address.
    """
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, 1)
        raise UserError(
            f"{where}: dataset {name!r} is none of {', '.join(NAMES)}"
            + (f"; did you mean {close[0]!r}?" if close else "")
        )
    made = {"dataset": name, "data": data, "code": code(f"regrade.datasets.{name}")}
    if data == "stand_in":
        return made
    files = addresses[name].files if name in addresses else {}
    for file in module(name).FILES:
        if file not in files:
            raise UserError(f"params.yaml: datasets.{name}.files: {file} is missing; give its urls and sha256")
    return made | {"files": {file: files[file].sha256 for file in module(name).FILES}}


def folder(identity: dict) -> Path:
    """Where the prepared dataset of this identity is kept."""
    return PREPARED / identity["dataset"] / f"{identity['data']}-{digest(identity)}"
