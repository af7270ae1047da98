"""The hierarchical bootstrap: what would have come out of other seeds and other test rows."""

import numpy as np

DRAWS = 2000
_AT_ONCE = 200


def means(values: np.ndarray, correct: np.ndarray | None, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Means of several cells in `draws` worlds: seeds drawn with replacement, then rows. Shape (draws, cells).

    `values`: (cells, seeds), seeds paired across cells. `correct`: (cells, seeds, rows), whose means over the rows are
    `values`, where the cells were tested on the same rows; None where there are no rows to draw. After Davison and
    Hinkley (1997), section 3.8, for crossed levels.
    """
    generator = np.random.default_rng(seed)
    count = values.shape[1]
    seeds = generator.multinomial(count, np.full(count, 1 / count), size=draws) / count
    if correct is None:
        return seeds @ values.T
    rows, found = correct.shape[2], []
    flat = correct.reshape(-1, rows).T.astype(np.float32)
    for start in range(0, draws, _AT_ONCE):
        part = seeds[start : start + _AT_ONCE]
        weights = generator.multinomial(rows, np.full(rows, 1 / rows), size=len(part)).astype(np.float32) / rows
        drawn = (weights @ flat).reshape(len(part), *correct.shape[:2])
        found.append(np.einsum("dcs,ds->dc", drawn, part))
    return np.concatenate(found)


def probability_of_best(values: np.ndarray, correct: np.ndarray | None, highest: bool = True) -> np.ndarray:
    """For each cell the share of bootstrap worlds in which its mean is the best; ties are shared. Shape (cells,)."""
    drawn = means(values, correct) * (1 if highest else -1)
    best = np.isclose(drawn, drawn.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    return (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
