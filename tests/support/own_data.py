"""Datasets of one's own, from files that a test has written, on the way that a job takes."""

from pathlib import Path

from pydantic import TypeAdapter
from regrade.config.dataset import AnyDataset, OwnDataset
from regrade.core.errors import UserError
from regrade.datasets import registry
from regrade.datasets.checksums import checksum
from regrade.datasets.fetch import fetch
from regrade.datasets.identity import RAW, DataIdentity
from regrade.datasets.prepared import Prepared

DRAW = {"test_share": 0.25, "seed": 7}


def described(*paths: Path, **keys: object) -> OwnDataset:
    """An entry of `datasets` with these files and keys."""
    files = {path.name: {"urls": [str(path)], "sha256": checksum(path)} for path in paths}
    return TypeAdapter(AnyDataset).validate_python({"files": files, "split": DRAW} | keys)


def identity(entry: OwnDataset, data: str = "real", name: str = "own") -> DataIdentity:
    return registry.identity(name, data, {}, {name: entry}, "here")


def prepare(*paths: Path, **keys: object) -> Prepared:
    """The dataset of these files, in the working directory: fetched and prepared."""
    entry = described(*paths, **keys)
    for name, file in entry.files.items():
        fetch(file, RAW / "own" / name)
    this = identity(entry)
    module = registry.module(this.dataset, this.format)
    return module.prepare({Path(file).name: RAW / file for file in this.files}, registry.options(this))


def stand_in(this: DataIdentity) -> Prepared:
    return registry.module(this.dataset, this.format).stand_in(registry.options(this))


def sentence(*paths: Path, **keys: object) -> str:
    """What is said of files that cannot be prepared: one sentence."""
    try:
        prepare(*paths, **keys)
    except UserError as error:
        assert "\n" not in str(error)
        return str(error)
    raise AssertionError("nothing was said")
