"""The vanilla cell, of one tanh."""

import torch

from regrade.models.recurrent.steps import Context, backwards, forwards, gradient_of_last, plus_product, through_tanh


class Vanilla(torch.autograd.Function):
    """state ← tanh(x + recurrent · state)."""

    @staticmethod
    def forward(ctx: Context, projected: torch.Tensor, recurrent: torch.Tensor, every: bool) -> torch.Tensor:
        """See the class."""
        states = projected.detach()  # in its place: the state is all that a step needs and all that it leaves
        states[0].tanh_()
        for before, state in forwards(states[:-1], states[1:]):
            state.baddbmm_(recurrent, before).tanh_()
        ctx.save_for_backward(states, recurrent)
        return states if every else states[-1].clone()

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected and recurrent."""
        states, recurrent = ctx.saved_tensors
        back, of_recurrent = recurrent.transpose(1, 2).contiguous(), torch.zeros_like(recurrent)
        pre = torch.empty_like(states) if gradient.dim() == 4 else states  # what was given out stays as it is
        through_tanh(gradient_of_last(gradient), states[-1], grad_input=pre[-1])
        for outside, (later, before, into) in backwards(gradient, pre[1:], states[:-1], pre[:-1]):
            of_recurrent.baddbmm_(later, before.transpose(1, 2))
            through_tanh(plus_product(outside, back, later), before, grad_input=into)
        return pre, of_recurrent, None
