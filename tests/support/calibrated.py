"""A calibration of this machine that is made up, so that forecasts are known."""

from pathlib import Path

from regrade.core.files import write_json
from regrade.costs import calibration
from regrade.costs.rates import Rates

from support.project import Project


def calibrated(project: Project, batches: float = 100.0, start: float = 2.0) -> Path:
    """A calibration of this machine; its file. `batches`, `start`: the seconds that these take by it."""
    processor, torch = calibration.here("cpu", 1)
    known = Rates(
        processor, False, torch, True, {"batches": batches}, begin=start / 2, start=start, memory=3e8, spread=1.0
    )
    write_json(project.folder / known.path, vars(known))
    return project.folder / known.path
