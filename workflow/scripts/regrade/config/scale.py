"""`scales`: how much of a source's protocol is run."""

from typing import Literal

from pydantic import Field

from regrade.config.types import Count, Section


class Caps(Section):
    """Caps on what an experiment asks for."""

    epochs: Count | None = None
    train_rows: Count | None = None
    test_rows: Count | None = None
    validation_rows: Count | None = None
    max_length: Count | None = Field(None, description="tokens of a text, where the experiment has this setting")


class AtMost(Caps):
    """Caps on what all studies ask for."""

    seeds: Count | None = Field(None, description="number of seeds, taken from the front of the list")


class Scale(Section):
    """How much of the source's protocol is run, and on which data."""

    data: Literal["real", "stand_in"]
    at_most: AtMost = AtMost()
    cells_per_job: Count | None = Field(None, description="at this scale, instead of the general number")
