"""Planned looks at the results, in params.yaml."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import NUMBER, Section

# The chance of any false confirmation in a study, over all looks; and that of any false contradiction
ERROR = 0.05


class Look(Section):
    """A planned look at the results: a verdict may be given with this many seeds, and no more seeds count at it."""

    seeds: Annotated[int, Field(ge=2, le=10**6), NUMBER]
    """Number of seeds, at least 2."""
    error: Annotated[float, Field(gt=0, lt=1), NUMBER]
    """What this look spends of the 5 % of studies that may have a false confirmation, as a share: 0.02."""
