"""Runs are repeatable, independent of each other, and go on where they stopped, bit for bit on a CPU."""

import copy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.core.errors import UserError
from regrade.runtime import device
from regrade.training import job, stacking
from regrade.training.classification import ClassificationTrainer
from regrade.training.state import RunState
from regrade.training.store import Store
from regrade.training.trainer import Data
from support import runs
from support.project import SMALL, Project, merged
from support.runs import CPU, timeless, watched

pytestmark = pytest.mark.usefixtures("elsewhere")
CNN = [
    {"kind": "rescale", "divisor": 255},
    {"kind": "convolution", "filters": 4, "kernel": 5, "activation": "relu"},
    {"kind": "max_pooling", "size": 2},
    {"kind": "flatten"},
    {"kind": "dropout", "rate": 0.5},
    {"kind": "dense", "units": 10},
]
MLP = [
    {"kind": "rescale", "divisor": 255},
    {"kind": "flatten"},
    {"kind": "dense", "units": 12, "activation": "relu"},
    {"kind": "dropout", "rate": 0.3},
    {"kind": "dense", "units": 10},
]


TOKENS = {"kind": "tokens", "level": "char", "one_hot": 12, "embedding": 5}
TEXTS = {
    "char cnn": [
        TOKENS,
        {"kind": "sequence_convolution", "filters": 3, "kernel": 4, "activation": "relu"},
        {"kind": "sequence_pooling", "size": 4, "stride": 2},
        {"kind": "flatten"},
        {"kind": "dense", "units": 10},
    ],
    "word cnn": [
        TOKENS | {"level": "word"},
        {"kind": "sequence_convolution", "filters": 3, "kernel": 4, "activation": "relu"},
        {"kind": "flatten"},
        {"kind": "dense", "units": 10},
    ],
    "char gru": [TOKENS, {"kind": "recurrent", "cell": "gru", "units": 6}, {"kind": "dense", "units": 10}],
    "word gru before": [
        TOKENS | {"level": "word"},
        {"kind": "recurrent", "cell": "gru", "units": 6, "reset_after": False},
        {"kind": "dense", "units": 10},
    ],
    "word lstm": [
        TOKENS | {"level": "word"},
        {"kind": "recurrent", "cell": "lstm", "units": 6, "layers": 2},
        {"kind": "dropout", "rate": 0.5},
        {"kind": "dense", "units": 10},
    ],
    "char rnn": [TOKENS, {"kind": "recurrent", "cell": "rnn", "units": 6, "layers": 2}, {"kind": "dense", "units": 10}],
}


def configuration(network: list[dict], **settings) -> Configuration:
    settings = {"conventions": "keras", "optimizer": "adam", "lr": 0.01, "batch_size": 16, "epochs": 4} | settings
    return runs.configuration(network, dataset="cifar10", **settings)


@pytest.fixture(scope="module")
def data() -> Data:
    torch.set_num_threads(1)
    random = np.random.default_rng(0)

    def split(rows: int) -> list[torch.Tensor]:
        images = torch.from_numpy(random.integers(0, 256, (rows, 3, 12, 12), dtype=np.uint8))
        return [images, torch.from_numpy(random.integers(0, 10, rows))]

    # 70 rows in batches of 16: the last batch is a partial one
    return Data(*split(70), *split(31), classes=10)


def train(configuration: Configuration, seeds: list[int], data: Data, store: Store | None = None) -> list[RunState]:
    """Train as a job does."""
    store = store or Store("none", "none")
    states = [store.read(seed) for seed in seeds]
    for group in stacking.groups(configuration, states, CPU):
        job._finish(configuration, group, data, store, checkpoint_seconds=0)
    for path in store.folder.glob("*"):
        path.unlink()
    return states


def same(one: RunState, other: RunState) -> bool:
    """Equal in everything but the clock."""
    kept = [name for name in one.tensors if name.startswith(("network/", "predictions/"))]
    return (
        repr(timeless(one)) == repr(timeless(other))  # as text, NaN equals itself
        and one.diverged == other.diverged
        and all(torch.equal(one.tensors[name], other.tensors[name]) for name in kept)
    )


