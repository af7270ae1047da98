"""Cells as bundles describe them, for tests of what grades and shows them."""

from collections.abc import Callable, Iterable

from regrade.bundle import describe
from regrade.bundle.manifest import BundledCell, Standing
from regrade.cells.cell import Cell


def at_full_protocol(_: Cell) -> Standing:
    """As if every cell was run as in the source."""
    return Standing()


def described(
    every: Iterable[Cell], standing: Callable[[Cell], Standing] = at_full_protocol, **changes: object
) -> list[BundledCell]:
    """The cells as if they had been trained; `changes`: what else is said of each of them."""
    changes = {"status": "done"} | changes
    return [describe.described(cell, standing).model_copy(update=changes) for cell in every]
