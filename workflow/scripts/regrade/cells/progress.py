"""How far the training of cells is, from what their jobs leave on disk. Nothing is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from regrade.cells import heartbeat
from regrade.cells.cell import Cell
from regrade.cells.configuration import Configuration
from regrade.cells.heartbeat import Heartbeat, Run
from regrade.cells.layout import RECORD
from regrade.core.errors import UserError
from regrade.core.files import read_json

# stopped: its job was interrupted or killed; the next one goes on from the last checkpoint
State = Literal["done", "running", "stopped", "failed", "queued"]


@dataclass(frozen=True)
class Progress:
    """How far a cell is.

    `runs`: one per seed that is asked for, each to train for `epochs`; none for a cell that is done. A finished cell
    that lacks a seed is queued. `heartbeat`: what the job said last that
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
    trained = _trained(cell)
    if cell.is_finished and set(cell.seeds) <= trained.keys():
        return Progress(cell, "done", heartbeat=last)
    said = trained | ({run.seed: run for run in last.runs} if last else {})
    runs = tuple(said.get(seed, Run(seed, 0, False, None)) for seed in cell.seeds)
    if name in alive:
        return Progress(cell, "running", epochs, runs, last)
    if error := _error(cell):
        return Progress(cell, "failed", epochs, runs, last, error)
    return Progress(cell, "stopped" if last else "queued", epochs, runs, last)


def _trained(cell: Cell) -> dict[int, Run]:
    """By seed, the runs of a finished cell, with the pace that they had.

    The seeds asked for where it is damaged: whoever reads it will report that.
    """
    if not cell.is_finished:
        return {}
    try:
        runs = read_json(cell.folder / RECORD)["runs"]
        return {
            run["seed"]: Run(
                run["seed"], run["epochs"], True, run["train_seconds"] / run["epochs"] if run["epochs"] else None
            )
            for run in runs
        }
    except (OSError, UserError, KeyError):
        return {seed: Run(seed, 0, True, None) for seed in cell.seeds}


def is_outdated(cell: Cell) -> bool:
    """Whether the finished cell lacks a seed, or took over other settings than those of the present winner.

    The winner may be another one since its candidates have further seeds. False where the cell's record is damaged, or
    its configuration cannot be read, as in older versions: whoever reads it will report that.
    """
    try:
        if cell.lacking:
            return True
        winner = configuration_of(cell) if cell.selection and cell.is_finished else None
        if winner is None:
            return False
        record = read_json(cell.folder / RECORD)
        return Configuration.model_validate(record["configuration"]).hash != winner.hash
    except (OSError, UserError, KeyError, ValidationError):
        return False


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
