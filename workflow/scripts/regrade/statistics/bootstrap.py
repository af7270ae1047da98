"""The hierarchical bootstrap: what would have come out of other seeds and other test rows."""

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
_AT_ONCE = 200


def means(
    values: NDArray[np.float64], correct: NDArray[np.float64] | None, draws: int = DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Means of several cells in `draws` worlds: seeds drawn with replacement, then rows. Shape (draws, cells).

    `values`: (cells, seeds), seeds paired across cells. `correct`: (cells, seeds, rows), whose means over the rows are
    `values`, where the cells were tested on the same rows; None where there are no rows to draw. After Davison and
    Hinkley (1997), section 3.8, for crossed levels.
    """
    generator = np.random.default_rng(seed)
    count = values.shape[1]
    seeds: NDArray[np.float64] = generator.multinomial(count, np.full(count, 1 / count), size=draws) / count
    if correct is None:
        return seeds @ values.T
    rows, chunks = correct.shape[2], []
    flat = correct.reshape(-1, rows).T.astype(np.float32)
    for start in range(0, draws, _AT_ONCE):
        part = seeds[start : start + _AT_ONCE]
        weights = generator.multinomial(rows, np.full(rows, 1 / rows), size=len(part)).astype(np.float32) / rows
        drawn = (weights @ flat).reshape(len(part), *correct.shape[:2])
        chunks.append(np.einsum("dcs,ds->dc", drawn, part))
    return np.concatenate(chunks)


def probability_of_best(
    values: NDArray[np.float64], correct: NDArray[np.float64] | None, highest: bool = True
) -> NDArray[np.float64]:
    """For each cell the share of bootstrap worlds in which its mean is the best; ties are shared. Shape (cells,)."""
    drawn = means(values, correct) * (1 if highest else -1)
    best = np.isclose(drawn, drawn.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    shares: NDArray[np.float64] = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares
