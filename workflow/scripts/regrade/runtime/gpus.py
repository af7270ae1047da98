"""Which GPU of a machine a job gets. Snakemake counts the jobs that use GPUs, and tells none of them which to use."""

import ctypes
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_SECONDS = 0.5
# Under SLURM, jobs have GPUs of their own, which each of them may know as number 0
JOB = "SLURM_JOB_ID"
_COUNT = """
import ctypes
driver, number = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(0)
print(number.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(number)) == 0 else 0)
"""


def count() -> int:
    """How many GPUs PyTorch can use here, as the driver says: importing PyTorch would take a second.

    The driver is asked in a process of its own. CUDA heeds CUDA_VISIBLE_DEVICES only as it is when a process first uses
    it, and `one` has yet to choose.
    """
    try:
        ctypes.CDLL("libcuda.so.1")
        if "+cpu" in metadata.version("torch"):
            return 0
    except OSError:
        return 0
    except metadata.PackageNotFoundError:  # jobs may have an environment of their own
        pass
    asked = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True)
    return int(asked.stdout or 0)


def visible() -> list[str]:
    """The names of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, or all; under SLURM its own."""
    given, number = os.environ.get(VISIBLE), count()
    # CUDA goes by the names up to the first that is none
    return [str(one) for one in range(number)] if given is None else given.split(",")[:number]


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
    waiting, job = False, os.environ.get(JOB, "")
    while True:
        # First shares of all GPUs come before the second of any
        for number in range(jobs_per_gpu):
            for name in names:
                share = _lock(folder / f"{job}{name.replace('/', '_')}-{number}")
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
