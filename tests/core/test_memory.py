"""Memory that training keeps for the next tensors does not grow without end."""

import ctypes
import subprocess
import sys

import pytest

# Large blocks, of each of which a little stays, so that the next ones, which are larger, do not fit into the gaps
PROGRAM = """
import sys
import time
from contextlib import nullcontext

import numpy as np
from regrade.core import memory
from regrade.runtime import process

process.set_up(1)
memory.REST, memory.SLACK = 1, 2**24
stay = []
with memory.bounded(every=0.02) if sys.argv[1] == "bounded" else nullcontext():
    for size in range(8):
        large = [np.ones(2**20 + size * 2**16, dtype=np.uint8) for _ in range(100)]
        time.sleep(0.1)
        for one in large:
            one.resize(2**12, refcheck=False)
        stay += large
    kept = np.ones(2**27, dtype=np.uint8)
    time.sleep(0.3)
    print(memory._resident() >> 20, kept.sum() >> 20, sum(one.sum() for one in stay) >> 12)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
def test_what_is_kept_stays_near_to_what_was_ever_in_use():
    def resident(how: str) -> int:
        answer = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        megabytes, *whole = map(int, answer.stdout.split())
        assert whole == [128, 800], "what is in use stays as it is"
        return megabytes

    bounded, unbounded = resident("bounded"), resident("unbounded")
    # 240 MB were in use at most, and 1.1 GB over time
    assert unbounded > bounded + 500
