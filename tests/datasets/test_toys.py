"""Generated data sets: points in the plane and palindromes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from regrade.core.errors import UserError
from regrade.core.files import read_json
from regrade.datasets import prepared, registry
from regrade.datasets.sources import circles, classification, moons, palindromes, tiny_toy
from safetensors.numpy import load_file
from sklearn.neighbors import KNeighborsClassifier
from support.tiny import tiny

ARRAYS = ("train_inputs", "train_targets", "test_inputs", "test_targets")
SETTINGS = {
    moons: {"noise": 0.07},
    circles: {"noise": 0.02, "factor": 0.8},
    classification: {"class_sep": 2.0, "flip_y": 0.0},
}


def points(module, rows: int = 1000, draw: int = 1, **settings: float) -> prepared.Prepared:
    return module.prepare({}, module.Options(rows=rows, draw=draw, **SETTINGS[module] | settings))


def same(one: prepared.Prepared, other: prepared.Prepared) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS)


def neighbours_accuracy(data: prepared.Prepared) -> float:
    return KNeighborsClassifier(5).fit(data.train_inputs, data.train_targets).score(data.test_inputs, data.test_targets)


@pytest.mark.parametrize("module", SETTINGS)
def test_points_are_split_and_repeatable(module):
    data = points(module)
    assert [getattr(data, name).shape for name in ARRAYS] == [(800, 2), (800,), (200, 2), (200,)]
    assert [getattr(data, name).dtype for name in ARRAYS] == [np.float32, np.int64] * 2
    assert min(*np.bincount(data.train_targets), 4 * np.bincount(data.test_targets).min()) > 300
    # No point is in both splits
    assert len(np.unique(np.concatenate([data.train_inputs, data.test_inputs]), axis=0)) == 1000
    assert same(data, points(module))
    assert same(data, module.stand_in(module.Options(rows=1000, draw=1, **SETTINGS[module])))
    assert not same(data, points(module, draw=2))
    assert neighbours_accuracy(data) > 0.98


def test_circles_have_their_radii():
    data = points(circles, noise=0.0, factor=0.3)
    radius = np.hypot(*data.test_inputs.T)
    np.testing.assert_allclose(radius, np.where(data.test_targets == 0, 1, 0.3), rtol=1e-6)


def test_moons_have_their_noise():
    data = points(moons, noise=0.0)
    x, y = data.test_inputs[data.test_targets == 0].T
    np.testing.assert_allclose(np.hypot(x, y), 1, rtol=1e-6)
    assert y.min() > -1e-6
    noisy = points(moons, noise=0.1).test_inputs
    assert (noisy - data.test_inputs).std() == pytest.approx(0.1, rel=0.15)


def test_flipped_labels_cannot_be_learned():
    assert neighbours_accuracy(points(classification, flip_y=0.4)) == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("name", ["moons", "circles", "classification", "palindromes"])
def test_no_number_is_taken_for_granted(name: str):
    with pytest.raises(UserError, match=r"^e\.settings\.\w+: this key is missing; add it"):
        registry.identity(name, "real", {}, {}, "e")


def test_real_and_built_in_points_need_no_files(tmp_path: Path):
    options = {"rows": 20, "draw": 3, "noise": 0.1}
    project = tiny(tmp_path, {"scales": {"small": {"data": "real"}}, "datasets": {"moons": {"options": options}}})
    folder = registry.identity("moons", "real", {"dataset": "moons", **options}, {}, "here").folder
    answer = project.snakemake(str(folder), overlay={})
    assert answer.returncode == 0, answer.stdout
    card = read_json(project.folder / folder / "card.json")
    assert "files" not in card
    assert card["options"] == options
    assert sum(card["rows_per_class"]["test"]) == 4


def test_tiny_toy_is_a_disc_in_a_ring():
    data = tiny_toy.prepare({}, tiny_toy.Options())
    assert same(data, tiny_toy.stand_in(tiny_toy.Options()))
    for inputs, targets in ((data.train_inputs, data.train_targets), (data.test_inputs, data.test_targets)):
        assert inputs.dtype == np.float32
        radius = np.hypot(*inputs.T)
        assert np.bincount(targets).tolist() == [100, 100]
        assert radius[targets == 0].max() < 0.4001
        assert 0.5999 < radius[targets == 1].min() <= radius.max() < 0.9001
        assert 5 < targets[:20].sum() < 15
    assert not np.array_equal(data.train_inputs, data.test_inputs)


@pytest.mark.parametrize("length", [1, 2, 5, 10, 20])
def test_palindromes_are_palindromes(length: int):
    made = palindromes.stand_in(palindromes.Options(sequence_length=length, test_draws=2000))
    assert (made.train_inputs.shape, made.train_targets.shape) == ((0, length, 1), (0,))
    inputs, targets = palindromes.draw(2000, length, torch.Generator().manual_seed(4))
    assert (inputs.dtype, targets.dtype) == (torch.float32, torch.int64)
    for read, last in ((made.test_inputs, made.test_targets), (inputs.numpy(), targets.numpy())):
        assert read.shape == (2000, length, 1)
        digits = np.column_stack([read[:, :, 0], last]).astype(int)
        np.testing.assert_array_equal(digits, digits[:, ::-1])
        # Every digit at every place about as often, and places independent
        for place in range(length):
            assert np.bincount(digits[:, place], minlength=10) == pytest.approx([200] * 10, abs=70)
        if length > 2:
            assert abs(np.corrcoef(digits[:, 0], digits[:, 1])[0, 1]) < 0.1


def test_the_same_state_draws_the_same_palindromes():
    generator = torch.Generator().manual_seed(5)
    state = generator.get_state()
    first, second = (palindromes.draw(8, 6, generator) for _ in range(2))
    generator.set_state(state)
    again = palindromes.draw(8, 6, generator)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], second[0])


def test_palindromes_can_be_kept(tmp_path: Path):
    palindromes.stand_in(palindromes.Options(sequence_length=5, test_draws=7)).save(tmp_path / "prepared", {})
    assert prepared.load(tmp_path / "prepared", "test")[0].shape == (7, 5, 1)
    assert load_file(tmp_path / "prepared" / prepared.TENSORS)["train_inputs"].shape == (0, 5, 1)
