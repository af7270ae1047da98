"""The vanilla cell, of one tanh or ReLU."""

import torch

from regrade.models.recurrent.steps import Context, Squashing, backwards, forwards, gradient_of_last, plus_product


class Vanilla(torch.autograd.Function):
    """state ← squash(x + recurrent · state)."""

    @staticmethod
    def forward(
        ctx: Context, projected: torch.Tensor, recurrent: torch.Tensor, every: bool, squash: Squashing
    ) -> torch.Tensor:
        """See the class."""
        states = projected.detach()  # in its place: the state is all that a step needs and all that it leaves
        squash.apply_(states[0])
        for before, state in forwards(states[:-1], states[1:]):
            squash.apply_(state.baddbmm_(recurrent, before))
        ctx.squash = squash
        ctx.save_for_backward(states, recurrent)
        return states if every else states[-1].clone()

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected and recurrent."""
        states, recurrent = ctx.saved_tensors
        back, of_recurrent = recurrent.transpose(1, 2).contiguous(), torch.zeros_like(recurrent)
        pre = torch.empty_like(states) if gradient.dim() == 4 else states  # what was given out stays as it is
        through = ctx.squash.through
        through(gradient_of_last(gradient), states[-1], grad_input=pre[-1])
        for outside, (later, before, into) in backwards(gradient, pre[1:], states[:-1], pre[:-1]):
            of_recurrent.baddbmm_(later, before.transpose(1, 2))
            through(plus_product(outside, back, later), before, grad_input=into)
        return pre, of_recurrent, None, None
