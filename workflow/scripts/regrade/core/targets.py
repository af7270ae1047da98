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


def require_own(target: Path, beginning: str, option: str = "--to: ", instead: str = "give another file") -> None:
    """UserError where the file `target` would replace something else than a file that begins so.

    `option`: how the target was given; `instead`: what to do.
    """
    if target.is_dir():
        raise UserError(f"{option}{target} is a folder; {instead}")
    if target.exists():
        with can_be_written(target):
            # A device has no beginning that could be read
            ours = target.is_file() and target.read_bytes().startswith(beginning.encode())
        if not ours:
            raise UserError(f"{option}{target} was not written by this command, so it stays as it is; {instead}")
