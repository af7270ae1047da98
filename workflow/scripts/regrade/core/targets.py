"""Folders that a command is told to write into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regrade.core.errors import UserError


@contextmanager
def can_be_written(folder: Path) -> Iterator[None]:
    """UserError where the block cannot make the folder that was given as `--to`, or write into it."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"--to: {folder} cannot be written ({error.strerror}); give a folder that you may write into"
        ) from error
