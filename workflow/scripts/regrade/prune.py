"""What lies under results/ and data/prepared/ that no cell of params.yaml needs."""

import re
import shutil
from pathlib import Path

from regrade import cells, datasets
from regrade.cells import RESULTS, STATES, Cell
from regrade.files import read_json
from regrade.params import Params

# Only what is named as the workflow names things is ever deleted
_NAMED_BY_US = re.compile(r"(^|.*-)[0-9a-f]{8}(\.json)?")


def unnamed(params: Params) -> list[Path]:
    """Cell folders, selections, prepared data and states that no cell needs, at whichever scale of params.yaml.

    The states of runs whose cells are finished are needed no more; those of unfinished cells are kept.
    """
    every = [cell for scale in params.scales for cell in cells.expand(params.model_copy(update={"scale": scale}))]
    kept = {cell.folder for cell in every} | {cell.selection.path for cell in every if cell.selection}
    kept |= {datasets.folder(cell.data) for cell in every}
    kept |= {datasets.word_vectors_folder(cell.identity) for cell in every if "word_vectors" in cell.identity}
    for cell in every:
        if cell.status in ("missing", "failed"):
            kept |= {cell.failure, _states(cell)}
    found = [*RESULTS.glob("[!.]*/*/*"), *datasets.PREPARED.glob("*/*"), *STATES.glob("*"), *STATES.glob("failed/*")]
    return sorted(path for path in found if _NAMED_BY_US.fullmatch(path.name) and path not in kept)


def _states(cell: Cell) -> Path:
    """The folder of the cell's run states; without its winner, that cell cannot have begun."""
    winner = None
    if cell.selection and cell.selection.path.exists():
        winner = read_json(cell.selection.path)["settings"]
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
