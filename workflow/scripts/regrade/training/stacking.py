"""Which runs of a cell advance together, as one network with the runs stacked.

On a CPU a run must have the same numbers alone as among others, bit for bit. What could not promise that, or would not
be faster for it, is trained run by run.
"""

from typing import TYPE_CHECKING

import torch

from regrade.runtime import process
from regrade.training.state import RunState

if TYPE_CHECKING:
    from regrade.cells.configuration import Configuration

# PyTorch rounds these by an element's position in a tensor of all runs
ROUNDED_BY_POSITION = {"sigmoid", "elu"}


def groups(configuration: "Configuration", states: list[RunState], where: torch.device) -> list[list[RunState]]:
    """The unfinished runs in groups that advance together: those at the same epoch, or each by itself."""
    together = stacked(configuration, where)
    by_epoch: dict[int, list[RunState]] = {}
    for state in states:
        if not state.finished:
            by_epoch.setdefault(state.epoch if together else state.seed, []).append(state)
    return list(by_epoch.values())


def stacked(configuration: "Configuration", where: torch.device) -> bool:
    """Whether runs of this configuration are stacked on this device."""
    if not configuration.settings.stackable:
        return False
    if where.type == "cuda":
        return True
    same = configuration.settings.backend == "numpy" or _same_alone(configuration)
    return same and _is_faster(configuration)


def _same_alone(configuration: "Configuration") -> bool:
    """Whether PyTorch's results on this CPU do not depend on how many runs are stacked.

    Products must be MKL's in its reproducible mode, which other processors than x86-64 do not have, and sums must not
    be split among threads. A recurrent layer of a single unit has sums whose order depends on the number of runs.
    """
    if not process.products_are_reproducible() or torch.get_num_threads() > 1:
        return False
    activations = {getattr(layer, "activation", None) for layer in configuration.network}
    kinds = {layer.kind for layer in configuration.network}
    single = any(layer.kind == "recurrent" and layer.units == 1 for layer in configuration.network)
    return not (activations & ROUNDED_BY_POSITION or "batch_normalization" in kinds or single)


def _is_faster(configuration: "Configuration") -> bool:
    """Whether stacking small networks saves time on a CPU (docs/performance.md).

    One convolution of images already fills the caches, and the library's LSTM over vectors is run by run in any case.
    All others gain, most of all those with many small steps.
    """
    over_characters = any(layer.kind == "tokens" and layer.level == "char" for layer in configuration.network)
    lstm = any(
        layer.kind == "recurrent" and layer.cell == "lstm" and layer.recurrent_activation != "hard_sigmoid"
        for layer in configuration.network
    )
    convolution = any(layer.kind == "convolution" for layer in configuration.network)
    return not convolution and (over_characters or not lstm)
