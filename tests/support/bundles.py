"""Bundles of made-up runs of the project's own studies."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from regrade.bundle import describe, metrics
from regrade.bundle.answers import RULES, Correct
from regrade.bundle.bundle import Bundle
from regrade.cells.cell import Cell
from regrade.checking import asked
from regrade.config.params import Params


def made_up(
    study: str, parameters: Params, every: Sequence[Cell], seeds: int = 3, epochs: int = 12, rows: int = 50
) -> Bundle:
    """Runs of all cells of a study, with random numbers in every column that histories of such cells have."""
    generator = np.random.default_rng(15)
    cells = [cell for cell in every if cell.study == study]
    manifest = describe.manifest(study, parameters, cells)
    runs, histories, correct = [], [], {}
    for cell, about in zip(cells, manifest.cells, strict=True):
        split, folder = about.evaluated, cell.folder.as_posix()
        columns = asked.history(cell, split)
        layers = [layer.kind for layer in cell.configuration().network if layer.trainable]
        for seed in range(seeds):
            history = pd.DataFrame({name: generator.uniform(size=epochs) for name in columns})
            history = history.assign(epoch=range(1, epochs + 1), seed=seed)
            run = {"experiment": cell.experiment, "cell": cell.name, "folder": folder, "status": "done", "seed": seed}
            run |= {"settings": json.dumps(cell.varying), "epochs": epochs, "parameters": 100, "peak_memory_bytes": 1}
            run |= {"epochs_to_converge": 3.0, "valid_by_prompt": "[1.0]"}
            run["parameters_by_layer"] = json.dumps({f"{kind}{n}": 60 for n, kind in enumerate(layers, 1)})
            runs.append(run | metrics.summarise(history, rows, split))
            halves = [name for name in history.columns if name.endswith(("_correct_even", "_correct_odd"))]
            histories.append(history.drop(columns=halves).assign(experiment=cell.experiment, cell=cell.name))
        for rule in () if about.language else RULES:
            right = {seed: generator.uniform(size=rows) < 0.8 for seed in range(seeds)}
            correct[folder, rule] = Correct(f"{about.dataset}-{rows}", right)
    trained = [about.model_copy(update={"status": "done", "seeds": list(range(seeds))}) for about in manifest.cells]
    manifest = manifest.model_copy(update={"cells": trained})
    return Bundle(manifest, pd.DataFrame(runs), pd.concat(histories, ignore_index=True), correct)
