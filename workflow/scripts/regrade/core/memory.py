"""Memory that nothing uses any more, but that the C library keeps."""

import ctypes
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from regrade.core.background import beside

# What may be resident, as a multiple of what was ever in use, and beyond that
MOST, SLACK = 1.2, 2**28
EVERY_SECONDS = 1.0
# Looks from one time that memory is given back to the next: new memory for the tensors that follow takes time
REST = 30


class _Heap(ctypes.Structure):
    """The `struct mallinfo2` of glibc's malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "mapped", "usmblks", "fsmblks", "used", "free", "keepcost")
    )


@contextmanager
def bounded(every: float = EVERY_SECONDS) -> Iterator[None]:
    """During the block, give memory back to the operating system when much more is kept than was ever in use.

    Training has the C library keep what is freed for the next tensors (`regrade.runtime.process`). Where a small tensor
    that stays takes a part of the place of a large one, the next large one no longer fits in, and the heap grows: five
    LSTMs that needed 5 GB took up to 23 GB while they were tested on 25,000 reviews.

    `every`: seconds between looks. Without glibc 2.33 or newer, nothing happens.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        yield
        return
    library.mallinfo2.restype = _Heap
    with beside(partial(_watch, library, every)):
        yield


def _watch(library: ctypes.CDLL, every: float, ended: threading.Event) -> None:
    apart, most, rest = _resident() - _used(library), 0, 0
    while not ended.wait(every):
        most, rest = max(most, _used(library)), rest - 1
        if rest <= 0 and _resident() - apart > MOST * most + SLACK:
            library.malloc_trim(0)
            rest = REST


def _used(library: ctypes.CDLL) -> int:
    heap = library.mallinfo2()
    return int(heap.used + heap.mapped)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
