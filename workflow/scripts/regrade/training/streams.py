"""Random streams: what a run draws depends on its seed and on what it draws for, and on nothing else."""

import numpy as np
import torch


def stream(seed: int, purpose: str, device: str = "cpu") -> torch.Generator:
    """A generator for one purpose (initial, shuffle, dropout) of the run with this seed.

    Seeds are paired: in every cell the same seed shuffles in the same order and, where shapes agree, begins with the
    same parameters.
    """
    words = np.random.SeedSequence([seed, *purpose.encode()]).generate_state(2, np.uint32)
    return torch.Generator(device).manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
