"""`scales`: how much of a source's protocol is run."""

from typing import Literal

from regrade.config.types import Count, Section


class Caps(Section):
    """Caps on what an experiment asks for."""

    epochs: Count | None = None
    """Number of epochs."""
    train_rows: Count | None = None
    """Training rows."""
    test_rows: Count | None = None
    """Test rows."""
    validation_rows: Count | None = None
    """Rows held out from the training rows."""
    max_length: Count | None = None
    """Tokens read of each text, in experiments that have this setting."""


class AtMost(Caps):
    """Caps on what all studies ask for."""

    seeds: Count | None = None
    """Number of seeds, taken from the front of the list."""


class Scale(Section):
    """How much of the source's protocol is run, and on which data."""

    data: Literal["real", "stand_in"]
    """`real`, or `stand_in`: small built-in data, which need no download."""
    at_most: AtMost = AtMost()
    """Caps on what the studies ask for."""
    cells_per_job: Count | None = None
    """Replaces the general `cells_per_job`."""
    audit_worlds: Count | None = None
    """Replaces the general `audit_worlds`."""
