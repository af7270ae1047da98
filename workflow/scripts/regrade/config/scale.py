"""`scales`: how much of a source's protocol is run."""

from typing import Literal

from regrade.config.types import Count, Section, Seeds


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
    batch_size: Count | None = None
    """Rows of a batch, in experiments that have this setting."""
    batch_tokens: Count | None = None
    """Tokens of a batch, in experiments that have this setting."""
    evaluate_every: Count | None = None
    """Epochs from one evaluation to the next, in experiments that have this setting."""


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
    full_seeds: Seeds | None = None
    """Seeds of the cells that experiments leave at full protocol (`full_at`); the general `seeds` if absent."""
    keep_states: bool = True
    """Whether the states of finished runs are kept, so that equal runs in two experiments are trained only once.
    If not, only those of cells at full protocol (`full_at`) are.
    """
    cells_per_job: Count | None = None
    """Replaces the general `cells_per_job`."""
    audit_worlds: Count | None = None
    """Replaces the general `audit_worlds`."""
