"""An archive like CIFAR-10's, small, pickled by Python 2."""

import io
import struct
import tarfile
from pathlib import Path

import numpy as np
from regrade.config.dataset import Dataset
from regrade.core.files import sha256
from regrade.datasets import registry
from regrade.datasets.sources import cifar10

from support.project import Project
from support.tiny import STUDY, sweep, tiny

ROWS = 20
PREPARED = "data/prepared/cifar10/real-*/tensors.safetensors"


def photographs(folder: Path) -> Project:
    """A working copy with one cell, on the photographs of an archive."""
    network = [
        {"rescale": {"divisor": 255}},
        "flatten",
        {"dense": {"units": "$width"}},
        {"dense": {"units": "classes"}},
    ]
    scale = {"scales": {"small": {"data": "real", "at_most": {"train_rows": 60, "test_rows": 20}}}}
    settings = sweep(settings={"dataset": "cifar10", "train_rows": 10000}, grid={"width": [2]})
    overlay = address(folder / "not there", "0" * 64)
    return tiny(folder, scale, settings, overlay, {"studies": {STUDY: {"networks": {"mlp": network}}}})


def images(batch: int) -> tuple[np.ndarray, list[int]]:
    """Rows of bytes and labels of one made-up batch."""
    random = np.random.default_rng(batch)
    return random.integers(0, 256, (ROWS, 3072), dtype=np.uint8), random.integers(0, 10, ROWS).tolist()


def python2_pickle(pixels: np.ndarray, labels: list[int]) -> bytes:
    """A batch as Python 2 pickled it (protocol 2, byte strings), written opcode by opcode."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    raw = pixels.tobytes()
    shape = b"M" + struct.pack("<H", len(pixels)) + b"M" + struct.pack("<H", 3072) + b"\x86"
    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    state = b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R" + state
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def archive(path: Path, batch: bytes | None = None) -> dict:
    """Write an archive like the publisher's; the overlay that points at it. `batch` replaces one batch file."""
    with tarfile.open(path, "w:gz") as file:
        for number, name in enumerate(cifar10.TRAIN + cifar10.TEST):
            content = batch if batch and number == 2 else python2_pickle(*images(number))
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return address(path, sha256(path))


def address(path: Path, checksum: str) -> dict:
    """The overlay that has the archive at this path."""
    return {"datasets": {"cifar10": {"files": {cifar10.ARCHIVE: {"urls": [path.as_uri()], "sha256": checksum}}}}}


def prepare(project: Project, overlay: dict):
    """Ask Snakemake for the prepared data only."""
    addresses = {"cifar10": Dataset.model_validate(overlay["datasets"]["cifar10"])}
    folder = registry.identity("cifar10", "real", {}, addresses, "here").folder
    return project.snakemake(str(folder), overlay=overlay)
