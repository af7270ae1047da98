"""What lies under results/ and data/prepared/ that no cell of params.yaml needs."""

import itertools
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from regrade.cells import batching, expansion, noted_seeds, set_aside
from regrade.cells.cell import Cell
from regrade.cells.layout import FILES, RESULTS, STATES
from regrade.config.params import Params
from regrade.datasets.identity import PREPARED

# Only what has a name of the workflow's making is ever deleted
_HASH = "[0-9a-f]{8}"
_CELL = re.compile(rf".*=.*-{_HASH}|selected-{_HASH}\.json")
_PREPARED = re.compile(rf"(real|stand_in|word_vectors)-{_HASH}")
_STATE = re.compile(rf"(.*-)?{_HASH}(\.json)?")


def unnamed(params: Params) -> list[Path]:
    """Cell folders, selections, prepared data and states that no cell needs at any scale of params.yaml.

    States of runs are no longer needed once their cells are finished; those of unfinished cells, and of finished ones
    in a batch with them, still are.
    """
    every: list[Cell] = []
    needed: set[Path] = set()
    for scale in params.scales:
        at_scale = params.model_copy(update={"scale": scale})
        present = expansion.expand(at_scale)
        every += present
        together = batching.batches(present, at_scale.present_cells_per_job).values()
        for batch in [*((cell,) for cell in present), *together]:
            if any(cell.status in ("missing", "failed") or cell.lacking for cell in batch):
                needed |= {
                    path
                    for cell in batch
                    for path in (cell.failure, noted_seeds.path(cell), set_aside.path(cell), _states(cell))
                }
    needed |= {cell.folder for cell in every} | {cell.selection.path for cell in every if cell.selection}
    needed |= {folder for cell in every for folder in cell.needed_data.folders}
    present_paths = [path for path in RESULTS.glob("[!.]*/*/*") if _is_of_cell(path, params)]
    present_paths += [path for path in PREPARED.glob("*/*") if _PREPARED.fullmatch(path.name)]
    states = itertools.chain.from_iterable(STATES.glob(kind) for kind in ("*", "failed/*", "seeds/*", "aside/*"))
    present_paths += [path for path in states if _STATE.fullmatch(path.name)]
    return sorted(path for path in present_paths if path not in needed)


def others(paths: Iterable[Path], params: Params) -> list[str]:
    """The studies that some of these results are of and that the parameters do not have."""
    of_results = (path.relative_to(RESULTS).parts[0] for path in paths if path.is_relative_to(RESULTS))
    return sorted({study for study in of_results if study != STATES.name} - params.studies.keys())


def _is_of_cell(path: Path, params: Params) -> bool:
    """Whether a file or folder below results/ has the name of a cell or of a selection.

    Where nothing varies, that is a hash, which a date may look like: it then has to be in an experiment's folder, or to
    have the files of a cell.
    """
    if not re.fullmatch(_HASH, path.name):
        return bool(_CELL.fullmatch(path.name))
    study = params.studies.get(path.parts[-3])
    known = study is not None and path.parts[-2] in study.experiments
    return known or any((path / name).exists() for name in FILES)


def forget(finished: Iterable[Cell]) -> None:
    """Delete the states of the runs of these cells. A job that needs equal ones trains them again."""
    for cell in finished:
        # The folder stays: its lock may be held by another job
        for state in _states(cell).glob("seed=*.state"):
            state.unlink(missing_ok=True)


def _states(cell: Cell) -> Path:
    """The folder of the cell's run states. A cell whose winner is not known yet cannot have begun."""
    winner = None
    if cell.selection and cell.selection.path.exists():
        winner = cell.selection.taken_over()
    return STATES / cell.configuration(winner).hash


def size(path: Path) -> int:
    """Bytes in a file or in all files of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def delete(paths: list[Path]) -> None:
    """Delete files and folders."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
