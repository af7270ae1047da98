"""Calibrating a processor: short trainings by the project's own trainer, explained by their operations."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any, cast

import numpy as np
import scipy
import torch

from regrade.cells.configuration import Configuration
from regrade.core import provenance, yaml_files
from regrade.core.checkout import PACKAGE
from regrade.core.errors import UserError
from regrade.costs import work
from regrade.costs.rates import Rates
from regrade.costs.sizes import Sizes
from regrade.costs.work import Work
from regrade.runtime import device, process
from regrade.runtime.logs import explain
from regrade.training import job
from regrade.training.state import RunState
from regrade.training.trainer import Data

PROBES = PACKAGE.parents[1] / "calibration" / "probes.yaml"
# As a job begins, up to its first training step
_START = """
import sys
import torch
from regrade.core import provenance
from regrade.training import job
torch.zeros(1, device=sys.argv[1])
print(provenance.peak_memory())
"""
# How often each probe has its turn: another process may be in the way of one
TURNS = 2


@dataclass(frozen=True)
class Probe:
    """A training to be timed, and what it does in an epoch."""

    configuration: Configuration
    sizes: Sizes
    runs: int

    def trainer(self, where: torch.device) -> Any:
        """A trainer of it on made-up rows."""
        inputs, targets = self._rows(self.sizes.train, where)
        tested, test_targets = self._rows(self.sizes.evaluated, where)
        data = Data(inputs, targets, tested, test_targets, self.sizes.classes, vocabulary_size=self.sizes.vocabulary)
        return job.make_trainer(self.configuration, [RunState(seed) for seed in range(self.runs)], data)

    def _rows(self, rows: int, where: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        stream = torch.Generator().manual_seed(rows)
        shape = (rows, *self.sizes.shape)
        if self.sizes.values == "ids":
            inputs = torch.randint(1, self.sizes.vocabulary, shape, generator=stream, dtype=torch.int32)
        else:
            inputs = torch.rand(shape, generator=stream)
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs.to(where), torch.randint(self.sizes.classes, (rows,), generator=stream).to(where)


def probes(path: Path = PROBES) -> list[Probe]:
    """The probes that a file describes."""
    described = cast("list[dict[str, Any]]", yaml_files.read(path))
    return [_probe(**one) for one in described]


def _probe(
    shape: list[int],
    rows: int,
    batch_size: int,
    network: list[Any],
    ids: int = 0,
    runs: int = 1,
    backend: str = "torch",
    optimizer: str = "sgd",
) -> Probe:
    # Any dataset of rows with classes, and more epochs than there will be
    settings = {"dataset": "mnist", "network": "probe", "epochs": 10**9, "lr": 0.001}
    named: list[dict[str, Any]] = [{layer: {}} if isinstance(layer, str) else layer for layer in network]
    layers: list[dict[str, Any]] = [{"kind": kind} | body for layer in named for kind, body in layer.items()]
    configuration = Configuration.model_validate(
        {
            "conventions": "torch",
            "data": {"dataset": "mnist"},
            "settings": settings | {"batch_size": batch_size, "backend": backend, "optimizer": optimizer},
            "network": layers,
        }
    )
    evaluated = -(-rows // 10)
    sizes = Sizes(
        shape=tuple(shape),
        values="ids" if ids else "numbers",
        classes=layers[-1]["units"],
        train=rows,
        evaluated=evaluated,
        train_batches=-(-rows // batch_size),
        evaluated_batches=1,
        vocabulary=ids,
    )
    return Probe(configuration, sizes, runs)


def here(wanted: str, threads: int) -> tuple[dict[str, Any], str]:
    """The processor that params.yaml asks for, on this machine, and the version of PyTorch: what rates depend on.

    UserError where there is none.
    """
    process.set_up(threads)
    return device.processor(device.choose(wanted, "torch")), provenance.versions()["torch"]


def calibrate_apart(wanted: str, threads: int, seconds: float) -> None:
    """Calibrate in a process that is set up like a job, and keep the rates. UserError where that fails."""
    command = [sys.executable, "-m", __name__, wanted, str(threads), str(seconds)]
    # As Snakemake's jobs: numpy reads them once, when it is imported
    variables = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
    if code := subprocess.run(command, env=os.environ | variables | {"PYTHONPATH": str(PACKAGE.parent)}).returncode:
        raise UserError(f"this machine is not calibrated, for the reason above (exit status {code}); run this again")


def calibrate(wanted: str, threads: int, seconds: float) -> Rates:
    """Time the probes on the device that params.yaml asks for, for about `seconds`.

    UserError where the device does not exist.
    """
    process.set_up(threads)
    where = device.choose(wanted, "torch")
    on_gpu = where.type == "cuda"
    stacks = process.products_are_reproducible() and threads == 1
    every = probes()
    start, memory = _start(where)
    trainers = [probe.trainer(device.choose(wanted, probe.configuration.settings.backend)) for probe in every]
    firsts, taken = np.empty(len(every)), np.full(len(every), np.inf)
    for turn in range(TURNS):
        for number, trainer in enumerate(trainers):
            times = list(_epochs(trainer, seconds / TURNS / len(every)))
            firsts[number] = firsts[number] if turn else times[0]
            # The fastest: whatever else runs on the machine only adds
            taken[number] = min(taken[number], *times[1:])
    works = [work.of_sizes(probe.configuration, probe.sizes, probe.runs, 0, on_gpu, stacks) for probe in every]
    rates, spread = _explained(list(zip(works, taken.tolist(), strict=True)))
    return Rates(
        processor=device.processor(where),
        on_gpu=on_gpu,
        torch=provenance.versions()["torch"],
        stacks=stacks,
        seconds=rates,
        begin=float(np.median((firsts - taken).clip(min=0))),
        start=start,
        memory=memory,
        spread=spread,
    )


def _start(where: torch.device) -> tuple[float, float]:
    """Seconds and bytes of memory that a process needs before it can train."""
    started = time.perf_counter()
    answer = subprocess.run([sys.executable, "-c", _START, str(where)], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, float(answer.stdout)


def _epochs(trainer: Any, seconds: float) -> Iterator[float]:
    """Seconds of epoch after epoch: two at least, and as many as fit."""
    began, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - began < seconds:
        started, count = time.perf_counter(), count + 1
        # Its evaluation waits for all that the device has to do
        trainer.advance()
        yield time.perf_counter() - started


def _explained(timed: list[tuple[Work, float]]) -> tuple[dict[str, float], float]:
    """Seconds of one operation of each kind, and the factor within which they explain two thirds of the times.

    Least squares of relative errors, no rate below zero (Lawson and Hanson 1974).
    """
    kinds = list(dict.fromkeys(kind for done, _ in timed for kind in done.epoch))
    shares = np.array([[done.epoch.get(kind, 0) / seconds for kind in kinds] for done, seconds in timed])
    largest = shares.max(0)
    solution, _ = scipy.optimize.nnls(shares / largest, np.ones(len(timed)))
    errors = np.abs(np.log(shares / largest @ solution))
    rates = {kind: float(rate / scale) for kind, rate, scale in zip(kinds, solution, largest, strict=True)}
    return rates, exp(float(np.quantile(errors, 2 / 3)))


if __name__ == "__main__":
    device_name, thread_count, duration = sys.argv[1:]
    try:
        calibrate(device_name, int(thread_count), float(duration)).write()
    except Exception as error:
        if (known := explain(error)) is None:
            raise
        sys.exit(f"Error: {known}")
