"""MNIST from its publisher's files, tinyMNIST and tinyTOY from both of their sources, and files that are not right.

The environment variable REGRADE_MIRROR names a folder with the real files, for the tests that compare with them.
"""

import gzip
import os
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from regrade.config.dataset import Dataset
from regrade.core.errors import UserError
from regrade.core.files import read_json, sha256
from regrade.datasets import prepared, registry
from regrade.datasets.sources import mnist, tiny_mnist, tiny_toy
from support.project import SMALL, Project, merged

NAMES = mnist.TRAIN + mnist.TEST
ARRAYS = ("train_inputs", "train_targets", "test_inputs", "test_targets")


def zipped(content: bytes) -> bytes:
    """Compressed without the date, so that the names of tests are the same each time."""
    return gzip.compress(content, 1, mtime=0)


def idx(values: np.ndarray, magic: int | None = None, shape: tuple | None = None) -> bytes:
    """An idx file before compression; `magic` and `shape` replace what its header says."""
    shape = values.shape if shape is None else shape
    magic = 0x0800 + values.ndim if magic is None else magic
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + values.astype(np.uint8).tobytes()


def digits(rows_per_digit: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of noise and labels, the digits in turn."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (10 * rows_per_digit, 28, 28)), np.arange(10 * rows_per_digit) % 10


def write(folder: Path, rows_per_digit: int = 2, **replaced: bytes) -> dict[str, Path]:
    """A made-up MNIST; `replaced` gives other bytes for a file, named by the beginning of its name."""
    contents = [idx(part) for seed in (1, 2) for part in digits(rows_per_digit, seed)]
    files = {name: folder / name for name in NAMES}
    for (name, path), content in zip(files.items(), contents, strict=True):
        key = "_".join(name.split("-")[:2])
        path.write_bytes(replaced.get(key, zipped(content)))
    return files


def mirror(*names: str) -> dict[str, Path]:
    """Real files by name; skips the test where they are not there."""
    folder = os.environ.get("REGRADE_MIRROR")
    if folder is None:
        pytest.skip("REGRADE_MIRROR is not set: it names the folder with the real files")
    files = {name: Path(folder) / name for name in names}
    missing = [name for name, path in files.items() if not path.exists()]
    if missing:
        pytest.skip(f"REGRADE_MIRROR has no {', '.join(missing)}")
    return files


def test_mnist_fetched_and_prepared_as_published(project: Project, tmp_path: Path):
    files = write(tmp_path)
    addresses = {name: {"urls": [path.as_uri()], "sha256": sha256(path)} for name, path in files.items()}
    experiments = {"a1_baseline": {"settings": {"dataset": "mnist"}}}
    overlay = merged(
        SMALL,
        {
            "scales": {"small": {"data": "real"}},
            "studies": {"ce4042": {"experiments": experiments}},
            "datasets": {"mnist": {"files": addresses}},
        },
    )
    given = {"mnist": Dataset.model_validate({"files": addresses})}
    folder = registry.identity("mnist", "real", {}, given, "here").folder
    answer = project.snakemake(str(folder), overlay=overlay)
    assert answer.returncode == 0, answer.stdout
    for split, seed in (("train", 1), ("test", 2)):
        images, labels = digits(2, seed)
        inputs, targets = prepared.load(project.folder / folder, split)
        assert inputs.dtype == np.uint8
        np.testing.assert_array_equal(inputs, images.reshape(20, 1, 28, 28))
        assert targets.tolist() == labels.tolist()
    card = read_json(project.folder / folder / "card.json")
    assert set(card["files"]) == {f"mnist/{name}" for name in NAMES}
    assert card["rows_per_class"] == {"train": [2] * 10, "test": [2] * 10}


IMAGES, LABELS = digits(2, 1)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("train_images", zipped(idx(IMAGES))[:-200], "is damaged"),
        ("train_images", zipped(idx(IMAGES))[:-8] + bytes(8), "is damaged"),
        ("t10k_labels", idx(LABELS), "is damaged"),
        ("train_images", b"", "begins with nothing instead of 00000803"),
        ("train_images", zipped(idx(IMAGES, magic=0x0D03)), "begins with 00000d03 instead of 00000803"),
        ("train_labels", zipped(idx(LABELS, magic=0x0803)), "begins with 00000803 instead of 00000801"),
        ("train_labels", zipped(struct.pack(">I", 0x0801)), "begins with 00000801 instead of"),
        (
            "train_images",
            zipped(idx(IMAGES, shape=(21, 28, 28))),
            "15680 values where its header announces 16464",
        ),
        ("train_images", zipped(idx(IMAGES, shape=(2**31, 2**31, 4))), f"header announces {2**64}"),
        ("train_images", zipped(idx(IMAGES[:, :14])), "holds 20×14×28 pixels instead of images of 28×28"),
        ("train_images", zipped(idx(IMAGES[:0])), "holds 0×28×28 pixels"),
        ("train_labels", zipped(idx(LABELS[:19])), "holds 19 labels for the 20 images"),
        ("t10k_labels", zipped(idx(np.append(LABELS[:19], 10))), "label 10 of row 19 is no digit"),
    ],
)
def test_mnist_damage_is_one_sentence_with_the_file(tmp_path: Path, file: str, content: bytes, complaint: str):
    files = write(tmp_path, **{file: content})
    with pytest.raises(UserError) as error:
        mnist.prepare(files, mnist.Options())
    (name,) = (name for name in NAMES if name.startswith(file.replace("_", "-")))
    assert str(error.value).startswith(str(tmp_path / name))
    assert complaint in str(error.value)
    assert re.search("delete it and run again$|correct its address and sha256 in params.yaml$", str(error.value))


