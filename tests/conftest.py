"""Fixtures: working copies of the workflow, and PyTorch and Keras in float64."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.project import Project, copy_workflow


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more processes than cores: much of a test of the workflow is spent waiting for what it has started."""
    # Not every system tells on which of its cores a process may run
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests that run the workflow come first, as they take longest: no process has one left at the end."""
    items.sort(key=lambda item: not hasattr(getattr(item, "module", None), "Project"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh working copy."""
    return copy_workflow(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A working copy in which the small version has run the whole way. Tests must leave it as it is.

    The first of pytest's processes that needs it runs it, and each has a copy of its own.
    """
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "finished-once"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.with_suffix(".done").exists():
            shutil.rmtree(shared, ignore_errors=True)
            shared.mkdir()
            answer = copy_workflow(shared).snakemake()
            assert answer.returncode == 0, answer.stdout
            shared.with_suffix(".done").touch()
    shutil.copytree(shared, own / "finished", copy_function=shutil.copy2)
    return Project(own / "finished")


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
