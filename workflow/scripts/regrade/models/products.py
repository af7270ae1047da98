"""Matrix products that give a run the same numbers alone as among others.

A library picks its method by the shape of a product, and each method adds up in an order of its own. For stacked runs
of equal shapes, MKL's method depends on neither their number nor their place in memory (see
`regrade.runtime.process`), with one exception: a single product with a dimension of 1 is done as a product of a matrix
and a vector. `tests/training/test_processors.py` tries this on the code paths of several processors.
"""

import torch

# PyTorch itself does products of fewer multiplications, always in the same order
MULTIPLIED_BY_PYTORCH = 400


def product(left: torch.Tensor, right: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Products of left (runs, rows, inner) and right (runs, inner, columns), plus bias (runs, 1, columns) if given.

    A lone run's product with a dimension of 1 is done twice, side by side, and so are those of its backward pass.
    """
    dimensions = (*left.shape[1:], right.shape[2])
    lone = len(left) == 1 and 1 in dimensions and left[0].numel() * dimensions[2] >= MULTIPLIED_BY_PYTORCH
    if lone:
        left, right = left.expand(2, -1, -1), right.expand(2, -1, -1)
        bias = None if bias is None else bias.expand(2, -1, -1)
    results = torch.bmm(left, right) if bias is None else torch.baddbmm(bias, left, right)
    return results[:1] if lone else results
