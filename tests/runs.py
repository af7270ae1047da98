"""Runs in training, step by step: what tests of the trainer have in common."""

from regrade.cells import Configuration
from regrade.training import job
from regrade.training.pack import Data
from regrade.training.state import RunState


def advanced(this: Configuration, states: list[RunState], data: Data, times: int) -> list[RunState]:
    """The states after so many advances as one pack, ready to be stored."""
    pack = job._pack(this, states, data)
    for _ in range(times):
        pack.advance()
    pack.save()
    return states


def timeless(state: RunState) -> list[dict]:
    """The history without the seconds, which differ from time to time."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in state.history]
