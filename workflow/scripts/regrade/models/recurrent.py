"""Recurrent layers: GRU, LSTM and the vanilla cell, for several runs at once.

The pass over the time steps is written out, forwards and backwards, so that each step costs a handful of operations on
all runs together: what does not depend on the step before (input products, derivative factors, gradients of the
kernels) is one operation over all steps. Gates are in Keras' order. Formulas: Cho et al. 2014 (GRU), Hochreiter and
Schmidhuber 1997 with a forget gate (LSTM).
"""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models import initialisers
from regrade.models.embedding import pick
from regrade.models.layer import Context, Layer

if TYPE_CHECKING:
    from regrade import layers

GATES = {"gru": 3, "lstm": 4, "rnn": 1}
# PyTorch's CPU kernels work on blocks of this many numbers and treat the rest of a tensor by other code, which rounds
# differently. With the examples filled up to a multiple of it, no run's numbers fall into such a rest.
BLOCK = 32


class Recurrent(Layer):
    """One or more recurrent layers, from a state of zeros; the top layer's last state, or all of them."""

    def __init__(self, spec: "layers.Recurrent", shape: tuple[int, ...], context: Context):
        super().__init__()
        steps, inputs = shape
        self.spec, self.stackable = spec, context.stackable
        self.output_shape = (spec.units,) if spec.output == "last" else (steps, spec.units)
        width = GATES[spec.cell] * spec.units
        # A second bias, inside the recurrent product: PyTorch always has it, Keras only where the reset acts after it
        self.two_biases = context.conventions == "torch" or (spec.cell == "gru" and spec.reset_after)
        for number in range(1, spec.layers + 1):
            for name, values in self._initial(context, inputs, width).items():
                self.register_parameter(f"{name}{number}", torch.nn.Parameter(values))
            inputs = spec.units

    def _initial(self, context: Context, inputs: int, width: int) -> dict[str, torch.Tensor]:
        """The parameters of one layer at the start."""
        units, lstm = self.spec.units, self.spec.cell == "lstm"
        made = {}
        if self.spec.initial == "linear":
            made["kernel"], made["bias"] = initialisers.linear_pair(context, inputs, width)
            made["recurrent"], second = initialisers.linear_pair(context, units, width)
        else:
            made["kernel"], made["recurrent"] = initialisers.recurrent_kernels(context, inputs, units, width)
            made["bias"] = initialisers.recurrent_bias(context, units, width, forget=lstm)
            second = initialisers.recurrent_bias(context, units, width, forget=False) if self.two_biases else None
        return made | {"recurrent_bias": second} if self.two_biases else made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, steps, features), or ids (runs, examples, steps) → (runs, examples, [steps,] units)."""
        if self.spec.cell == "lstm" and x.is_floating_point():
            states, _ = self._library_lstm(x)
            return states if self.spec.output == "states" else states[:, :, -1]
        examples = x.shape[1]
        if self.stackable and examples % BLOCK:
            x = functional.pad(x, [0, 0] * (x.dim() - 2) + [0, BLOCK - examples % BLOCK])
        states = x.permute(2, 0, 3, 1).contiguous() if x.is_floating_point() else None
        if self.stackable and states is not None and states.shape[2] == 1:
            # A second feature of zeros: a product with a dimension of 1 may be rounded differently (models/products.py)
            states = functional.pad(states, [0, 0, 0, 1])
        steps = {"gru": GruResetBefore, "lstm": Lstm, "rnn": Vanilla}[self.spec.cell]
        for number in range(1, self.spec.layers + 1):
            kernel, recurrent, bias, second = self._layer(number)
            inside = []
            if self.spec.cell == "gru" and self.spec.reset_after:
                # What the reset gate does not act on needs no bias of its own inside the product
                steps, (second, of_new) = GruResetAfter, second.split([2 * self.spec.units, self.spec.units], dim=1)
                second, inside = functional.pad(second, [0, 0, 0, self.spec.units]), [of_new]
            bias = bias if second is None else bias + second
            if states is None:
                projected = _look_up(x, kernel, bias)
            else:
                filled = functional.pad(kernel, [0, states.shape[2] - kernel.shape[2]])
                projected = Project.apply(states, filled, bias)
            every = self.spec.output == "states" or number < self.spec.layers
            states = steps.apply(projected, recurrent, every, *inside)
        states = states[..., :examples]
        return states.permute(1, 3, 0, 2) if self.spec.output == "states" else states.transpose(1, 2)

    def _layer(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Kernel, recurrent kernel, bias and second bias of a layer, with the width before the inputs and the units."""
        kernel, recurrent = getattr(self, f"kernel{number}"), getattr(self, f"recurrent{number}")
        second = getattr(self, f"recurrent_bias{number}")[:, :, None] if self.two_biases else None
        return kernel.transpose(1, 2), recurrent.transpose(1, 2), getattr(self, f"bias{number}")[:, :, None], second

    def step(self, x: torch.Tensor, state: list | None) -> tuple[torch.Tensor, list]:
        """The states at every step of x (runs, rows, steps, features), and what the next call goes on from.

        `state`: what the last call gave; None at the beginning. ValueError for other cells than the LSTM.
        """
        if self.spec.cell != "lstm":
            raise ValueError(f"texts are continued by an LSTM only, not by {self.spec.cell}")
        return self._library_lstm(x, state)

    def _library_lstm(self, x: torch.Tensor, before: list | None = None) -> tuple[torch.Tensor, list]:
        """States (runs, rows, steps, units) by PyTorch's own LSTM, whose gates are in the same order, run by run.

        It is faster than what is written out below, but takes vectors only, not ids. `before`: for each run, the pair
        of states and cells to begin with; the second value are the pairs to go on from.
        """
        layers = [self._layer(number) for number in range(1, self.spec.layers + 1)]
        outputs, after = [], []
        for run, vectors in enumerate(x):
            weights = []
            for kernel, recurrent, bias, second in layers:
                none = torch.zeros_like(bias[run, :, 0])
                biases = [bias[run, :, 0], none if second is None else second[run, :, 0]]
                weights += [kernel[run].contiguous(), recurrent[run].contiguous(), *biases]
            zeros = x.new_zeros(len(layers), x.shape[1], self.spec.units)
            start = before[run] if before else (zeros, zeros)
            states, last, cell = torch.lstm(vectors, start, weights, True, len(layers), 0.0, True, False, True)
            outputs.append(states)
            after.append((last, cell))
        return outputs[0][None] if len(outputs) == 1 else torch.stack(outputs), after


