"""Long histories with fewer points."""

import numpy as np

# More evaluations than this cannot be told apart in a figure or on a screen, and make pages large
MOST = 100


def kept(epochs: np.ndarray) -> np.ndarray:
    """Of the epochs, in any order and repeated, MOST evenly spread ones, the first and the last included."""
    every = np.unique(epochs)
    return every[np.unique(np.linspace(0, len(every) - 1, min(len(every), MOST)).round().astype(int))]
