"""Finished runs whose states are gone, made from the files of their cell."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from regrade.cells import expansion, set_aside
from regrade.cells.cell import Cell
from regrade.cells.layout import FILES
from regrade.config import params
from regrade.core.files import read_json
from regrade.training import restoring, results
from regrade.training.state import RunState
from regrade.training.store import Store
from support.paper import PAPER

ROWS = 7
ENVIRONMENT = {"device": "a processor", "versions": {"torch": "1"}, "peak_memory_bytes": 5, "resumed_at_epoch": 0}


def cell(experiment: str) -> Cell:
    return next(one for one in expansion.expand(params.parse(PAPER)) if one.experiment == experiment)


def made_up(seed: int, language: bool) -> RunState:
    generator = np.random.default_rng(seed)
    history = [{"epoch": epoch, "train_loss": float(generator.random()), "seconds": 0.5} for epoch in (1.0, 2.0)]
    tensors = {"network/dense.weight": torch.rand(3, 2), "buffers/norm.mean": torch.rand(2)}
    samples = []
    if language:
        said = {"epoch": 2.0, "kind": "free", "prompt": "", "text": "((<>"}
        samples = [said | {"first_error": None}, said | {"first_error": seed}]
    else:
        tensors |= {
            f"predictions/{name}": torch.from_numpy(generator.integers(0, 3, ROWS, dtype=np.int16))
            for name in ("last", "best", "best_even", "best_odd")
        }
    return RunState(seed, history, tensors, True, seed == 2, samples, ENVIRONMENT, [{"device": "a processor"}])


@pytest.fixture(params=["p3_palindromes", "q2_language_models"])
def finished(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Cell, list[RunState]]:
    """A finished cell that Snakemake is about to delete, in the working directory; states are gone."""
    monkeypatch.chdir(tmp_path)
    one = cell(request.param)
    states = [made_up(seed, request.param == "q2_language_models") for seed in one.seeds]
    write(one, states)
    set_aside.keep([one])
    return one, states


def write(one: Cell, states: list[RunState]) -> None:
    one.folder.mkdir(parents=True, exist_ok=True)
    results.write(one.folder, one, one.configuration(), states, np.arange(ROWS) % 3, keep=[0])


def store_of(one: Cell) -> Store:
    return Store(one.configuration().hash, one.configuration().code)


def test_files_written_again_from_them_are_the_same(finished: tuple[Cell, list[RunState]]):
    one, _ = finished
    before = {name: (one.folder / name).read_bytes() for name in FILES}
    restoring.restore(one, keep=[0])
    states = [store_of(one).read(seed) for seed in one.seeds]
    assert all(state.finished for state in states)
    write(one, states)
    assert {name: (one.folder / name).read_bytes() for name in FILES} == before


def test_states_that_are_there_stay(finished: tuple[Cell, list[RunState]]):
    one, (first, *_) = finished
    first.finished = False
    store = store_of(one)
    store.folder.mkdir(parents=True)
    store.write(first)
    restoring.restore(one, keep=[0])
    assert [store.is_done(seed) for seed in one.seeds] == [False] + [True] * (len(one.seeds) - 1)


def test_states_that_cannot_be_used_are_as_good_as_gone(finished: tuple[Cell, list[RunState]]):
    """As where a cell that was pulled lies beside states of older code."""
    one, (first, second, *_) = finished
    configuration = one.configuration()
    Store(configuration.hash, "older").folder.mkdir(parents=True)
    Store(configuration.hash, "older").write(first)
    store_of(one).path(second.seed).write_bytes(b"damaged")
    restoring.restore(one, keep=[0])
    assert all(store_of(one).is_done(seed) for seed in one.seeds)


def test_a_run_whose_weights_are_wanted_and_gone_is_trained_again(finished: tuple[Cell, list[RunState]]):
    one, _ = finished
    restoring.restore(one, keep=[0, 1])
    assert [store_of(one).is_done(seed) for seed in one.seeds[:3]] == [True, False, True]


def test_nothing_is_made_of_damaged_files_or_of_another_configuration(finished: tuple[Cell, list[RunState]]):
    one, _ = finished
    other = expansion.expand(params.parse(PAPER))[0]
    restoring.restore(other, keep=[0])
    aside = set_aside.path(one) / FILES[0]
    aside.write_bytes(aside.read_bytes()[:-1])
    restoring.restore(one, keep=[0])
    assert not any(store_of(one).path(seed).exists() for seed in one.seeds)
    assert read_json(set_aside.path(one) / "run.json")["seeds"] == list(one.seeds)


def test_a_cell_that_is_being_put_back_is_replaced_only_then(finished: tuple[Cell, list[RunState]]):
    one, _ = finished
    code = f"""
import fcntl, sys, time
from pathlib import Path
with Path({str(set_aside.path(one) / set_aside.LOCK)!r}).open("r+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    time.sleep(1)
    Path({str(one.folder / "run.json")!r}).touch()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "locked\n"
        with set_aside.replacing([one]):
            assert other.wait() == 0 and not (one.folder / "run.json").exists()
