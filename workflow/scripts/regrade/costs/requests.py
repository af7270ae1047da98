"""What training jobs ask a cluster for: time and memory."""

from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

from regrade.cells.cell import Cell
from regrade.costs.model import Model


class Request(NamedTuple):
    """Time in minutes and memory in MB (10⁶ bytes)."""

    minutes: int
    megabytes: int


def request(batch: Iterable[Cell], model: Model) -> Request:
    """What the job that trains these cells one after another asks for: the forecast with its margins.

    From operations alone, so that it is the same in every job of a run, however many cells are done by then.
    """
    settings = model.params.forecast
    least, unknown = settings.at_least, settings.unknown
    minutes, megabytes = 0.0, float(least.megabytes)
    for cell in batch:
        forecast = model.most(cell)
        if forecast.seconds is None or forecast.memory is None:
            minutes, megabytes = minutes + unknown.minutes, max(megabytes, unknown.megabytes)
        else:
            minutes += settings.time_margin * forecast.seconds / 60
            megabytes = max(megabytes, settings.memory_margin * forecast.memory / 1e6)
    return Request(max(ceil(minutes), least.minutes), ceil(megabytes))
