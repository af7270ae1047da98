"""What is set once for all that a training process computes."""

import ctypes
import os

import torch

# MKL's reproducible mode (Intel oneMKL developer guide, "Obtaining numerically reproducible results"): the fastest code
# path of the processor, but always the same one. Without it, rounding depends on where in memory a matrix happens to be
MKL_MODE = "MKL_CBWR"
os.environ.setdefault(MKL_MODE, "AUTO,STRICT")  # on import: MKL reads it once, at the first product of the process

# glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def set_up(threads: int) -> None:
    """Set the number of threads on a CPU, and how numbers are rounded and memory is kept."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # vanishing gradients would otherwise make the CPU several times slower
    # Convolutions on a GPU in full float32, as products are by default: what TF32 would change was never measured
    torch.backends.cudnn.allow_tf32 = False
    _keep_freed_memory()


def products_are_reproducible() -> bool:
    """Whether products on the CPU do not depend on where in memory the matrices are: MKL's in its reproducible mode."""
    with_mkl: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return with_mkl and os.environ.get(MKL_MODE, "OFF").upper() != "OFF"


def _keep_freed_memory() -> None:
    """Make freed memory serve the next tensors, instead of going back to the operating system.

    Else every large tensor of every step is new memory, which the kernel fills with zeros page by page: a fifth of the
    time of an LSTM over reviews. The C library of nearly every Linux (glibc) can be told so; with another,
    nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_MAX, 0)  # large blocks come from the heap, too, since others are given back at once
        mallopt(M_TRIM_THRESHOLD, -1)  # the heap never shrinks
        mallopt(M_TOP_PAD, 2**26)  # it grows by 64 MiB at least
