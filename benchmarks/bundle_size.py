"""How large the bundles of the five studies are at full protocol: python -m benchmarks.bundle_size [seeds].

Losses are random numbers, of which no digit repeats; accuracies are shares of as many rows as there are. So real
bundles are not larger.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from regrade.bundle import describe, metrics
from regrade.bundle.answers import RULES, Correct
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.checking import asked
from regrade.config import overlays, params
from regrade.config.params import Params

# Where an experiment takes all test rows that there are
ROWS = {"mnist": 10_000, "imdb": 25_000, "cifar10": 10_000}
FEW = 1000
ACCURACY = 0.85


def bundle(study: str, parameters: Params, every: list[Cell], seeds: int) -> Bundle:
    """A bundle with made-up runs of all cells of a study."""
    generator = np.random.default_rng(0)
    cells = [cell for cell in every if cell.study == study]
    manifest = describe.manifest(study, parameters, cells)
    runs, histories, correct = [], [], {}
    for cell, about in zip(cells, manifest.cells, strict=True):
        rows = about.rows.get(about.evaluated) or ROWS.get(about.dataset, FEW)
        for seed in range(seeds):
            history = _history(cell, about, rows, generator).assign(seed=seed)
            run = {"experiment": cell.experiment, "cell": cell.name, "folder": cell.folder.as_posix(), "seed": seed}
            run |= {"status": "done", "settings": json.dumps(cell.varying), "commit": "0" * 40, "device": "CPU"}
            runs.append(run | metrics.summarise(history, rows, about.evaluated))
            halves = [name for name in history.columns if name.endswith(("_correct_even", "_correct_odd"))]
            kept = history.drop(columns=halves).round({"seconds": 3})
            histories.append(kept.assign(experiment=cell.experiment, cell=cell.name))
        for rule in () if about.language else RULES:
            answers = {seed: generator.uniform(size=rows) < ACCURACY for seed in range(seeds)}
            correct[cell.folder.as_posix(), rule] = Correct(f"{about.dataset}-{rows}", answers)
    trained = [about.model_copy(update={"status": "done", "seeds": list(range(seeds))}) for about in manifest.cells]
    manifest = manifest.model_copy(update={"cells": trained})
    return Bundle(manifest, pd.DataFrame(runs), pd.concat(histories, ignore_index=True), correct)


def _history(cell: Cell, about: BundledCell, rows: int, generator: np.random.Generator) -> pd.DataFrame:
    every = float(about.settings.get("evaluate_every", 1))
    epochs = np.arange(every, (about.asked_epochs or 1) + every / 2, every)
    history = {name: generator.uniform(size=len(epochs)) for name in asked.history(cell, about.evaluated)}
    for name in history:
        if name.endswith("accuracy"):
            history[name] = generator.integers(0, rows, len(epochs)) / rows
        elif "correct" in name:
            history[name] = generator.integers(0, rows // 2, len(epochs))
    return pd.DataFrame(history | {"epoch": epochs})


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    parameters = params.parse(overlays.merged([], ["scale=paper"]))
    every, total = expansion.expand(parameters), 0
    for study in parameters.studies:
        with tempfile.TemporaryDirectory() as folder:
            made = bundle(study, parameters, every, seeds)
            made.write(Path(folder))
            sizes = {path.name: path.stat().st_size for path in sorted(Path(folder).iterdir())}
        total += sum(sizes.values())
        parts = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in sizes.items())
        print(
            f"{study}: {sum(sizes.values()) / 1e6:.2f} MB ({parts}), {len(made.runs)} runs, {len(made.curves)} evaluations"
        )
    print(f"all: {total / 1e6:.2f} MB with {seeds} seeds")


if __name__ == "__main__":
    main()
