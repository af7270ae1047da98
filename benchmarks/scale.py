"""python -m benchmarks.scale: the workflow with many cells: planning them, and collecting them when they are finished.

A made-up study of N cells (a grid of hidden units and learning rates) in a copy of the workflow, whose training job
makes the results up. Times `snakemake -n` before and after all cells are finished; jobs that do nothing, one for each
cell, for up to a minute; and collecting and grading all cells and the table of all. Prints a table and writes it, with
the machine's description, to benchmarks/results/scale.json.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from regrade.bundle import collect
from regrade.cells import expansion, layout
from regrade.cells.cell import Cell
from regrade.config import params
from regrade.core.files import write_json
from regrade.reporting.evidence import read as evidence_of
from regrade.reporting.tables import comparisons
from regrade.statistics import BUNDLE, REPORTS, grading
from regrade.training import results
from regrade.training.state import RunState

from benchmarks.compare import circumstances

ROOT = Path(__file__).resolve().parents[1]
ROWS, EPOCHS = 400, 3
# A process's largest memory includes that of the one that started it, which here must be a small one
OF_CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
RUN_SECONDS = 60
# In the place of workflow/scripts/train.py
NO_TRAINING = """
from pathlib import Path
for file in snakemake.output:
    Path(file).touch()
"""
MADE_UP_TRAINING = """
from pathlib import Path
from benchmarks import scale
from regrade.cells import expansion, layout
from regrade.config import params
folders = dict.fromkeys(Path(file).parent for file in snakemake.output)
scale.finish(expansion.find(params.parse(snakemake.config), folders))
"""


def study(count: int) -> dict:
    """params.yaml with one study of this many cells, a square of two settings."""
    config = yaml.safe_load((ROOT / "params.yaml").read_text())
    side = round(count**0.5)
    grid = {"hidden_size": list(range(1, side + 1)), "lr": [round(0.001 * step, 3) for step in range(1, side + 1)]}
    settings = {"dataset": "moons", "network": "mlp", "optimizer": "sgd", "batch_size": 32, "epochs": EPOCHS}
    layers = [{"dense": {"units": "$hidden_size", "activation": "relu"}}, {"dense": {"units": "classes"}}]
    made_up = {
        "title": "Many cells",
        "source": "made up",
        "conventions": "torch",
        "networks": {"mlp": layers},
        "experiments": {"grid": {"title": "Grid", "settings": settings, "grid": grid}},
    }
    return config | {"scale": "paper", "seeds": [0, 1], "cells_per_job": 1, "studies": {"many": made_up}}


def command(*arguments: str, cores: int = 1) -> list[str]:
    """Snakemake, quietly, in the working directory."""
    return ["snakemake", "--quiet", "all", "--cores", str(cores), *arguments]


def environment() -> dict[str, str]:
    """In which the working directory's own scripts are imported, and these benchmarks by the made-up training."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(["workflow/scripts", str(ROOT)])}


def snakemake(*arguments: str) -> float:
    """Run it; its memory at most, in MB."""
    measured = [sys.executable, "-c", OF_CHILD, *command(*arguments)]
    answer = subprocess.run(measured, env=environment(), check=True, capture_output=True, text=True)
    return int(answer.stdout.splitlines()[-1]) / 1000


def plan(name: str) -> dict:
    """Seconds and memory of `snakemake -n`."""
    started = time.perf_counter()
    memory = snakemake("-n")
    return {f"{name}_seconds": time.perf_counter() - started, f"{name}_mb": memory}


def run(histories: list[str], seconds: float) -> dict:
    """Jobs per second of a run on two cores that is stopped after so many."""
    started = command("--", *histories, cores=2)
    with subprocess.Popen(started, env=environment(), stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
    # What such jobs leave is found to be damaged and deleted, but not that they ran
    times = sorted(path.stat().st_mtime for path in Path("logs/results/many").rglob("*.benchmark.tsv"))
    return {"jobs_per_second": (len(times) - 1) / (times[-1] - times[0])}


def finish(every: list[Cell]) -> None:
    """The files of finished cells, with made-up histories and predictions."""
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, ROWS)
    for cell in every:
        states = [_run(seed, generator) for seed in cell.seeds]
        results.write(cell.folder, cell, cell.configuration(), states, targets, keep=[])


