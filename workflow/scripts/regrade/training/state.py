"""A run between two epochs."""

from dataclasses import dataclass, field

import torch


@dataclass(eq=False)  # a run is itself, whatever another's numbers are
class RunState:
    """All that a run needs to go on from here and, once finished, all that its results are made of.

    `history`: one dict per evaluation. `tensors`, on the CPU, by name:
    network/<parameter>; buffers/<buffer>; optimizer/<parameter>/<name>; stream/<purpose>;
    predictions/<last, best, best_even, best_odd>: (evaluated rows,) class indices at the last evaluation, at the one
    with the most correct rows, and at those with the most correct among the even and the odd rows.
    `samples`: what a language model wrote: epoch, kind, prompt, text, first_error (None where it is valid).
    `environment`: where the run was finished (commit, versions, device, …). `processors`: the kinds of processors that
    trained it, in turn (see `regrade.runtime.device.processor`); one, unless it was resumed on another.
    """

    seed: int
    history: list[dict] = field(default_factory=list)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    finished: bool = False
    diverged: bool = False
    samples: list[dict] = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    processors: list[dict] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs trained so far; the last evaluation is at the end of one."""
        return round(self.history[-1]["epoch"]) if self.history else 0
