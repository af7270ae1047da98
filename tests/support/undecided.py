"""A project whose claims are decided, open or hopeless by made-up runs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml
from regrade.bundle import bundle
from regrade.cells.cell import Cell
from regrade.config.params import Params

from benchmarks.replay import only
from support.bundles import made_up
from support.calibrated import calibrated
from support.tiny import STUDY, sweep, tiny

LOOKS = [{"seeds": 6, "error": 0.01}, {"seeds": 12, "error": 0.03}, {"seeds": 24, "error": 0.01}]
CHANGES = {
    "scale": "full",
    "seeds": list(range(6)),
    "looks": LOOKS,
    "scales": {"full": {"data": "real"}},
    "datasets": {"moons": {"expected": {"train_rows": 80, "test_rows": 20}}},
    **sweep(grid={"width": [2, 3, 4, 5]}),
}
# Losses of six runs, by width; cells with further ones have these again
LOSSES = {2: [2.0, 2.1, 1.9, 2.0, 2.2, 1.8], 3: [1.2, 1.6, 1.0, 1.7, 0.9, 1.5], 4: [3.0, 1.1, 2.9, 1.0, 3.1, 0.9]}
UNTRAINED = 5


def claim(name: str, first: int, second: int) -> dict:
    test = {"kind": "less", "experiment": "sweep", "metric": "test_loss_last_epoch"}
    return {
        "id": name,
        "claim": name,
        "origin": "stated",
        "place": "page 1",
        "tests": [test | {"cell": {"width": first}, "than": {"width": second}}],
    }


CLAIMS = [claim("near", 3, 2), claim("like-it", 3, 4), claim("hopeless", 4, 2), claim("untrained", UNTRAINED, 2)]


def project(folder: Path) -> None:
    """The project in `folder`, without a report."""
    made = tiny(folder, CHANGES)
    (folder / "workflow/studies" / STUDY / "claims.yaml").write_text(yaml.safe_dump({"claims": CLAIMS}))
    calibrated(made)


def report(parameters: Params, every: list[Cell], seeds: Mapping[int, int]) -> None:
    """Write the bundle of a last report; `seeds`: how many a cell has, by width, six if it is not named."""
    made = made_up(STUDY, parameters, every, seeds=24)
    width = {cell.folder.as_posix(): cell.varying["width"] for cell in every}
    losses = [
        LOSSES.get(width[folder], LOSSES[2])[seed % 6]
        for folder, seed in zip(made.runs["folder"], made.runs["seed"], strict=True)
    ]
    had = {folder: set(range(seeds.get(of_cell, 6))) for folder, of_cell in width.items()}
    some = only(
        bundle.Bundle(made.manifest, made.runs.assign(test_loss_last_epoch=losses), made.curves, made.correct), had
    )
    cells = [
        cell.model_copy(update={"status": "missing" if cell.varying["width"] == UNTRAINED else "done"})
        for cell in some.manifest.cells
    ]
    trained = some.runs[[width[folder] != UNTRAINED for folder in some.runs["folder"]]]
    curves = some.curves[np.isin(some.curves["cell"], trained["cell"])]
    correct = {key: one for key, one in some.correct.items() if width[key[0]] != UNTRAINED}
    bundle.Bundle(some.manifest.model_copy(update={"cells": cells}), trained, curves, correct).write(
        Path("reports") / STUDY / "bundle"
    )
