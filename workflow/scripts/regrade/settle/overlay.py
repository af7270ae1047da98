"""The overlay of params.yaml that trains the further seeds of a plan."""

from collections.abc import Mapping

import yaml

from regrade.cells.cell import Cell
from regrade.settle.plan import Plan
from regrade.settle.waiting import Trained


def text(plan: Plan, trained: Mapping[str, Trained], command: str) -> str:
    """The overlay, with what it is for.

    It has every seed beyond params.yaml that these studies' cells have, so that it takes an earlier one's place.
    """
    lines = [
        f"Written by {command}",
        f"{plan.wall:.2g} h for {plan.verdicts:.2g} more verdicts, expected from:",
        *(
            f"  {line.waiting.study} {line.waiting.claim}: {line.to} seeds, chance {line.chance:.2f}"
            for line in plan.lines
        ),
    ]
    entries = [
        entry
        for of_study in trained.values()
        for cell in of_study.cells.values()
        if (entry := _entry(cell, of_study.seeds[cell.folder] | set(plan.seeds.get(cell.folder, ()))))
    ]
    content = yaml.safe_dump({"more_seeds": entries}, sort_keys=False, default_flow_style=None, width=1000)
    return "".join(f"# {line}\n" for line in lines) + content


def _entry(cell: Cell, seeds: set[int]) -> dict[str, object] | None:
    """The entry of a cell that is to have these seeds; None where params.yaml gives it no others."""
    further = sorted(seeds - set(cell.seeds))
    if not further:
        return None
    return {"study": cell.study, "experiment": cell.experiment, "cells": dict(cell.varying), "seeds": further}
