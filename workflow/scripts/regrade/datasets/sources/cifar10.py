"""CIFAR-10: 60,000 colour photographs of 32×32 pixels in 10 classes (Krizhevsky 2009)."""

import tarfile
import zlib
from pathlib import Path

import numpy as np

from regrade.config.options import DatasetOptions
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.kinds import pickles
from regrade.datasets.prepared import Prepared

ARCHIVE = "cifar-10-python.tar.gz"
ALTERNATIVES = ((f"cifar10/{ARCHIVE}",),)
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
TRAIN = [f"data_batch_{number}" for number in range(1, 6)]
TEST = ["test_batch"]


class Options(DatasetOptions):
    """CIFAR-10 is prepared in one way."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((3, 32, 32), len(CLASSES), "bytes")


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The publisher's archive as tensors: images (rows, 3, 32, 32) uint8, in the publisher's order.

    Nothing is extracted to disk, and the pickles inside may hold arrays and plain containers only.
    UserError when the archive is damaged or is not CIFAR-10.
    """
    path = files[ARCHIVE]
    try:
        with tarfile.open(path) as archive:
            batches = {name: _batch(archive, path, name) for name in TRAIN + TEST}
    except (tarfile.TarError, EOFError, zlib.error, OSError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run again") from error
    train, test = ([batches[name] for name in names] for names in (TRAIN, TEST))
    return Prepared(
        train_inputs=np.concatenate([images for images, _ in train]),
        train_targets=np.concatenate([labels for _, labels in train]),
        test_inputs=np.concatenate([images for images, _ in test]),
        test_targets=np.concatenate([labels for _, labels in test]),
        classes=CLASSES,
        source="CIFAR-10, the publisher's archive",
    )


def _batch(archive: tarfile.TarFile, path: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (rows, 3, 32, 32) uint8 and labels (rows,) int64 of one batch file."""
    member = f"cifar-10-batches-py/{name}"
    file = archive.extractfile(member)
    if file is None:
        raise KeyError(f"{member} is not a file")
    content = pickles.load(file, f"{path}: {member}")
    images, labels = np.asarray(content[b"data"]), np.asarray(content[b"labels"], dtype=np.int64)
    if images.dtype != np.uint8 or images.shape != (len(labels), 3072) or not ((labels >= 0) & (labels < 10)).all():
        raise UserError(f"{path}: {member} does not hold rows of 3072 bytes with labels 0 to 9; it is not CIFAR-10")
    return images.reshape(-1, 3, 32, 32), labels


def stand_in(options: Options) -> Prepared:
    """Generated images of CIFAR-10's shape, for runs without a network: gratings in noise.

    A class is a direction of the stripes (18 degrees apart) with a slight tint. Phase, stripe width, contrast and
    background are drawn per image. Directions scatter so that about every seventh image looks like a neighbouring
    class: a small CNN learns quickly, and none gets all images right.
    """
    random = np.random.default_rng(10)
    train_rows, rows = 2000, 3000
    labels = np.arange(rows) % 10
    random.shuffle(labels)
    angle = np.pi * (labels + random.normal(0, 0.35, rows)) / 10
    wave = 2 * np.pi / random.uniform(5, 9, rows)
    phase = random.uniform(0, 2 * np.pi, rows)
    contrast = random.uniform(0.12, 0.4, rows)
    y, x = np.mgrid[:32, :32]
    direction = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    stripes = contrast[:, None, None] * np.sin(wave[:, None, None] * direction + phase[:, None, None])
    tints = np.random.default_rng(11).normal(0, 0.05, (10, 3))
    base = 0.5 + tints[labels] + random.normal(0, 0.1, (rows, 3))
    images = base[:, :, None, None] + stripes[:, None] + random.normal(0, 0.12, (rows, 3, 32, 32))
    pixels = (images.clip(0, 1) * 255).astype(np.uint8)
    return Prepared(
        train_inputs=pixels[:train_rows],
        train_targets=labels[:train_rows],
        test_inputs=pixels[train_rows:],
        test_targets=labels[train_rows:],
        classes=CLASSES,
        source="generated stand-in (striped images), not CIFAR-10",
    )
