"""Logs of jobs, and what went wrong in one sentence."""

import errno
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from regrade.core.errors import UserError


@contextmanager
def written(path: Path | str) -> Iterator[None]:
    """Send all output of the block to the log at `path`, and what is wrong, if the block ends with an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        try:
            yield
        except KeyboardInterrupt:
            print("Interrupted. The next run goes on from the last checkpoint.", file=log)
            raise
        except Exception as error:
            if explain(error) is None:
                traceback.print_exc(file=log)
            else:
                print(f"Error: {explain(error)}", file=log)
            raise


def sentence(error: Exception, log: Path | str) -> str:
    """One sentence for an error that is written in `log`."""
    return explain(error) or f"{type(error).__name__}: {error} (traceback in {log})"


def explain(error: Exception) -> str | None:
    """One sentence for an error that the user can fix; None for a bug."""
    if isinstance(error, UserError):
        return str(error)
    # Of two paths, the second is the one that a finished file was to get
    number, place = getattr(error, "errno", None), getattr(error, "filename2", None) or getattr(error, "filename", None)
    where = f" ({place})" if place else ""
    if _is(error, errno.ENOSPC):
        return (
            f"the disk is full{where}: free some space and run again; "
            "nothing was half-written, and finished work is kept"
        )
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"{place or 'a file'} may not be changed or read ({os.strerror(number)}): give this user the right to, or "
            "work in a copy, and run again; finished work is kept"
        )
    if place and number in _WRONG_KIND:
        return f"{place} {_WRONG_KIND[number]}, and run again; finished work is kept"
    # PyTorch's error for a GPU has a type of its own, which is not imported here; the one for a CPU has none
    of_torch = type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in _NO_MEMORY)
    if isinstance(error, MemoryError) or of_torch or _is(error, errno.ENOMEM):
        return (
            "there is not enough memory: make the cell smaller (batch_size or rows in params.yaml), or give it more "
            "(fewer jobs at once by --cores; on a cluster --set-resources train:mem_mb=16000), and run again"
        )
    return None


# Paths of the wrong kind: what is wrong, and what to do
_WRONG_KIND = {
    errno.EISDIR: "is a folder, but has to be a file: move it away, or give another name",
    errno.ENOTDIR: "leads through a file, where a folder has to be: move that away, or give another name",
    errno.ENOENT: "does not exist: correct the name, or make it",
    errno.ENAMETOOLONG: "is too long a name: give a shorter one",
    errno.ELOOP: "is a link that leads back to itself: mend it",
}
# What PyTorch says about a tensor that is too large for the memory, or for any memory
_NO_MEMORY = ("can't allocate memory", "calculation overflowed")


def _is(error: Exception, number: int) -> bool:
    """Whether this is the operating system's error: libraries in other languages pass on its words, not its number."""
    return getattr(error, "errno", None) == number or os.strerror(number) in str(error)
