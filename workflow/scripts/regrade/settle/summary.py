"""What came of `snakemake settle`, as text. Planning imports it, so it needs nothing that is slow to load."""

from collections.abc import Mapping
from typing import Any

from regrade.core.digits import significant


def told(summary: Mapping[str, Any]) -> str:
    """The summary as lines of text."""
    rows = [
        (number, f"{one['hours']:.2f}", one["runs"], one["cells"], f"{one['verdicts']:.1f}", _change(one))
        for number, one in enumerate(summary["rounds"], 1)
    ]
    head = ("round", "hours", "runs", "cells", "expected", "claims with a verdict")
    table = [head, *(tuple(map(str, row)) for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in table]
    hours = f"{significant(summary['hours'], 2)} of {summary['of']:g} h"
    said = f"settle: {hours} spent on further seeds. Ended: {summary['ended']}"
    return "\n".join([said, *lines, f"Open claims: {len(summary['open'])}"])


def _change(one: Mapping[str, Any]) -> str:
    before, after = set(one["before"]), set(one["after"] or ())
    lost = f", {len(before - after)} of them lost" if before - after else ""
    return f"{len(before)} → {len(after)}{lost}"
