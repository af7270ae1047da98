"""CIFAR-10 from its publisher's archive, through the workflow, and what happens when the archive is not right."""

from pathlib import Path

import numpy as np
import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.cells.layout import RECORD
from regrade.core.files import read_json, sha256
from regrade.datasets import prepared
from regrade.datasets.sources import cifar10
from regrade.training.classification import ClassificationTrainer
from regrade.training.state import RunState
from regrade.training.trainer import Data
from support.cifar10_archive import PREPARED, ROWS, address, archive, images, photographs, prepare
from support.project import Project, merged


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A working copy with one cell, on the photographs of an archive."""
    return photographs(tmp_path / "project")


def test_a_damaged_file_is_fetched_again_from_a_second_address_and_prepared_as_published(
    project: Project, tmp_path: Path
):
    overlay = archive(tmp_path / "mirror.tar.gz")
    # The first address is one where nobody answers
    overlay["datasets"]["cifar10"]["files"][cifar10.ARCHIVE]["urls"].insert(0, "http://127.0.0.1:9/a.tar.gz")
    raw = project.folder / "data/raw/cifar10" / cifar10.ARCHIVE
    raw.parent.mkdir(parents=True)
    raw.write_bytes((tmp_path / "mirror.tar.gz").read_bytes()[:-1])
    answer = prepare(project, overlay)
    assert answer.returncode == 1
    assert f"data/raw/cifar10/{cifar10.ARCHIVE}: damaged or missing; what is left of it was deleted" in answer.stdout
    assert not raw.exists()

    answer = prepare(project, overlay)
    assert answer.returncode == 0, answer.stdout
    (path,) = project.find(PREPARED)
    inputs, targets = prepared.load(path.parent, "train")
    expected, labels = images(1)
    assert inputs.shape == (5 * ROWS, 3, 32, 32)
    np.testing.assert_array_equal(inputs[ROWS : 2 * ROWS], expected.reshape(ROWS, 3, 32, 32))
    assert targets[ROWS : 2 * ROWS].tolist() == labels
    card = read_json(path.parent / "card.json")
    assert card["tensors"]["test_inputs"] == {"shape": [ROWS, 3, 32, 32], "type": "uint8"}
    assert card["sha256"][path.name] == sha256(path)
    assert sum(card["rows_per_class"]["train"]) == 5 * ROWS
    assert card["files"][f"cifar10/{cifar10.ARCHIVE}"] == sha256(tmp_path / "mirror.tar.gz")


def test_no_address_with_the_right_file_names_each_and_the_way_without(project: Project, tmp_path: Path):
    overlay = address(tmp_path / "mirror.tar.gz", "0" * 64)
    archive(tmp_path / "mirror.tar.gz")
    urls = overlay["datasets"]["cifar10"]["files"][cifar10.ARCHIVE]["urls"]
    urls[:0] = ["http://127.0.0.1:9/a.tar.gz", "file:///nowhere/b.tar.gz"]
    answer = prepare(project, overlay)
    assert answer.returncode == 1
    for part in (*urls, "No such file", "not the one in params.yaml", "scale=demo"):
        assert part in answer.stdout
    assert not project.find("data/raw/**/*.*")
    assert not project.find(PREPARED)


def test_truncated_archive_is_named(project: Project, tmp_path: Path):
    path = tmp_path / "mirror.tar.gz"
    archive(path)
    path.write_bytes(path.read_bytes()[:100_000])
    answer = prepare(project, address(path, sha256(path)))
    assert answer.returncode == 1
    assert "data/raw/cifar10/cifar-10-python.tar.gz is damaged" in answer.stdout
    assert not project.find(PREPARED)


def test_more_rows_than_there_are(project: Project, tmp_path: Path):
    overlay = merged(archive(tmp_path / "mirror.tar.gz"), {"scales": {"small": {"at_most": {"train_rows": 1000}}}})
    listed = project.regrade("cells", overlay=overlay).stdout.split()
    cell = next(word for word in listed if word.startswith("results/tiny/sweep/"))
    answer = project.snakemake(f"{cell}/{RECORD}", overlay=overlay)
    assert answer.returncode == 1
    assert "train_rows is 1000, but data/prepared/cifar10/real-" in answer.stdout


def test_a_small_cnn_learns_the_stand_in_but_not_perfectly():
    dataset = cifar10.stand_in(cifar10.Options())
    assert dataset.train_inputs.shape[1:] == dataset.test_inputs.shape[1:] == (3, 32, 32)
    layers = [
        {"kind": "rescale", "divisor": 255},
        {"kind": "convolution", "filters": 16, "kernel": 9, "activation": "relu"},
        {"kind": "max_pooling", "size": 4},
        {"kind": "flatten"},
        {"kind": "dense", "units": 10},
    ]
    settings = {"dataset": "cifar10", "network": "n", "optimizer": "adam", "lr": 0.002, "batch_size": 64, "epochs": 6}
    configuration = Configuration(conventions="keras", data={"dataset": "cifar10"}, settings=settings, network=layers)
    data = Data(
        *(
            torch.from_numpy(part)
            for part in (dataset.train_inputs, dataset.train_targets, dataset.test_inputs, dataset.test_targets)
        ),
        classes=10,
    )
    state = RunState(0)
    trainer = ClassificationTrainer(configuration, [state], data)
    for _ in range(settings["epochs"]):
        trainer.advance()
    assert pytest.approx(0.7, abs=0.25) == state.history[-1]["test_accuracy"]
