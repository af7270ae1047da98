"""Where the states of runs are kept between and after jobs: outside the outputs that Snakemake knows.

Snakemake deletes the outputs of a job that fails or is killed. The states stay, so the next job goes on from them; a
finished run is never trained again, whichever cell or batch asks for it.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from regrade.cells import heartbeat, noted_seeds
from regrade.cells.cell import Cell
from regrade.cells.layout import STATES
from regrade.cells.progress import configuration_of
from regrade.core import locks, memory
from regrade.core.errors import UserError
from regrade.core.files import read_sealed, write_sealed
from regrade.runtime.device import choose
from regrade.training.state import RunState


class Store:
    """The states of the runs of one configuration, trained by one version of the code."""

    def __init__(self, configuration: str, code: str):
        """`configuration`: hash of the configuration; `code`: digest of the code that trains it."""
        self.folder, self.code = STATES / configuration, code
        self.runs: list[RunState] = []

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other jobs from training the same runs during the block; wait first while another one does.

        That other job may stand in another experiment, or be left over from a Snakemake that was killed. The lock is
        the operating system's: it ends with the process that holds it, however that ends, and shared file systems pass
        it on to other nodes. Where one does not, a line on stderr says so, and equal runs may be trained twice.

        A heartbeat tells others how far the runs are that are read during the block.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / heartbeat.LOCK).open("w") as file:
            try:
                if not locks.take(file):
                    print(f"Another job is training these runs ({self.folder}); waiting for it", flush=True)
                    locks.wait(file)
            except OSError as error:
                if not locks.are_missing(error):
                    raise
                print(f"{self.folder}: no locks on this file system; do not start a job twice", file=sys.stderr)
            # Left by a job that was killed while it wrote
            for partial in self.folder.glob(".*.part"):
                partial.unlink()
            with heartbeat.beating(self.folder, self.runs), memory.bounded():
                yield

    def path(self, seed: int) -> Path:
        """The file of one run's state."""
        return self.folder / f"seed={seed}.state"

    def read(self, seed: int) -> RunState:
        """The saved state of the run with this seed, or a fresh one.

        A state that is damaged or was trained by other code is not used; a line on stderr says so.
        """
        self.runs.append(self._saved(seed))
        return self.runs[-1]

    def _saved(self, seed: int) -> RunState:
        path = self.path(seed)
        if not path.exists():
            return RunState(seed)
        try:
            tensors = load(read_sealed(path))
            fields = json.loads(tensors.pop("fields").numpy().tobytes())
        except (ValueError, SafetensorError, KeyError) as error:
            print(f"{path} is damaged ({error}) and not used", file=sys.stderr)
            return RunState(seed)
        if fields.pop("code") != self.code:
            print(f"{path} was trained by other code and is not used", file=sys.stderr)
            return RunState(seed)
        return RunState(**fields, tensors=tensors)

    def stay(self, seeds: Iterable[int], device: torch.device) -> None:
        """UserError where a run was begun on a GPU and is to go on on the CPU, or the other way round.

        Neither can continue the other's random numbers.
        """
        here = torch.Generator(device).get_state().numel()
        for state in map(self._saved, seeds):
            stream = state.tensors.get("stream/dropout")
            if stream is not None and stream.numel() != here:
                where = state.processors[-1]["device"]
                raise UserError(
                    f"{self.path(state.seed)}: trained up to epoch {state.epoch} on {where}, whose random numbers "
                    f"{'a GPU' if device.type == 'cuda' else 'a CPU'} cannot continue; set device in params.yaml so "
                    "that it goes on there, or delete this file to begin again"
                )

    def is_begun(self, seed: int) -> bool:
        """Whether there is a state of the run with this seed, by this code."""
        return self._saved(seed).epoch > 0

    def is_done(self, seed: int) -> bool:
        """Whether the run with this seed is finished, by this code."""
        return self._saved(seed).finished

    def write(self, state: RunState) -> None:
        """Keep `state`. Once the run is finished, what only further training would need is left out."""
        fields = {key: value for key, value in asdict(state).items() if key != "tensors"} | {"code": self.code}
        kept = ("network/", "buffers/", "predictions/") if state.finished else ("",)
        tensors = {name: tensor for name, tensor in state.tensors.items() if name.startswith(kept)}
        tensors["fields"] = torch.from_numpy(np.frombuffer(json.dumps(fields).encode(), dtype=np.uint8).copy())
        write_sealed(self.path(state.seed), save(tensors))


def stay_on(cell: Cell, device: str) -> None:
    """UserError where runs of the cell cannot go on on the `device` of params.yaml."""
    if configuration := configuration_of(cell):
        where = choose(device, configuration.settings.backend)
        Store(configuration.hash, configuration.code).stay(cell.seeds, where)


def with_seeds_it_had(cell: Cell) -> Cell:
    """The cell with, beside the seeds asked for, those that it had before and whose states are still there.

    They may have been asked for by an overlay that is not given now. They cost no training, so nothing is lost.
    """
    before = [seed for seed in noted_seeds.read(cell) if seed not in cell.seeds]
    configuration = configuration_of(cell) if before else None
    if configuration is None:
        return cell
    store = Store(configuration.hash, configuration.code)
    kept = [seed for seed in before if store.is_done(seed)]
    return replace(cell, seeds=tuple(sorted((*cell.seeds, *kept)))) if kept else cell