def test_tiny_mnist_by_hand(tmp_path: Path):
    data = tiny_mnist.prepare(write(tmp_path, 252), tiny_mnist.Options())
    for split, seed in (("train", 1), ("test", 2)):
        images, labels = digits(252, seed)
        expected = []
        for row in range(2519):  # the last 9 is one too many, as are the two rows of each digit after the 250th
            if row // 10 < (249 if labels[row] == 9 else 250):
                blocks = [images[row, y : y + 2, x : x + 2].sum() for y in range(0, 28, 2) for x in range(0, 28, 2)]
                expected.append((labels[row], *(np.float32(int((s + 64) / 128) / 10) for s in blocks)))
        inputs, targets = (getattr(data, f"{split}_{part}") for part in ("inputs", "targets"))
        assert inputs.dtype == np.float32
        assert inputs.shape == (2499, 196)
        assert sorted((label, *row) for label, row in zip(targets, inputs, strict=True)) == sorted(expected)
        # Whoever uses the first rows only gets all digits
        assert set(targets[:100]) == set(range(10))


def test_tiny_mnist_needs_enough_of_each_digit(tmp_path: Path):
    with pytest.raises(UserError, match=r"train-labels.* has only 249 rows of the digit 0, 250 are needed"):
        tiny_mnist.prepare(write(tmp_path, 249), tiny_mnist.Options())


def test_tiny_mnist_is_the_same_both_ways():
    real = mirror(tiny_mnist.FILE, *NAMES)
    own = tiny_mnist.prepare({tiny_mnist.FILE: real.pop(tiny_mnist.FILE)}, tiny_mnist.Options())
    derived = tiny_mnist.prepare(real, tiny_mnist.Options())
    assert own.source != derived.source
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(own, name), getattr(derived, name), strict=True)


