"""Long histories with fewer points."""

import numpy as np
from numpy.typing import ArrayLike

# More evaluations than this cannot be told apart in a figure or on a screen, and make pages large
MOST = 100


def kept(epochs: ArrayLike) -> np.ndarray:
    """MOST of the epochs, which may be unsorted and repeated: evenly spread, the first and the last included."""
    every = np.unique(epochs)
    return every[np.unique(np.linspace(0, len(every) - 1, min(len(every), MOST)).round().astype(int))]
