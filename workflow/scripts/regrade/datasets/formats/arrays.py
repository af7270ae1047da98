"""Rows of arrays from .npz or .safetensors files, with an array of classes."""

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from regrade.config.own_data import ArraysOptions as Options
from regrade.config.own_data import ByPart, Split
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.kinds import labelled
from regrade.datasets.kinds.labelled import Rows, Splits
from regrade.datasets.prepared import Prepared
from regrade.datasets.standins import clusters

MOST_BYTES = 2**34  # of an array
MEND = "correct the file, and its sha256 in params.yaml"
# What is raised for a file that is damaged, or another
_DAMAGED = (
    *(SafetensorError, zipfile.BadZipFile, zlib.error),
    *(EOFError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError),
)


def form(options: Options) -> Form | None:
    """What its rows are; None where params.yaml does not say."""
    described = options.stand_in
    return Form(tuple(described.shape), described.classes, described.values) if described else None


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The rows as float32, or as uint8 where they are bytes; images with their channels first.

    Nothing is unpickled. UserError for arrays that are missing, of the wrong shape or kind, or not finite, and for
    classes that are missing.
    """
    split, (inputs, targets) = options.split, (options.inputs, options.targets)
    if isinstance(inputs, ByPart) and isinstance(targets, ByPart):
        (path,) = files.values()
        parts = {
            "train": _rows(path, inputs.train, targets.train, options),
            "test": _rows(path, inputs.test, targets.test, options),
        }
        split = Split(train=["train"], test=["test"], seed=split.seed if split else None)
    else:
        parts = {name: _rows(path, str(inputs), str(targets), options) for name, path in files.items()}
    assert split is not None
    if len({rows.inputs.dtype for rows in parts.values()}) > 1:
        # A network takes bytes or numbers, not both
        parts = {name: replace(rows, inputs=rows.inputs.astype(np.float32)) for name, rows in parts.items()}
    return labelled.divided(parts, split, options.classes).prepared(labelled.source("arrays", files, split))


def _rows(path: Path, inputs_name: str, targets_name: str, options: Options) -> Rows:
    inputs, targets = _array(path, inputs_name), _array(path, targets_name)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1 or targets.dtype.kind not in "iubU":
        raise UserError(
            f"{path}: {targets_name} is of shape {targets.shape} and type {targets.dtype}, but there must be one class "
            f"per row, a whole number or a text; {MEND}"
        )
    if len(inputs) != len(targets) or not len(targets):
        raise UserError(f"{path}: {inputs_name} has {len(inputs)} rows and {targets_name} {len(targets)}; {MEND}")

    def place(row: int) -> str:
        return f"{path}, row {max(row, 0)} of {targets_name}"

    return Rows(_inputs(inputs, f"{path}: {inputs_name}", options), [str(one) for one in targets.tolist()], place)


def _inputs(inputs: np.ndarray, where: str, options: Options) -> np.ndarray:
    """The array as a network takes it. UserError for another shape or kind."""
    images, sides = options.channels, {None: range(2, 5), "absent": (3,), "first": (4,), "last": (4,)}
    if inputs.ndim not in sides[images] or 0 in inputs.shape:
        expected = (
            f"images with channels {images} have {sides[images][0]} dimensions" if images else "there must be 2 to 4"
        )
        raise UserError(
            f"{where} is of shape {inputs.shape}, but {expected}, the rows first; {MEND}, or change channels"
        )
    if inputs.dtype.kind not in "iubf":
        raise UserError(f"{where} is of type {inputs.dtype}, but inputs must be numbers; {MEND}")
    if images == "absent":
        inputs = inputs[:, None]
    elif images == "last":
        inputs = np.moveaxis(inputs, 3, 1)
    if inputs.dtype == np.uint8:
        return inputs
    with np.errstate(over="ignore"):
        single = inputs.astype(np.float32)
    for place in np.argwhere(~np.isfinite(single))[:1]:
        raise UserError(f"{where}: {inputs[tuple(place)]} in row {place[0]} is no finite 32-bit number; {MEND}")
    return single


def _array(path: Path, name: str) -> np.ndarray:
    """One array of a file. UserError when it has none of this name, or one that can only be unpickled."""
    try:
        if zipfile.is_zipfile(path):
            return _of_npz(path, name)
        with safe_open(path, framework="numpy") as file:
            _require(name, list(file.keys()), path)
            return file.get_tensor(name)
    except _DAMAGED as error:
        raise UserError(
            f"{path}: {name} cannot be read as an array of an .npz or .safetensors file ({error}); {MEND}"
        ) from error


def _of_npz(path: Path, name: str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        _require(name, file.files, path)
        if (size := file.zip.getinfo(f"{name}.npy").file_size) > MOST_BYTES:
            raise UserError(f"{path}: {name} has {size:,} bytes, more than {MOST_BYTES:,}; use fewer rows")
        try:
            return file[name]
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            raise UserError(
                f"{path}: {name} is an array of Python objects, which could run code, so it was not read; save it as "
                "numbers, or as texts of a type like <U20"
            ) from None


def _require(name: str, names: list[str], path: Path) -> None:
    if name not in names:
        raise UserError(
            f"{path} has no array {name!r} (its arrays: {', '.join(names)}); correct the name in params.yaml"
        )


def stand_in(options: Options) -> Prepared:
    """Generated rows, for runs without the files. See `regrade.datasets.standins.clusters`."""
    described = options.stand_in
    assert described is not None
    generate = clusters.pixels if described.values == "bytes" else clusters.numbers
    train, test = clusters.targets(described)
    inputs = [generate(of_class, tuple(described.shape), seed) for seed, of_class in enumerate((train, test))]
    return Splits(inputs[0], train, inputs[1], test, clusters.names(options, described)).prepared(clusters.SOURCE)
