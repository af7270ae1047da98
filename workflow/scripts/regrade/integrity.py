"""Whether files are still as they were written. What is not is deleted, so that the next run makes it again."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from regrade.errors import UserError
from regrade.files import read_json, sha256

NAMED = 10  # of many damaged files, so many are named


def verify(folders: Iterable[Path], card: str) -> None:
    """Compare the files of each folder with the checksums that its card lists under `sha256`.

    A folder with a damaged or missing file is deleted: its name says what it has to hold, so that it can be made again.
    UserError names those files.
    """
    damaged = {folder: file for folder in folders if (file := _damaged(folder, card))}
    if damaged:
        _delete(damaged, "made")


def verify_raw(checksums: dict[Path, str]) -> None:
    """Compare raw files with their checksums. A damaged one is deleted, and UserError names it."""
    damaged = {path: path for path, expected in checksums.items() if sha256(path) != expected}
    if damaged:
        _delete(damaged, "fetched")


def _damaged(folder: Path, card: str) -> Path | None:
    """The first file that is not what the card says, which may be the card itself; None when all are."""
    file = folder / card
    try:
        # Cards of older versions list no checksums
        for name, expected in read_json(file).get("sha256", {}).items():
            file = folder / name
            if sha256(file) != expected:
                return file
    except (UserError, FileNotFoundError):
        return file
    return None


def _delete(damaged: dict[Path, Path], again: str) -> None:
    """Delete what is damaged, given with the file that shows it; UserError says so, or what is left to delete."""
    for path in damaged:
        # Another job may be deleting it, too
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    files = ", ".join(str(file) for file in list(damaged.values())[:NAMED])
    if len(damaged) > NAMED:
        files += f" and {len(damaged) - NAMED} more"
    left = " ".join(str(path) for path in damaged if path.exists())
    mend = f"delete {left}, then run" if left else "what is left of it was deleted: run"
    raise UserError(f"{files}: damaged or missing; {mend} snakemake again, and it is {again} anew")
