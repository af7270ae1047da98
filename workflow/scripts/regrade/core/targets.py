"""Files and folders that a command is told to write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regrade.core.errors import UserError


@contextmanager
def can_be_written(target: Path) -> Iterator[None]:
    """UserError where the block cannot make the file or folder that was given as `--to`, or write into it."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"--to: {target} cannot be written ({error.strerror}); give one in a folder that you may write into"
        ) from error


def require_own(target: Path, beginning: str) -> None:
    """UserError where the file `target` would replace something else than a file that begins so."""
    if target.is_dir():
        raise UserError(f"--to: {target} is a folder; give a file")
    if target.exists():
        with can_be_written(target):
            # A device has no beginning that could be read
            ours = target.is_file() and target.read_bytes().startswith(beginning.encode())
        if not ours:
            raise UserError(f"--to: {target} was not written by this command, so it stays as it is; give another file")