@pytest.mark.parametrize("network", [CNN, MLP], ids=["cnn", "mlp"])
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_twice_the_same_and_alone_as_among_five(network: list, optimizer: str, data: Data):
    this = configuration(network, optimizer=optimizer)
    five, again, alone = (train(this, seeds, data) for seeds in ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [3]))
    assert all(map(same, five, again))
    assert same(five[3], alone[0])
    assert not same(five[2], alone[0])


@pytest.fixture(scope="module")
def texts() -> Data:
    random = np.random.default_rng(1)

    def split(rows: int) -> list[torch.Tensor]:
        ids = torch.from_numpy(random.integers(0, 12, (rows, 15)))
        return [ids, torch.from_numpy(random.integers(0, 10, rows))]

    return Data(*split(70), *split(31), classes=10, vocabulary_size=12)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_the_same_alone_as_among_five_and_resumed(name: str, texts: Data):
    """Runs over texts are stacked: their products are batched, and must not depend on the size of the batch."""
    this = configuration(TEXTS[name], clip_value=0.2)
    five, alone = (train(this, seeds, texts) for seeds in ([0, 1, 2, 3, 4], [3]))
    assert same(five[3], alone[0])
    store = Store("stopped", "code")
    begun = [RunState(3)]
    trainer = ClassificationTrainer(this, begun, texts)
    trainer.advance()
    trainer.save()
    store.write(begun[0])
    assert same(five[3], train(this, [3], texts, store)[0])


@pytest.mark.parametrize("network", [CNN, MLP], ids=["cnn", "mlp"])
@pytest.mark.parametrize("conventions", ["keras", "torch"])
def test_resumed_equals_uninterrupted(network: list, conventions: str, data: Data):
    for optimizer, momentum in (("sgd", 0.9), ("rmsprop", 0), ("adam", 0)):
        this = configuration(network, conventions=conventions, optimizer=optimizer, momentum=momentum)
        whole = train(this, [0, 1], data)
        store = Store("stopped", "code")
        begun = [RunState(0), RunState(1)]
        for state, epochs in zip(begun, (1, 3), strict=True):  # stopped at different epochs
            trainer = ClassificationTrainer(this, [state], data)
            for _ in range(epochs):
                trainer.advance()
            trainer.save()
            store.write(state)
        resumed = train(this, [0, 1], data, store)
        assert all(map(same, whole, resumed)), optimizer
        assert [state.environment["resumed_at_epoch"] for state in resumed] == [1, 3]


def test_a_diverged_run_is_recorded_and_leaves_its_neighbours_alone(data: Data):
    this = configuration(MLP, optimizer="sgd")
    store = Store("diverging", "code")
    poisoned = RunState(0)
    trainer = ClassificationTrainer(this, [poisoned], data)
    trainer.advance()
    trainer.save()
    poisoned.tensors["network/dense1.kernel"].fill_(float("inf"))
    store.write(poisoned)
    other = RunState(1)
    trainer = ClassificationTrainer(this, [other], data)
    trainer.advance()
    trainer.save()
    store.write(other)
    states = train(this, [0, 1], data, store)
    assert states[0].diverged
    assert states[0].epoch == 2
    assert same(states[1], train(this, [1], data)[0])


def test_a_run_that_began_on_a_gpu_is_not_continued_on_a_cpu(data: Data):
    this, store = configuration(MLP), Store("moved", "code")
    begun = RunState(0)
    trainer = ClassificationTrainer(this, [begun], data)
    trainer.advance()
    trainer.save()
    store.write(begun)
    store.stay([0, 1], CPU)
    # A CUDA generator's state has 16 bytes
    begun.tensors["stream/dropout"] = torch.zeros(16, dtype=torch.uint8)
    begun.processors.append({"device": "NVIDIA H100"})
    store.write(begun)
    with pytest.raises(UserError, match=r"epoch 1 on NVIDIA H100, whose random numbers a CPU cannot continue"):
        store.stay([0, 1], CPU)