def test_real_mnist():
    data = mnist.prepare(mirror(*NAMES), mnist.Options())
    assert (len(data.train_inputs), len(data.test_inputs)) == (60_000, 10_000)
    assert data.train_targets[:5].tolist() == [5, 0, 4, 1, 9]
    # The published mean and standard deviation of the training pixels
    assert data.train_inputs.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert data.train_inputs.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_generated_tiny_toy_is_like_the_real_one():
    real = tiny_toy.prepare(mirror(tiny_toy.FILE), tiny_toy.Options())
    generated = tiny_toy.prepare({}, tiny_toy.Options())
    assert real.source != generated.source
    for split in ("train", "test"):
        for label in (0, 1):
            ours, theirs = (
                np.hypot(*getattr(data, f"{split}_inputs")[getattr(data, f"{split}_targets") == label].T)
                for data in (generated, real)
            )
            assert len(ours) == len(theirs) == 100
            assert np.quantile(ours, [0, 0.25, 0.5, 0.75, 1]) == pytest.approx(
                np.quantile(theirs, [0, 0.25, 0.5, 0.75, 1]), abs=0.06
            )


def pickled(content: object) -> bytes:
    """A gzipped pickle of a protocol that knows arrays in the same way as the homework's."""
    return zipped(pickle.dumps(content, protocol=3))


def homework(rows: int = 4) -> list:
    """What a small tinyTOY file holds, sorted by class."""
    column = np.arange(2.0).reshape(2, 1)
    split = [(column + row, np.eye(2, dtype=int)[:, [row * 2 // rows]]) for row in range(rows)]
    return [split, split[1:]]


def test_tiny_files_are_read_row_by_row(tmp_path: Path):
    (tmp_path / "file").write_bytes(pickled(homework()))
    data = tiny_toy.prepare({tiny_toy.FILE: tmp_path / "file"}, tiny_toy.Options())
    rows = sorted((*point, label) for point, label in zip(data.train_inputs.tolist(), data.train_targets, strict=True))
    assert rows == [(0, 1, 0), (1, 2, 0), (2, 3, 1), (3, 4, 1)]
    assert sorted(data.test_targets) == [0, 1, 1]


class Attack:
    def __reduce__(self):
        return os.system, ("exit",)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (pickled(homework())[:-20], "is damaged"),
        (gzip.decompress(pickled(homework())), "is damaged"),
        (pickled(Attack()), "is not a pickle of arrays"),
        (pickled(homework()[0]), "is not [training, test]"),
        (pickled([[], []]), "is not [training, test]"),
        (pickled([[(np.zeros((196, 1)), np.eye(10)[:, :1])]] * 2), "arrays of shape (1, 196, 1)"),
        (pickled([[(np.zeros((2, 1)), np.ones((2, 1)))]] * 2), "not of exactly one class"),
        (pickled([[(np.full((2, 1), np.nan), np.eye(2)[:, :1])]] * 2), "is not finite"),
    ],
)
def test_a_wrong_tiny_file_is_one_sentence(tmp_path: Path, content: bytes, complaint: str):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError) as error:
        tiny_toy.prepare({tiny_toy.FILE: tmp_path / "file"}, tiny_toy.Options())
    assert str(error.value).startswith(str(tmp_path / "file"))
    assert complaint in str(error.value)


@pytest.mark.parametrize("module", [mnist, tiny_mnist])
def test_stand_ins_can_be_learned_but_not_by_heart(module):
    data = module.stand_in(module.Options())
    assert "not" in data.source
    train, test = (inputs.reshape(len(inputs), -1).astype(float) for inputs in (data.train_inputs, data.test_inputs))
    assert (len(train), len(test)) == (1400, 397)
    means = np.stack([train[data.train_targets == digit].mean(axis=0) for digit in range(10)])
    nearest = np.square(test[:, None] - means).sum(axis=2).argmin(axis=1)
    assert 0.8 < (nearest == data.test_targets).mean() < 0.95


def test_mnist_stand_in_looks_like_mnist():
    images = mnist.stand_in(mnist.Options()).train_inputs
    assert images.dtype == np.uint8
    assert images.shape[1:] == (1, 28, 28)
    assert images[:, 0, 4:24, 4:24].max() == 255
    assert images.sum() == images[:, 0, 4:24, 4:24].sum()
