"""What `regrade next` shows: the sum in a sentence, claims that are judged again, and why others stay open."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from regrade.commands.terminal import duration, lined
from regrade.settle.plan import HOUR, Line, Plan
from regrade.settle.waiting import Waiting


def view(plan: Plan, hours: float, at_once: int) -> RenderableType:
    """All of it; `hours`: that were given; `at_once`: how many jobs train side by side."""
    side = f"{at_once} jobs at once" if at_once > 1 else "one job at a time"
    summary = (
        f"{plan.verdicts:.1f} more verdicts expected in {duration(plan.wall * HOUR)} of {duration(hours * HOUR)}, with "
        f"{side}: {sum(map(len, plan.seeds.values()))} runs of {len(plan.seeds)} cells"
    )
    parts: list[RenderableType] = [Text(summary, "bold"), "", _claims(plan.lines)]
    if any(line.shared for line in plan.lines):
        parts.append(Text("* shared with other claims, and counted once in the sum", "dim"))
    if plan.again:
        parts += ["", "Judged again, although they have a verdict, since their cells get seeds:", _claims(plan.again)]
    if plan.rest:
        parts += ["", "Stay open:", _rest(plan.rest)]
    return Group(*parts)


def _claims(lines: Iterable[Line]) -> Table:
    right = ("seeds", "chance of a verdict", "hours")
    shown = lined("study, claim", "cells", *right, right=right)
    for line in lines:
        shown.add_row(
            f"{line.waiting.study} {line.waiting.claim}",
            _cells(line),
            f"{line.waiting.seeds} → {line.to}",
            f"{line.chance:.2f}",
            f"{line.hours:.2f}{'*' if line.shared else ' '}",
        )
    return shown


def _cells(line: Line) -> str:
    """How many cells of which experiments get seeds."""
    experiments = [cell.experiment for cell in line.cells]
    told = ", ".join(f"{experiments.count(name)} of {name}" for name in dict.fromkeys(experiments))
    return told or "as for the others"


def _rest(rest: Iterable[tuple[Waiting, str]]) -> Table:
    """Claims by study and by the reason."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one, why in rest:
        by_reason.setdefault((one.study, why), []).append(one.claim)
    shown = lined("study", "why", "claims")
    for (study, why), claims in by_reason.items():
        shown.add_row(study, why, ", ".join(claims))
    return shown
