"""What operations take on a processor: read from the file of its calibration, or from the one that comes with us."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regrade.cells.layout import STATES
from regrade.core.checkout import PACKAGE
from regrade.core.errors import UserError
from regrade.core.files import read_json, short_hash, write_json
from regrade.costs.work import Work
from regrade.runtime import gpus

FOLDER = STATES / "calibration"
# Calibrations of reference machines, for projects that have none of their own
REFERENCES = PACKAGE.parents[1] / "calibration"


@dataclass(frozen=True)
class Rates:
    """A processor, and what it takes.

    `processor`: its kind (`regrade.runtime.device.processor`), the threads of a job included; `on_gpu`: whether it is
    one. `torch`: version of PyTorch. `stacks`: whether runs can be stacked there. `seconds`: of one operation, by kind.
    `begin`: seconds by which the first epoch of a trainer is slower. `start`: seconds until a job begins to train.
    `memory`: bytes that a job holds by then. `spread`: factor by which two thirds of the measured runs are explained.
    """

    processor: dict[str, Any]
    on_gpu: bool
    torch: str
    stacks: bool
    seconds: dict[str, float]
    begin: float
    start: float
    memory: float
    spread: float

    def of_epoch(self, work: Work) -> float:
        """Seconds of an epoch of all runs of a job."""
        return sum(self.seconds.get(kind, 0) * amount for kind, amount in work.epoch.items())

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"{short_hash(self.processor)}.json"

    def write(self) -> None:
        """Keep it."""
        write_json(self.path, asdict(self))


def read(path: Path) -> Rates:
    """The calibration in a file. UserError when it is damaged or has other keys than ours."""
    content = read_json(path)
    try:
        return Rates(**content)
    except TypeError as error:
        raise UserError(f"{path} is of another version ({error}): delete it and run regrade cost") from error


def of_processor(processor: dict[str, Any], torch: str) -> Rates | None:
    """The calibration of a processor with this version of PyTorch; None where there is none."""
    path = FOLDER / f"{short_hash(processor)}.json"
    known = read(path) if path.exists() else None
    return known if known and known.torch == torch else None


def known(device: str) -> tuple[Rates, ...]:
    """The calibrations of this project's processors of the kind that params.yaml asks for, as `device`.

    Without any, those of the reference machines; none where they are of another kind.
    """
    on_gpu = device == "cuda" or (device == "auto" and gpus.count() > 0)
    return _in(FOLDER, on_gpu) or shipped(on_gpu)


def shipped(on_gpu: bool) -> tuple[Rates, ...]:
    """The calibrations of the reference machines: of their GPUs, or of their CPUs."""
    return _in(REFERENCES, on_gpu)


def _in(folder: Path, on_gpu: bool) -> tuple[Rates, ...]:
    return tuple(rates for path in sorted(folder.glob("*.json")) if (rates := read(path)).on_gpu == on_gpu)
