"""The overlay of params.yaml that trains further seeds."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from regrade.cells.cell import Cell
from regrade.config.params import Params
from regrade.core.digits import significant
from regrade.settle.plan import Plan
from regrade.settle.waiting import Trained

# The one that `snakemake settle` writes
SETTLE, OF_SETTLE = "snakemake settle", Path("settle.yaml")


def entries(further: Mapping[Path, Iterable[int]], trained: Iterable[Trained], params: Params) -> list[dict[str, Any]]:
    """`more_seeds` with these further seeds, by a cell's folder.

    It has every seed of these studies' cells beyond those that all cells have, so that it takes an earlier one's place.
    """
    listed = []
    for of_study in trained:
        for cell in of_study.cells.values():
            first = params.first_seeds(cell.study, cell.experiment, cell.settings, cell.in_full)
            own = of_study.seeds[cell.folder] | set(further.get(cell.folder, ()))
            if beyond := sorted(own - set(first)):
                cells = {"study": cell.study, "experiment": cell.experiment, "cells": dict(cell.varying)}
                listed.append(cells | {"seeds": beyond})
    return listed


def cells(more_seeds: Iterable[Mapping[str, Any]], every: Iterable[Cell]) -> list[Cell]:
    """The cells that `entries` lists."""
    listed = [(one["study"], one["experiment"], one["cells"]) for one in more_seeds]
    return [cell for cell in every if (cell.study, cell.experiment, dict(cell.varying)) in listed]


def beginning(command: str) -> str:
    """How the text of an overlay begins that this command has written."""
    return f"# {_written_by(command)}"


def _written_by(command: str) -> str:
    return f"Written by {command}"


def comments(plan: Plan, command: str) -> list[str]:
    """What an overlay is for."""
    return [
        _written_by(command),
        f"{significant(plan.wall, 2)} h for {significant(plan.verdicts, 2)} more verdicts, expected from:",
        *(
            f"  {line.waiting.study} {line.waiting.claim}: {line.to} seeds, chance {line.chance:.2f}"
            for line in plan.lines
        ),
    ]


def text(more_seeds: list[dict[str, Any]], lines: Sequence[str]) -> str:
    """The overlay, with lines of comment."""
    content = yaml.safe_dump({"more_seeds": more_seeds}, sort_keys=False, default_flow_style=None, width=1000)
    return "".join(f"# {line}\n" for line in lines) + content
