"""Planned looks: adding seeds after seeing the result is allowed, since the error rate is spent over the looks.

By the union bound the chance of an error at any look is at most the sum of what they spend, however one decides to go
on (Bonferroni over looks; Jennison and Turnbull 1999, chapter 7, on spending).
"""

from collections.abc import Sequence

from regrade.config.looks import Look


def reached(planned: Sequence[Look], seeds: int) -> Look | None:
    """The last of the planned looks that this many seeds allow; None before the first."""
    return max((look for look in planned if look.seeds <= seeds), key=lambda look: look.seeds, default=None)


def later(planned: Sequence[Look], seeds: int) -> list[Look]:
    """The looks that are still to come, in their order."""
    return [look for look in planned if look.seeds > seeds]
