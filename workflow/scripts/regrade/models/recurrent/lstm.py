"""The LSTM cell."""

import torch

from regrade.models.recurrent.steps import (
    Context,
    Squashing,
    backwards,
    empty_states,
    forwards,
    gradient_of_last,
    plus_product,
    through_tanh,
)


class Lstm(torch.autograd.Function):
    """Gates i, f, c, o: cell ← σ(f)·cell + σ(i)·tanh(c), state ← σ(o)·tanh(cell), σ being `squash`."""

    @staticmethod
    def forward(
        ctx: Context, projected: torch.Tensor, recurrent: torch.Tensor, every: bool, squash: Squashing
    ) -> torch.Tensor:
        """See the class."""
        units = recurrent.shape[2]
        states, cells = empty_states(projected, units), empty_states(projected, units)
        squashed = torch.empty_like(states[0])
        for gate, inputs, i, f, c, o, before, after, cell, next_cell in forwards(
            projected,
            projected[:, :, : 2 * units],
            *projected.chunk(4, dim=2),
            states[:-1],
            states[1:],
            cells[:-1],
            cells[1:],
        ):
            gate.baddbmm_(recurrent, before)
            squash.apply_(inputs)
            c.tanh_()
            squash.apply_(o)
            torch.mul(f, cell, out=next_cell).addcmul_(i, c)
            torch.mul(o, torch.tanh(next_cell, out=squashed), out=after)
        ctx.squash = squash
        ctx.save_for_backward(recurrent, projected, states, cells)
        return states[1:] if every else states[-1].clone()

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected and recurrent."""
        recurrent, gates, states, cells = ctx.saved_tensors
        back, of_recurrent = recurrent.transpose(1, 2).contiguous(), torch.zeros_like(recurrent)
        state = gradient_of_last(gradient)
        of_cell, through = torch.zeros_like(state), ctx.squash.through
        squashed, work, of_i = (torch.empty_like(state) for _ in range(3))
        for outside, (gate, i, f, c, o, cell, cell_before, before) in backwards(
            gradient, gates, *gates.chunk(4, dim=2), cells[1:], cells[:-1], states[:-1]
        ):
            torch.tanh(cell, out=squashed)
            of_cell += through_tanh(torch.mul(state, o, out=work), squashed, grad_input=work)
            through(torch.mul(state, squashed, out=work), o, grad_input=o)
            torch.mul(of_cell, c, out=of_i)
            through_tanh(torch.mul(of_cell, i, out=work), c, grad_input=c)
            through(of_i, i, grad_input=i)
            torch.mul(of_cell, cell_before, out=work)
            of_cell *= f
            through(work, f, grad_input=f)
            of_recurrent.baddbmm_(gate, before.transpose(1, 2))
            state = plus_product(outside, back, gate)
        return gates, of_recurrent, None, None
