"""Whether files are still as they were written. Damaged ones are deleted, so that the next run makes them again."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from regrade.core.errors import UserError
from regrade.core.files import read_json, sha256

MOST_NAMED = 10  # damaged files that a message names


def verify(folders: Iterable[Path], card: str, restored_by: str = "snakemake") -> None:
    """Compare the files of each folder with the checksums that its card lists under `sha256`.

    A folder with a damaged or missing file is deleted; since its name says what it must contain, it can be made again.
    UserError names those files, and `restored_by`, the command that makes the folder again.
    """
    _delete({folder: file for folder in folders if (file := damaged(folder, card))}, restored_by)


def verify_files(checksums: dict[Path, str]) -> None:
    """Compare files with their checksums. Damaged ones are deleted, and UserError names these and any missing ones."""
    _delete({path: path for path, expected in checksums.items() if not _is(path, expected)})


def checked(folder: Path, name: str, card: str) -> Path:
    """The path of one file in `folder`, compared with the checksum that the card lists.

    When the file, or the card, is damaged or missing, the folder is deleted, and UserError says so.
    """
    if file := damaged(folder, card, name):
        _delete({folder: file})
    return folder / name


def read_card(folder: Path, card: str) -> dict[str, Any]:
    """The content of a folder's card. When it is damaged, the folder is deleted, and UserError says so."""
    return _read(folder / card, folder)


def read(path: Path) -> dict[str, Any]:
    """The content of a JSON file of ours. When it is damaged, it is deleted, and UserError says so."""
    return _read(path, path)


def _read(path: Path, deleted: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except UserError:
        _delete({deleted: path})
        raise


def damaged(folder: Path, card: str, only: str | None = None) -> Path | None:
    """The first file that does not match the card, which may be the card itself; None when all match.

    `only`: the one file to compare, instead of all.
    """
    try:
        # Cards of older versions list no checksums
        checksums = read_json(folder / card).get("sha256", {})
    except (UserError, FileNotFoundError):
        return folder / card
    names = [name for name in checksums if only in (None, name)]
    return next((folder / name for name in names if not _is(folder / name, checksums[name])), None)


def _is(path: Path, expected: str) -> bool:
    """Whether the file is there and has this checksum."""
    try:
        return sha256(path) == expected
    except FileNotFoundError:
        return False


def _delete(shown_by: dict[Path, Path], restored_by: str = "snakemake") -> None:
    """Delete what is damaged, each with the file that shows it. UserError says so, or what could not be deleted."""
    if not shown_by:
        return
    for path in shown_by:
        # Another job may be deleting it, too
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    files = ", ".join(str(file) for file in list(shown_by.values())[:MOST_NAMED])
    if len(shown_by) > MOST_NAMED:
        files += f" and {len(shown_by) - MOST_NAMED} more"
    undeleted = " ".join(str(path) for path in shown_by if path.exists())
    remedy = f"delete {undeleted}, then run" if undeleted else "what is left of it was deleted: run"
    raise UserError(f"{files}: damaged or missing; {remedy} `{restored_by}` again to restore it")
