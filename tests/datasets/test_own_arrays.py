"""Arrays of one's own: images and vectors from .npz and .safetensors, never unpickled, or refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from support.own_data import DRAW, prepare, sentence

pytestmark = pytest.mark.usefixtures("elsewhere")
ARRAYS = {"format": "arrays", "inputs": "x", "targets": "y"}
LABELS = np.arange(24) % 3


def saved(name: str = "a.npz", **arrays: np.ndarray) -> Path:
    if name.endswith(".npz"):
        np.savez_compressed(name, **arrays)
    else:
        save_file(arrays, name)
    return Path(name)


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors"])
def test_arrays_are_drawn_as_by_scikit_learn(name: str):
    iris = load_iris()
    data = prepare(saved(name, x=iris.data, y=iris.target), **ARRAYS)
    train, test, y_train, y_test = train_test_split(
        iris.data, iris.target, test_size=DRAW["test_share"], random_state=DRAW["seed"], stratify=iris.target
    )
    np.testing.assert_array_equal(data.train_inputs, train.astype(np.float32))
    np.testing.assert_array_equal(data.test_inputs, test.astype(np.float32))
    np.testing.assert_array_equal(data.train_targets, y_train)
    np.testing.assert_array_equal(data.test_targets, y_test)
    assert data.classes == ["0", "1", "2"] and data.train_inputs.dtype == np.float32


@pytest.mark.parametrize("bytes_first", [True, False])
def test_bytes_and_numbers_together_are_numbers(bytes_first: bool):
    x, y = np.arange(24, dtype=np.uint8)[:, None], np.arange(6.0)[:, None]
    first, second = (x, y) if bytes_first else (y, x)
    keys = {"inputs": {"train": "a", "test": "b"}, "targets": {"train": "c", "test": "d"}, "split": None}
    path = saved(a=first, b=second, c=np.arange(len(first)) % 3, d=np.arange(len(second)) % 3)
    data = prepare(path, format="arrays", **keys)
    assert data.train_inputs.dtype == data.test_inputs.dtype == np.float32
    np.testing.assert_array_equal(data.train_inputs, first)


@pytest.mark.parametrize(
    ("channels", "shape", "prepared"),
    [
        ("first", (3, 4, 5), (3, 4, 5)),
        ("last", (4, 5, 3), (3, 4, 5)),
        ("absent", (4, 5), (1, 4, 5)),
        (None, (4, 5), (4, 5)),
        (None, (4,), (4,)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int16, bool])
def test_one_file_with_both_splits_keeps_its_order(channels: str | None, shape: tuple, prepared: tuple, dtype: type):
    x = np.random.default_rng(1).integers(0, 200, (24, *shape)).astype(dtype)
    keys = {"inputs": {"train": "a", "test": "b"}, "targets": {"train": "c", "test": "d"}, "split": None}
    path = saved(a=x, b=x[:6], c=LABELS[:, None], d=np.array(["0", "1", "2"] * 2))
    data = prepare(path, format="arrays", channels=channels, **keys)
    assert data.train_inputs.shape == (24, *prepared) and data.test_inputs.shape == (6, *prepared)
    assert data.train_inputs.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
    np.testing.assert_array_equal(data.train_targets, LABELS)
    expected = np.moveaxis(x, 3, 1) if channels == "last" else x
    np.testing.assert_array_equal(data.train_inputs.reshape(expected.shape), expected)


def test_mistakes_are_one_sentence_with_the_array():
    x = np.ones((24, 4))
    cases = {
        "a.npz has no array 'x' (its arrays: y)": {"y": LABELS},
        "x has 24 rows and y 23": {"x": x, "y": LABELS[1:]},
        "y is of shape (24, 3) and type float64, but there must be one class per row": {"x": x, "y": np.eye(3)[LABELS]},
        "y is of shape (24,) and type float64": {"x": x, "y": LABELS + 0.5},
        "x is of shape (24,), but there must be 2 to 4, the rows first": {"x": x[:, 0], "y": LABELS},
        "x is of type <U21, but inputs must be numbers": {"x": x.astype(int).astype(str), "y": LABELS},
        "x is of type complex128": {"x": x * 1j, "y": LABELS},
        "x: nan in row 3 is no finite 32-bit number": {
            "x": np.where(np.arange(24)[:, None] == 3, np.nan, x),
            "y": LABELS,
        },
        "x: 1e+39 in row 0": {"x": x * 1e39, "y": LABELS},
        "all rows are of one class, '0'": {"x": x, "y": LABELS * 0},
        "y is an array of Python objects, which could run code": {"x": x, "y": LABELS.astype(object)},
        "x is an array of Python objects": {"x": np.array([None] * 24), "y": LABELS},
    }
    for said, arrays in cases.items():
        assert said in sentence(saved(**arrays), **ARRAYS), said
    said = sentence(saved(x=x, y=LABELS), **ARRAYS, channels="last")
    assert "images with channels last have 4 dimensions" in said


def test_objects_are_not_unpickled():
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (Path("sprung"),)

    saved(x=np.ones((24, 2)), y=np.array([Trap()] * 24, dtype=object))
    assert "so it was not read" in sentence(Path("a.npz"), **ARRAYS)
    assert not Path("sprung").exists()


def test_other_files_and_damage_are_one_sentence():
    for name in ("a.npz", "a.safetensors"):
        content = saved(name, x=np.random.default_rng(1).normal(size=(24, 4)), y=LABELS).read_bytes()
        for length in (0, 3, 20, len(content) // 2, len(content) - 9):
            Path("b").write_bytes(content[:length])
            assert "x cannot be read as an array" in sentence(Path("b"), **ARRAYS), (name, length)
    import torch
    from safetensors.torch import save_file as save_tensors

    save_tensors({"x": torch.ones(24, 2, dtype=torch.bfloat16), "y": torch.arange(24)}, "c")
    said = sentence(Path("c"), **ARRAYS)  # depends on whether another library has told NumPy of this type
    assert "x cannot be read as an array" in said or "x is of type bfloat16" in said


def test_files_of_several_shapes_are_one_sentence():
    one, other = saved("a.npz", x=np.ones((24, 4)), y=LABELS), saved("b.npz", x=np.ones((24, 5)), y=LABELS)
    assert "has the shape (5,), but" in sentence(one, other, **ARRAYS)
    by_file = {"train": ["a.npz"], "test": ["b.npz"]}
    assert "a training row has the shape (4,) and a test row (5,)" in sentence(one, other, **ARRAYS, split=by_file)
