"""Numbers of evaluated rows that are means over batches of each batch's own: the last, smaller batch counts as any.

All are sums of float64 along one run's own values, so that a run has the same alone and stacked with others.
"""

import torch


def batch_mean(values: torch.Tensor, size: int) -> torch.Tensor:
    """Mean over batches of `size` rows of each batch's mean: (runs, rows) → (runs,) float64."""
    return mean_over([batch.double().mean(1) for batch in values.split(size, dim=1)])


def mean_and_deviation(values: torch.Tensor) -> torch.Tensor:
    """Mean, and standard deviation divided by n - 1 as torch.std has it, of (runs, …): (2, runs) float64.

    In two passes: torch.std itself is off by some 1e-3 for the millions of float32 numbers of a convolution's output.
    """
    own = values.flatten(1).to(torch.float64, copy=True)
    mean = own.mean(1)
    squares = own.sub_(mean[:, None]).square_().sum(1)
    return torch.stack([mean, (squares / (own.shape[1] - 1)).sqrt()])


def blank_maps(values: torch.Tensor) -> torch.Tensor:
    """How many maps of a row are zero everywhere, the mean over rows: (runs, rows, maps, …) → (runs,) float64."""
    return (values == 0).flatten(3).all(3).sum(2).double().mean(1)


def mean_over(batches: list[torch.Tensor]) -> torch.Tensor:
    """The mean of what each batch has, numbers of one shape (…, runs)."""
    # Beside each other: over a dimension that is not the last, the order of the sum depends on how many runs there are
    return torch.stack(batches, dim=-1).mean(-1)
