"""How far the training of cells is, from what their jobs leave on disk. Nothing is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from regrade.cells import heartbeat
from regrade.cells.cell import Cell
from regrade.cells.configuration import Configuration
from regrade.cells.heartbeat import Heartbeat, Run
from regrade.core.errors import UserError
from regrade.core.files import read_json

# stopped: its job was interrupted or killed; the next one goes on from the last checkpoint
State = Literal["done", "running", "stopped", "failed", "queued"]


@dataclass(frozen=True)
class Progress:
    """How far a cell is.

    `runs`: one per seed, each to train for `epochs`; none for a finished cell. `heartbeat`: what the job said last that
    trains it, or that did when it was stopped. `error`: why its last attempt failed.
    """

    cell: Cell
    state: State
    epochs: int = 0
    runs: tuple[Run, ...] = ()
    heartbeat: Heartbeat | None = None
    error: str = ""


def read(every: Iterable[Cell]) -> tuple[list[Progress], list[Heartbeat]]:
    """How far each cell is, and the heartbeats of jobs that train none of these cells.

    Equal runs in two experiments are trained once, so both cells are running then.
    """
    heartbeats = heartbeat.read_all()
    alive = {name for name, said in heartbeats.items() if heartbeat.is_alive(name, said)}
    cells = [_of(cell, heartbeats, alive) for cell in every]
    ours = {id(one.heartbeat) for one in cells}
    return cells, [heartbeats[name] for name in sorted(alive) if id(heartbeats[name]) not in ours]


def _of(cell: Cell, heartbeats: dict[str, Heartbeat], alive: set[str]) -> Progress:
    configuration = configuration_of(cell)
    name = configuration.hash if configuration else ""
    last, epochs = heartbeats.get(name), (configuration or cell.configuration()).settings.epochs
    if cell.is_finished:
        return Progress(cell, "done", heartbeat=last)
    said = {run.seed: run for run in last.runs} if last else {}
    runs = tuple(said.get(seed, Run(seed, 0, False, None)) for seed in cell.seeds)
    if name in alive:
        return Progress(cell, "running", epochs, runs, last)
    if error := _error(cell):
        return Progress(cell, "failed", epochs, runs, last, error)
    return Progress(cell, "stopped" if last else "queued", epochs, runs, last)


def configuration_of(cell: Cell) -> Configuration | None:
    """What a cell is trained with; None where it waits for a winner, so that it cannot have begun."""
    if not cell.selection:
        return cell.configuration()
    try:
        return cell.configuration(read_json(cell.selection.path)["settings"])
    except (OSError, UserError, KeyError):
        return None


def _error(cell: Cell) -> str:
    """Why the last attempt failed; empty where it did not."""
    try:
        return str(read_json(cell.failure)["error"])
    except FileNotFoundError:
        return ""
    except (OSError, UserError, KeyError) as error:
        return str(error)
