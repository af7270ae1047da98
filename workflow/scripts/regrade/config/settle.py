"""`settle`: by what further seeds are chosen, and how long they may train."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import NUMBER, Section


class Settle(Section):
    """By what further seeds are chosen, and how long `snakemake settle` may train them."""

    least_chance: Annotated[float, Field(gt=0, lt=1), NUMBER]
    """The fewest verdicts that a plan must be expected to bring if it uses all the hours. One that uses half of them
    must bring half as many.
    """
    hours: Annotated[float, Field(gt=0), NUMBER] | None = None
    """Hours that `snakemake settle` may train further seeds, on the cores that it is given; it does not run without."""
    looks: Annotated[list[int], Field(min_length=1)] | None = None
    """Numbers of seeds that cells may be topped up to, each that of a planned look; all planned looks if absent."""
    only_trained: bool = False
    """Whether `snakemake settle` leaves cells alone that are not trained yet, instead of training everything first."""
