"""The GRU cell, with its reset gate after or before the product with the state."""

import torch

from regrade.models.recurrent.steps import (
    Context,
    Squashing,
    backwards,
    bias_gradient,
    empty_states,
    forwards,
    gradient_of_last,
    through_tanh,
)


class GruResetAfter(torch.autograd.Function):
    """Gates z, r, h, the reset after the product: n = tanh(x_h + σ(r)·(recurrent_h · state + bias)).

    state ← σ(z)·state + (1 - σ(z))·n. It is the form of cuDNN, of PyTorch, and Keras' default since TensorFlow 2.
    σ is `squash`, and `bias` (runs, units, 1) that of h.
    """

    @staticmethod
    def forward(
        ctx: Context,
        projected: torch.Tensor,
        recurrent: torch.Tensor,
        every: bool,
        squash: Squashing,
        bias: torch.Tensor,
    ) -> torch.Tensor:
        """See the class."""
        units = recurrent.shape[2]
        of_gates, of_new = recurrent.split([2 * units, units], dim=1)
        products, states = torch.empty_like(projected[:, :, :units]), empty_states(projected, units)
        for gates, z, r, new, product, before, after in forwards(
            projected[:, :, : 2 * units], *projected.chunk(3, dim=2), products, states[:-1], states[1:]
        ):
            squash.apply_(gates.baddbmm_(of_gates, before))
            torch.baddbmm(bias, of_new, before, out=product)
            new.addcmul_(r, product).tanh_()
            torch.lerp(new, before, z, out=after)
        ctx.squash = squash
        ctx.save_for_backward(recurrent, projected, products, states)
        return states[1:] if every else states[-1].clone()

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected, recurrent and bias."""
        recurrent, pre, products, states = ctx.saved_tensors
        units = recurrent.shape[2]
        back_gates, back_new = (part.transpose(1, 2) for part in recurrent.split([2 * units, units], dim=1))
        of_recurrent = torch.zeros_like(recurrent)
        of_gates, of_new = of_recurrent.split([2 * units, units], dim=1)
        state, through_gate = gradient_of_last(gradient), ctx.squash.through
        work = torch.empty_like(state)
        for outside, (gates, z, r, new, product, before) in backwards(
            gradient, pre[:, :, : 2 * units], *pre.chunk(3, dim=2), products, states[:-1]
        ):
            torch.sub(before, new, out=work).mul_(state)
            kept = state * z
            through_gate(work, z, grad_input=z)
            through_tanh(torch.sub(state, kept, out=work), new, grad_input=new)
            torch.mul(new, product, out=work)
            torch.mul(new, r, out=product)
            through_gate(work, r, grad_input=r)
            of_gates.baddbmm_(gates, before.transpose(1, 2))
            of_new.baddbmm_(product, before.transpose(1, 2))
            state = kept if outside is None else kept.add_(outside)
            state.baddbmm_(back_gates, gates).baddbmm_(back_new, product)
        return pre, of_recurrent, None, None, bias_gradient(products)


class GruResetBefore(torch.autograd.Function):
    """Gates z, r, h, the reset before the product, as first published: n = tanh(x_h + recurrent_h · (σ(r)·state)).

    σ is `squash`.
    """

    @staticmethod
    def forward(
        ctx: Context, projected: torch.Tensor, recurrent: torch.Tensor, every: bool, squash: Squashing
    ) -> torch.Tensor:
        """See the class."""
        units = recurrent.shape[2]
        of_gates, of_new = recurrent.split([2 * units, units], dim=1)
        states, reset = empty_states(projected, units), torch.empty_like(projected[0, :, :units])
        for gates, z, r, new, before, after in forwards(
            projected[:, :, : 2 * units], *projected.chunk(3, dim=2), states[:-1], states[1:]
        ):
            squash.apply_(gates.baddbmm_(of_gates, before))
            new.baddbmm_(of_new, torch.mul(r, before, out=reset)).tanh_()
            torch.lerp(new, before, z, out=after)
        ctx.squash = squash
        ctx.save_for_backward(recurrent, projected, states)
        return states[1:] if every else states[-1].clone()

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected and recurrent."""
        recurrent, pre, states = ctx.saved_tensors
        units = recurrent.shape[2]
        back_gates, back_new = (part.transpose(1, 2) for part in recurrent.split([2 * units, units], dim=1))
        of_recurrent = torch.zeros_like(recurrent)
        of_gates, of_new = of_recurrent.split([2 * units, units], dim=1)
        state, through_gate = gradient_of_last(gradient), ctx.squash.through
        work, through = torch.empty_like(state), torch.empty_like(state)
        for outside, (gates, z, r, new, before) in backwards(
            gradient, pre[:, :, : 2 * units], *pre.chunk(3, dim=2), states[:-1]
        ):
            torch.sub(before, new, out=work).mul_(state)
            kept = state * z
            through_gate(work, z, grad_input=z)
            through_tanh(torch.sub(state, kept, out=work), new, grad_input=new)
            of_new.baddbmm_(new, torch.mul(r, before, out=work).transpose(1, 2))
            torch.bmm(back_new, new, out=through)
            state = kept if outside is None else kept.add_(outside)
            state.addcmul_(through, r)
            through_gate(through.mul_(before), r, grad_input=r)
            of_gates.baddbmm_(gates, before.transpose(1, 2))
            state.baddbmm_(back_gates, gates)
        return pre, of_recurrent, None, None
