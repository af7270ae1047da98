"""MNIST: 70,000 handwritten digits of 28×28 grey pixels (LeCun, Cortes and Burges 1998)."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from regrade.config.options import DatasetOptions
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.prepared import Prepared

TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
ALTERNATIVES = (tuple(f"mnist/{name}" for name in TRAIN + TEST),)
CLASSES = [str(digit) for digit in range(10)]
MEND = "get the publisher's file, and correct its address and sha256 in params.yaml"


class Options(DatasetOptions):
    """MNIST is prepared in one way."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((1, 28, 28), len(CLASSES), "bytes")


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The publisher's four files as tensors: images (rows, 1, 28, 28) uint8, 0 is paper, in the publisher's order.

    UserError, naming the file, when one is damaged or is not MNIST's.
    """
    (train_images, train_labels), (test_images, test_labels) = (
        _split(*(files[name] for name in names)) for names in (TRAIN, TEST)
    )
    return Prepared(
        train_inputs=train_images,
        train_targets=train_labels,
        test_inputs=test_images,
        test_targets=test_labels,
        classes=CLASSES,
        source="MNIST, the publisher's files",
    )


def _split(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (rows, 1, 28, 28) uint8 and labels (rows,) int64 of one split."""
    images, labels = _idx(images_path, 3), _idx(labels_path, 1)
    if images.shape[1:] != (28, 28) or not len(images):
        size = "×".join(str(length) for length in images.shape)
        raise UserError(f"{images_path} holds {size} pixels instead of images of 28×28; {MEND}")
    if len(labels) != len(images):
        raise UserError(
            f"{labels_path} holds {len(labels)} labels for the {len(images)} images of {images_path}; {MEND}"
        )
    if labels.max() > 9:
        raise UserError(f"{labels_path}: label {labels.max()} of row {labels.argmax()} is no digit; {MEND}")
    return images[:, None], labels.astype(np.int64)


def _idx(path: Path, dimensions: int) -> np.ndarray:
    """The array of bytes in a gzipped idx file.

    Such a file begins with two zeros, 8 for bytes and the number of dimensions, then has the length of each of them
    as four bytes, the largest first.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error, OSError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run again") from error
    magic, header = bytes([0, 0, 8, dimensions]), 4 + 4 * dimensions
    if content[:4] != magic or len(content) < header:
        raise UserError(f"{path} begins with {content[:4].hex() or 'nothing'} instead of {magic.hex()}; {MEND}")
    shape = [int(length) for length in np.frombuffer(content[4:header], ">u4")]
    values = np.frombuffer(content, np.uint8, offset=header)
    if values.size != (expected := int(np.prod(shape, dtype=object))):
        raise UserError(f"{path} has {values.size} values where its header announces {expected}; {MEND}")
    return values.reshape(shape)


def stand_in(options: Options) -> Prepared:
    """The 1,797 handwritten digits that come with scikit-learn, in MNIST's form, for runs without a network.

    Their 8×8 pixels from 0 to 16 are interpolated to 20×20 from 0 to 255, in the middle of 28×28 as in MNIST.
    """
    # Whatever reads params.yaml imports this module, and scikit-learn takes a second to import
    from sklearn.datasets import load_digits

    digits = load_digits()
    # Where the centres of 20 pixels fall among those of 8, and what each of the 8 contributes there
    places = (np.arange(20) + 0.5) * 8 / 20 - 0.5
    weights = np.stack([np.interp(places, np.arange(8), pixel) for pixel in np.eye(8)], axis=1)
    images = np.zeros((len(digits.images), 1, 28, 28), dtype=np.uint8)
    images[:, 0, 4:24, 4:24] = (weights @ digits.images @ weights.T * 255 / 16).round()
    train, test = np.split(np.random.default_rng(28).permutation(len(images)), [1400])
    return Prepared(
        train_inputs=images[train],
        train_targets=digits.target[train].astype(np.int64),
        test_inputs=images[test],
        test_targets=digits.target[test].astype(np.int64),
        classes=CLASSES,
        source="stand-in (scikit-learn's 8×8 digits, enlarged), not MNIST",
    )
