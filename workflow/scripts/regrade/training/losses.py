"""Losses of examples, and the class that an output stands for."""

import torch
from torch.nn import functional

# With fewer classes than numbers in its vectors, a CPU does the softmax over the last dimension number by number, but
# not that over another
FEW_CLASSES = 16


def losses(outputs: torch.Tensor, targets: torch.Tensor, kind: str) -> torch.Tensor:
    """The loss of each target (runs, rows, …), from outputs (runs, rows, …, units) and classes (runs, rows, …).

    cross_entropy: of the softmax over the outputs; of the sigmoid where there is only one, the logit of class 1.
    squared_error: half the sum of squared differences between the outputs and the one-hot target.
    """
    if kind == "squared_error":
        one_hot = functional.one_hot(targets, outputs.shape[-1]).to(outputs.dtype)
        return (outputs - one_hot).square().sum(-1) / 2
    if outputs.shape[-1] == 1:
        # The same as a softmax over 0 and the logit. PyTorch's own function rounds an element by its position on a CPU:
        # a run's result would depend on how many others are stacked with it. (Padding, since the gradient of a
        # concatenation is a part of a larger tensor, of which products may be rounded differently)
        outputs = functional.pad(outputs, [1, 0])
    logits, indices = outputs.flatten(0, -2), targets.flatten()
    if targets.dim() > 2 and logits.shape[1] < FEW_CLASSES:
        # A class for each step of a text, which no other run stands beside: here it may depend on an element's position
        logits, indices = logits.T.contiguous()[None], indices[None]
    return functional.cross_entropy(logits, indices, reduction="none").view_as(targets)


def classes(outputs: torch.Tensor) -> torch.Tensor:
    """The most probable class (runs, rows, …); with one output, class 1 where it is positive."""
    return (outputs[..., 0] > 0).long() if outputs.shape[-1] == 1 else outputs.argmax(-1)
