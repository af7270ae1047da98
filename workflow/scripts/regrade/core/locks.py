"""Locks of files. They are the operating system's, and end with the process that holds them, however that ends."""

import errno
import fcntl
from typing import IO


def take(file: IO[str], shared: bool = False) -> bool:
    """Lock an open file until it is closed, unless another process has locked it; whether it is locked now.

    `shared`: beside others that share it. OSError where the file system has no locks: see `are_missing`.
    """
    try:
        fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def wait(file: IO[str], shared: bool = False) -> None:
    """The same as soon as no other process has it."""
    fcntl.lockf(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def are_missing(error: OSError) -> bool:
    """Whether this error says that the file system has no locks, as some that are shared."""
    return error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
