"""Planned looks at the results, in params.yaml."""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from regrade.config.types import NUMBER, Section

# The chance of any false confirmation in a study, over all looks; and that of any false contradiction
ERROR = 0.05


class Look(Section):
    """A planned look at the results: a verdict may be given with this many seeds, and no more seeds count at it."""

    seeds: Annotated[int, Field(ge=2, le=10**6), NUMBER]
    """Number of seeds, at least 2."""
    error: Annotated[float, Field(gt=0, lt=1), NUMBER]
    """What this look spends of the 5 % of studies that may have a false confirmation, as a share: 0.02."""


def contradictions(looks: Sequence[Look]) -> Iterator[str]:
    """What is wrong with looks that are each right by themselves."""
    counts = [look.seeds for look in looks]
    if counts != sorted(set(counts)):
        yield f"{counts} seeds do not rise from look to look; put them in order, each once"
    if (spent := math.fsum(look.error for look in looks)) > ERROR + 1e-9:
        yield f"their errors add up to {spent:.3g}, more than {ERROR}; make some smaller"


def _consistent(looks: list[Look]) -> list[Look]:
    for complaint in contradictions(looks):
        raise ValueError(complaint)
    return looks


# Planned looks where nothing else is wrong with them
Looks = Annotated[list[Look], Field(min_length=1), AfterValidator(_consistent)]