def test_a_state_from_another_kind_of_processor_is_used_and_noted(data: Data, capsys):
    this, store = configuration(MLP), Store("moved", "code")
    begun = RunState(0)
    trainer = ClassificationTrainer(this, [begun], data)
    trainer.advance()
    trainer.save()
    there = device.processor(CPU) | {"device": "CPU (another, 1 thread)", "capability": "AVX2"}
    begun.processors.append(there)
    store.write(begun)
    (state,) = train(this, [0], data, store)
    assert state.environment["resumed_at_epoch"] == 1
    assert state.processors == [there, device.processor(CPU)]
    assert "seed 0 goes on from epoch 1, to which another kind of processor trained it" in capsys.readouterr().out
    (whole,) = train(this, [0], data)
    assert whole.processors == [device.processor(CPU)]
    assert "another kind" not in capsys.readouterr().out


def test_damaged_state_or_state_of_other_code_starts_anew(data: Data, capsys):
    this = configuration(MLP)
    whole = train(this, [0], data)
    store = Store("damaged", "code")
    store.write(copy.deepcopy(whole[0]))
    assert store.read(0).finished
    assert not Store("damaged", "other code").read(0).finished
    assert "was trained by other code" in capsys.readouterr().err
    content = bytearray(store.path(0).read_bytes())
    content[len(content) // 2] ^= 1
    store.path(0).write_bytes(content)
    assert same(train(this, [0], data, store)[0], whole[0])
    assert "is damaged" in capsys.readouterr().err


def test_every_row_is_seen_once_per_epoch(data: Data):
    numbered = Data(
        torch.arange(70, dtype=torch.uint8)[:, None],
        data.train_targets,
        torch.zeros(31, 1),
        data.evaluation_targets,
        10,
    )
    trainer = ClassificationTrainer(
        configuration([{"kind": "rescale", "divisor": 1}, {"kind": "dense", "units": 10}]),
        [RunState(0), RunState(1)],
        numbered,
    )
    seen = watched(trainer)
    trainer.advance()
    orders = torch.cat(seen, dim=1)[:, :, 0]
    assert [len(batch[0]) for batch in seen] == [16, 16, 16, 16, 6]
    assert all(sorted(order.tolist()) == list(range(70)) for order in orders)
    assert orders[0].tolist() != orders[1].tolist(), "each run shuffles for itself"
    first = orders.clone()
    seen.clear()
    trainer.advance()
    assert torch.cat(seen, dim=1)[0, :, 0].tolist() != first[0].tolist(), "every epoch has a fresh order"


def test_same_results_through_the_front_door(project: Project, finished: Project):
    """One seed alone, in another working copy, gives the history it has among two."""
    import pandas as pd

    overlay = merged(SMALL, {"seeds": [1], "keep_models": [1]})
    listed = project.regrade("cells", overlay=overlay).stdout.split()
    answer = project.snakemake(f"{listed[1]}/run.json", overlay=overlay)
    assert answer.returncode == 0, answer.stdout
    (alone,) = project.find("results/ce4042/a1_baseline/*/history.parquet")
    (among,) = finished.find("results/ce4042/a1_baseline/*/history.parquet")
    both = pd.read_parquet(among).query("seed == 1").reset_index(drop=True)
    pd.testing.assert_frame_equal(
        pd.read_parquet(alone).drop(columns="seconds"), both.drop(columns="seconds"), check_exact=True
    )


TRAIN_ONE = """
import sys, yaml
from regrade.cells import expansion
from regrade.config import params
from regrade.config.overlays import merge
from regrade.runtime import device
from regrade.training import job, stacking
config = yaml.safe_load(open("params.yaml"))
merge(config, yaml.safe_load(open("overlay.yaml")))
parameters = params.parse(config)
cell = next(cell for cell in expansion.expand(parameters) if cell.experiment == "b1_b5_models")
job.train(cell, parameters)
assert (cell.folder / "run.json").exists()
print("imported:", *{name.split(".")[0] for name in sys.modules} & {"pandas", "sympy", "scipy", "sklearn"})
"""


def test_a_training_job_imports_no_compiler_and_no_pandas(finished: Project, tmp_path: Path):
    # PyTorch's compiler comes with sympy. Each takes about a second of every job
    copy = Project(tmp_path / "copy")
    shutil.copytree(finished.folder, copy.folder, ignore=shutil.ignore_patterns("results", "reports", ".snakemake"))
    answer = copy.run(sys.executable, "-c", TRAIN_ONE)
    assert answer.returncode == 0 and answer.stdout.splitlines()[-1] == "imported:", answer.stdout