def _look_up(ids: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """What the products of one-hot vectors with the kernel are: its columns. (steps, runs, width, examples)."""
    columns = (kernel + bias).transpose(1, 2)
    first = torch.arange(len(kernel), device=ids.device)[:, None, None] * columns.shape[1]
    picked = pick(columns.flatten(0, 1), (ids + first).permute(2, 0, 1))
    return picked.transpose(2, 3).contiguous()


# In what follows the examples come last, so that a gate's slice is one block of memory. `projected` is (steps, runs,
# width, examples), `recurrent` (runs, width, units), `bias` (runs, width, 1); width is gates · units. All give the
# states after `every` step, (steps, runs, units, examples), or that after the last. `states` has steps + 1 entries, the
# first of zeros. In the backward passes, `state` is the gradient of the state after the step at hand, and `outside`
# what reaches the state before it other than through this step, None for nothing.
#
# A whole sequence does not fit into the cache, and fetching a step's part of it takes as long as many products. So
# gates are computed in the place of `projected`, and their gradients in the place of the gates, which nobody reads
# after that; and all that is done with a step is done while it is at hand.


def _states(projected: torch.Tensor, units: int) -> torch.Tensor:
    """Room for the state before the first step (zeros) and after each."""
    steps, runs, _, examples = projected.shape
    states = projected.new_empty(steps + 1, runs, units, examples)
    states[0] = 0
    return states


def _of_last(gradient: torch.Tensor) -> torch.Tensor:
    """The gradient that reaches the state after the last step."""
    return gradient.contiguous() if gradient.dim() == 3 else gradient[-1]


def _plus_product(outside: torch.Tensor | None, kernel: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """What comes from `outside`, if anything does, plus kernel · state."""
    return kernel @ state if outside is None else torch.baddbmm(outside, kernel, state)


def _forwards(*tensors: torch.Tensor) -> zip:
    """The slices of tensors (steps, …), step by step."""
    return zip(*(tensor.unbind() for tensor in tensors), strict=True)


def _backwards(gradient: torch.Tensor, *tensors: torch.Tensor) -> list[tuple[torch.Tensor | None, ...]]:
    """From the last step to the first: `outside`, and the slices of tensors (steps, …)."""
    steps = len(tensors[0])
    outside = [None] * steps if gradient.dim() == 3 else [None, *gradient[:-1].unbind()][-steps:]
    return list(zip(outside, *(tensor.unbind() for tensor in tensors), strict=True))[::-1]


# gradient, output of the function → gradient · slope of the function, one operation each
_through_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
_through_tanh = torch.ops.aten.tanh_backward.grad_input


# Sums over the steps are taken so that a run's result does not depend on how many runs there are: PyTorch's sum over a
# leading dimension adds up in an order that depends on the sizes of the others.
def _of_kernel(gradient: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Sum over steps and examples of gradients times inputs: (runs, gates · units, features)."""
    total = gradient.new_zeros(*gradient.shape[1:3], inputs.shape[2])
    for of_step, x in _forwards(gradient, inputs):
        total.baddbmm_(of_step, x.transpose(1, 2))
    return total


def _of_bias(gradient: torch.Tensor) -> torch.Tensor:
    """Sum over steps and examples: (runs, gates · units, 1)."""
    return gradient.sum(3).movedim(0, 2).contiguous().sum(2, keepdim=True)


class Project(torch.autograd.Function):
    """kernel · inputs + bias; inputs (steps, runs, features, examples), kernel (runs, width, features)."""

    @staticmethod
    def forward(ctx, inputs: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """See the class."""
        ctx.save_for_backward(inputs, kernel)
        return torch.matmul(kernel, inputs).add_(bias)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Gradients of inputs, kernel and bias."""
        inputs, kernel = ctx.saved_tensors
        of_inputs = kernel.transpose(1, 2) @ gradient if ctx.needs_input_grad[0] else None
        return of_inputs, _of_kernel(gradient, inputs), _of_bias(gradient)


class Vanilla(torch.autograd.Function):
    """state ← tanh(x + recurrent · state)."""

    @staticmethod
    def forward(ctx, projected: torch.Tensor, recurrent: torch.Tensor, every: bool) -> torch.Tensor:
        """See the class."""
        states = projected.detach()  # in its place: the state is all that a step needs and all that it leaves
        states[0].tanh_()
        for before, state in _forwards(states[:-1], states[1:]):
            state.baddbmm_(recurrent, before).tanh_()
        ctx.save_for_backward(states, recurrent)
        return states if every else states[-1].clone()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected and recurrent."""
        states, recurrent = ctx.saved_tensors
        back, of_recurrent = recurrent.transpose(1, 2).contiguous(), torch.zeros_like(recurrent)
        pre = torch.empty_like(states) if gradient.dim() == 4 else states  # what was given out stays as it is
        _through_tanh(_of_last(gradient), states[-1], grad_input=pre[-1])
        for outside, later, before, into in _backwards(gradient, pre[1:], states[:-1], pre[:-1]):
            of_recurrent.baddbmm_(later, before.transpose(1, 2))
            _through_tanh(_plus_product(outside, back, later), before, grad_input=into)
        return pre, of_recurrent, None


class Lstm(torch.autograd.Function):
    """Gates i, f, c, o: cell ← σ(f)·cell + σ(i)·tanh(c), state ← σ(o)·tanh(cell)."""

    @staticmethod
    def forward(ctx, projected: torch.Tensor, recurrent: torch.Tensor, every: bool) -> torch.Tensor:
        """See the class."""
        units = recurrent.shape[2]
        states, cells = _states(projected, units), _states(projected, units)
        squashed = torch.empty_like(states[0])
        for gate, inputs, i, f, c, o, before, after, cell, next_cell in _forwards(
            projected,
            projected[:, :, : 2 * units],
            *projected.chunk(4, dim=2),
            states[:-1],
            states[1:],
            cells[:-1],
            cells[1:],
        ):
            gate.baddbmm_(recurrent, before)
            inputs.sigmoid_()
            c.tanh_()
            o.sigmoid_()
            torch.mul(f, cell, out=next_cell).addcmul_(i, c)
            torch.mul(o, torch.tanh(next_cell, out=squashed), out=after)
        ctx.save_for_backward(recurrent, projected, states, cells)
        return states[1:] if every else states[-1].clone()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected and recurrent."""
        recurrent, gates, states, cells = ctx.saved_tensors
        back, of_recurrent = recurrent.transpose(1, 2).contiguous(), torch.zeros_like(recurrent)
        state = _of_last(gradient)
        of_cell = torch.zeros_like(state)
        squashed, work, of_i = (torch.empty_like(state) for _ in range(3))
        for outside, gate, i, f, c, o, cell, cell_before, before in _backwards(
            gradient, gates, *gates.chunk(4, dim=2), cells[1:], cells[:-1], states[:-1]
        ):
            torch.tanh(cell, out=squashed)
            of_cell += _through_tanh(torch.mul(state, o, out=work), squashed, grad_input=work)
            _through_sigmoid(torch.mul(state, squashed, out=work), o, grad_input=o)
            torch.mul(of_cell, c, out=of_i)
            _through_tanh(torch.mul(of_cell, i, out=work), c, grad_input=c)
            _through_sigmoid(of_i, i, grad_input=i)
            torch.mul(of_cell, cell_before, out=work)
            of_cell *= f
            _through_sigmoid(work, f, grad_input=f)
            of_recurrent.baddbmm_(gate, before.transpose(1, 2))
            state = _plus_product(outside, back, gate)
        return gates, of_recurrent, None


class GruResetAfter(torch.autograd.Function):
    """Gates z, r, h, the reset after the product: n = tanh(x_h + σ(r)·(recurrent_h · state + bias)).

    state ← σ(z)·state + (1 - σ(z))·n. It is the form of cuDNN, of PyTorch, and Keras' default since TensorFlow 2.
    `bias` (runs, units, 1) is that of h.
    """

    @staticmethod
    def forward(ctx, projected: torch.Tensor, recurrent: torch.Tensor, every: bool, bias: torch.Tensor) -> torch.Tensor:
        """See the class."""
        units = recurrent.shape[2]
        of_gates, of_new = recurrent.split([2 * units, units], dim=1)
        products, states = torch.empty_like(projected[:, :, :units]), _states(projected, units)
        for gates, z, r, new, product, before, after in _forwards(
            projected[:, :, : 2 * units], *projected.chunk(3, dim=2), products, states[:-1], states[1:]
        ):
            gates.baddbmm_(of_gates, before).sigmoid_()
            torch.baddbmm(bias, of_new, before, out=product)
            new.addcmul_(r, product).tanh_()
            torch.lerp(new, before, z, out=after)
        ctx.save_for_backward(recurrent, projected, products, states)
        return states[1:] if every else states[-1].clone()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected, recurrent and bias."""
        recurrent, pre, products, states = ctx.saved_tensors
        units = recurrent.shape[2]
        back_gates, back_new = (part.transpose(1, 2) for part in recurrent.split([2 * units, units], dim=1))
        of_recurrent = torch.zeros_like(recurrent)
        of_gates, of_new = of_recurrent.split([2 * units, units], dim=1)
        state = _of_last(gradient)
        work = torch.empty_like(state)
        for outside, gates, z, r, new, product, before in _backwards(
            gradient, pre[:, :, : 2 * units], *pre.chunk(3, dim=2), products, states[:-1]
        ):
            torch.sub(before, new, out=work).mul_(state)
            kept = state * z
            _through_sigmoid(work, z, grad_input=z)
            _through_tanh(torch.sub(state, kept, out=work), new, grad_input=new)
            torch.mul(new, product, out=work)
            torch.mul(new, r, out=product)
            _through_sigmoid(work, r, grad_input=r)
            of_gates.baddbmm_(gates, before.transpose(1, 2))
            of_new.baddbmm_(product, before.transpose(1, 2))
            state = kept if outside is None else kept.add_(outside)
            state.baddbmm_(back_gates, gates).baddbmm_(back_new, product)
        return pre, of_recurrent, None, _of_bias(products)


class GruResetBefore(torch.autograd.Function):
    """Gates z, r, h, the reset before the product, as first published: n = tanh(x_h + recurrent_h · (σ(r)·state))."""

    @staticmethod
    def forward(ctx, projected: torch.Tensor, recurrent: torch.Tensor, every: bool) -> torch.Tensor:
        """See the class."""
        units = recurrent.shape[2]
        of_gates, of_new = recurrent.split([2 * units, units], dim=1)
        states, reset = _states(projected, units), torch.empty_like(projected[0, :, :units])
        for gates, z, r, new, before, after in _forwards(
            projected[:, :, : 2 * units], *projected.chunk(3, dim=2), states[:-1], states[1:]
        ):
            gates.baddbmm_(of_gates, before).sigmoid_()
            new.baddbmm_(of_new, torch.mul(r, before, out=reset)).tanh_()
            torch.lerp(new, before, z, out=after)
        ctx.save_for_backward(recurrent, projected, states)
        return states[1:] if every else states[-1].clone()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of projected and recurrent."""
        recurrent, pre, states = ctx.saved_tensors
        units = recurrent.shape[2]
        back_gates, back_new = (part.transpose(1, 2) for part in recurrent.split([2 * units, units], dim=1))
        of_recurrent = torch.zeros_like(recurrent)
        of_gates, of_new = of_recurrent.split([2 * units, units], dim=1)
        state = _of_last(gradient)
        work, through = torch.empty_like(state), torch.empty_like(state)
        for outside, gates, z, r, new, before in _backwards(
            gradient, pre[:, :, : 2 * units], *pre.chunk(3, dim=2), states[:-1]
        ):
            torch.sub(before, new, out=work).mul_(state)
            kept = state * z
            _through_sigmoid(work, z, grad_input=z)
            _through_tanh(torch.sub(state, kept, out=work), new, grad_input=new)
            of_new.baddbmm_(new, torch.mul(r, before, out=work).transpose(1, 2))
            torch.bmm(back_new, new, out=through)
            state = kept if outside is None else kept.add_(outside)
            state.addcmul_(through, r)
            _through_sigmoid(through.mul_(before), r, grad_input=r)
            of_gates.baddbmm_(gates, before.transpose(1, 2))
            state.baddbmm_(back_gates, gates)
        return pre, of_recurrent, None
