"""`settle`: by what further seeds are chosen."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import NUMBER, Section


class Settle(Section):
    """By what further seeds are chosen."""

    least_chance: Annotated[float, Field(gt=0, lt=1), NUMBER]
    """The least chance of a verdict that hours are spent on: all hours together must bring so many expected verdicts, a
    part of them that part."""
