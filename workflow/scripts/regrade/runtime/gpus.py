"""Which GPU of a machine a job gets. Snakemake counts the jobs that use GPUs, and tells none of them which to use."""

import ctypes
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_SECONDS = 0.5


def count() -> int:
    """How many GPUs this machine has, as the driver says: importing PyTorch would take a second."""
    try:
        driver, number = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(0)
    except OSError:
        return 0
    return number.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(number)) == 0 else 0


def visible() -> list[str]:
    """The names of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, or all; under SLURM its own."""
    given = os.environ.get(VISIBLE)
    return [str(number) for number in range(count())] if given is None else [name for name in given.split(",") if name]


@contextmanager
def one(jobs_per_gpu: int, folder: Path | None = None) -> Iterator[str | None]:
    """Keep a share of a GPU while the block runs, and let the process see no other; gives its name.

    A GPU has `jobs_per_gpu` shares; the emptiest GPU is taken, and where none has a share left, the process waits. The
    shares are locks on files in `folder`, which end with the process, however it ends. Gives None where there is no
    GPU. To be called before CUDA is used.
    """
    names, before = visible(), os.environ.get(VISIBLE)
    if not names:
        yield None
        return
    folder = folder or Path(tempfile.gettempdir(), f"regrade-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    name, share = _wait(names, jobs_per_gpu, folder)
    try:
        os.environ[VISIBLE] = name
        yield name
    finally:
        os.close(share)
        if before is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = before


def _wait(names: list[str], jobs_per_gpu: int, folder: Path) -> tuple[str, int]:
    """The name of a GPU and an open file that holds a share of it."""
    waiting = False
    while True:
        # First shares of all GPUs come before the second of any
        for number in range(jobs_per_gpu):
            for name in names:
                share = _lock(folder / f"{name.replace('/', '_')}-{number}")
                if share is not None:
                    return name, share
        if not waiting:
            print(f"Waiting for a GPU: all shares of {', '.join(names)} are taken", flush=True)
            waiting = True
        time.sleep(POLL_SECONDS)


def _lock(path: Path) -> int | None:
    """The file, open and locked; None if another process has locked it."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