def _run(seed: int, generator: np.random.Generator) -> RunState:
    history = []
    for epoch in range(1, EPOCHS + 1):
        halves = generator.integers(ROWS // 4, ROWS // 2, 2)
        row = {"epoch": float(epoch), "train_loss": 1 / epoch, "train_accuracy": 0.5, "test_loss": 1 / epoch}
        correct = {"test_correct_even": int(halves[0]), "test_correct_odd": int(halves[1])}
        history.append(row | {"test_accuracy": halves.sum() / ROWS} | correct | {"seconds": 0.1})
    kinds = ("last", "best", "best_even", "best_odd")
    predictions = {f"predictions/{kind}": torch.from_numpy(generator.integers(0, 2, ROWS)) for kind in kinds}
    environment = dict.fromkeys(("commit", "dirty", "device", "peak_memory_bytes"), None)
    return RunState(seed, history, predictions, finished=True, environment=environment)


def tables(parameters: params.Params, every: list[Cell]) -> dict:
    """Seconds of collecting and grading all cells, and of the table of all."""
    started = time.perf_counter()
    bundle = collect.bundle("many", parameters, every)
    bundle.write(REPORTS / "many" / BUNDLE)
    grading.write(grading.grade(bundle), REPORTS / "many")
    collected = time.perf_counter()
    evidence = evidence_of("many")
    table = comparisons.table(evidence, every[0].experiment)
    assert table["seeds"].eq(2).all()
    return {"collect_seconds": collected - started, "table_seconds": time.perf_counter() - collected}


def measure(count: int) -> dict:
    """All of it for this many cells, in a folder that is deleted afterwards."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        for folder in ("workflow", "profiles"):
            shutil.copytree(ROOT / folder, Path(name, folder), ignore=shutil.ignore_patterns("__pycache__"))
        training = Path(name, "workflow/scripts/train.py")
        for file in ("Snakefile", "CITATION.cff", "LICENSE"):
            shutil.copy(ROOT / file, name)
        config = study(count)
        Path(name, "params.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        parameters = params.parse(config)
        every = expansion.expand(parameters)
        os.chdir(name)
        try:
            measured = plan("plan")
            histories = [f"{cell.folder}/{layout.HISTORY}" for cell in every]
            training.write_text(NO_TRAINING)
            measured |= run(histories, measured["plan_seconds"] + RUN_SECONDS)
            for folder in ("logs", "results", ".snakemake"):
                shutil.rmtree(folder)
            training.write_text(MADE_UP_TRAINING)
            snakemake("--config", "cells_per_job=500", "--", *histories)
            measured |= plan("finished_plan")
            return {"cells": len(every), **measured, **tables(parameters, every)}
        finally:
            os.chdir(before)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 2500, 10000])
    rows = []
    print("| cells | snakemake -n | when finished | memory | jobs/s | collect and grade | table of all |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for count in parser.parse_args().cells:
        row = measure(count)
        rows.append(row)
        planned, finished, *later = (
            f"{row[f'{part}_seconds']:.1f} s" for part in ("plan", "finished_plan", "collect", "table")
        )
        memory, rate = f"{row['plan_mb']:.0f} MB", f"{row['jobs_per_second']:.1f}"
        print("| " + " | ".join([f"{row['cells']:,}", planned, finished, memory, rate, *later]) + " |", flush=True)
    write_json(ROOT / "benchmarks/results/scale.json", {"rows": rows, **circumstances()}, sealed=False)


if __name__ == "__main__":
    sys.exit(main())
