"""`settle`: by what further seeds are chosen."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import NUMBER, Section


class Settle(Section):
    """By what further seeds are chosen."""

    least_chance: Annotated[float, Field(gt=0, lt=1), NUMBER]
    """The fewest verdicts to be expected from all the hours together. Seeds that take a share of the hours must bring
    that share of it.
    """
