"""What every job of the workflow does around its work: write a log, and say what went wrong in one sentence."""

import errno
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from regrade.errors import UserError


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Send all output of the block to the log at `path`; end the process with status 1 on an error.

    The user's mistakes and a full disk are one sentence, in the log and on stderr; any other error has its traceback
    in the log.
    """
    try:
        with written(path):
            yield
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        print(f"Error: {sentence(error, path)}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def written(path: Path | str) -> Iterator[None]:
    """Send all output of the block to the log at `path`, and what is wrong, if the block ends with an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as log, redirect_stdout(log), redirect_stderr(log):
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
    """One sentence for an error that is the user's to mend; None for a fault of the program."""
    if isinstance(error, UserError):
        return str(error)
    # Libraries that write in other languages pass the operating system's words on, not its number
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in str(error):
        place = getattr(error, "filename", None)
        return (
            f"the disk is full{f' ({place})' if place else ''}: free some space and run again; "
            "nothing was half-written, and finished work is kept"
        )
    return None
