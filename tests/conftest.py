"""Fixtures: working copies of the workflow, and PyTorch and Keras in float64."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.project import Project, copy_workflow


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh working copy."""
    return copy_workflow(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A working copy in which the small version has run the whole way. Tests must leave it as it is."""
    project = copy_workflow(tmp_path_factory.mktemp("finished"))
    answer = project.snakemake()
    assert answer.returncode == 0, answer.stdout
    return project


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def double() -> Iterator[None]:
    """PyTorch computes in float64, on one thread."""
    import torch  # here, as many tests need no PyTorch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def keras_double(double: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keras computes in float64, too."""
    import keras
    from keras.src import backend
    from keras.src.backend.common import dtypes
    from torch import float64

    keras.config.set_floatx("float64")
    # Keras' promotion of types takes float64 down to float32 in every matrix product and normalisation; lifted here
    promoted = dtypes.result_type

    def result_type(*types):
        return "float64" if {float64, "float64"} & set(types) else promoted(*types)

    for module in (dtypes, backend):
        monkeypatch.setattr(module, "result_type", result_type)
    yield
    keras.config.set_floatx("float32")
