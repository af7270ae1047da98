"""The overlay of params.yaml that trains the further seeds of a plan."""

from collections.abc import Iterable

import yaml

from regrade.config.params import Params
from regrade.settle.plan import Plan
from regrade.settle.waiting import Trained


def text(plan: Plan, trained: Iterable[Trained], params: Params, command: str) -> str:
    """The overlay, with what it is for.

    It has every seed of these studies' cells beyond those that all cells have, so that it takes an earlier one's place.
    """
    lines = [
        f"Written by {command}",
        f"{plan.wall:.2g} h for {plan.verdicts:.2g} more verdicts, expected from:",
        *(
            f"  {line.waiting.study} {line.waiting.claim}: {line.to} seeds, chance {line.chance:.2f}"
            for line in plan.lines
        ),
    ]
    entries = []
    for of_study in trained:
        for cell in of_study.cells.values():
            first = params.first_seeds(cell.study, cell.experiment, cell.settings, cell.in_full)
            own = of_study.seeds[cell.folder] | set(plan.seeds.get(cell.folder, ()))
            if further := sorted(own - set(first)):
                cells = {"study": cell.study, "experiment": cell.experiment, "cells": dict(cell.varying)}
                entries.append(cells | {"seeds": further})
    content = yaml.safe_dump({"more_seeds": entries}, sort_keys=False, default_flow_style=None, width=1000)
    return "".join(f"# {line}\n" for line in lines) + content
