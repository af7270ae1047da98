"""What the cells share: the input products of all steps, the ways along the steps, the sums over them.

The examples come last, so that a gate's slice is one block of memory. `projected` is (steps, runs, width, examples),
`recurrent` (runs, width, units), `bias` (runs, width, 1); width is gates · units. `squash` is the function of the
gates, or of the vanilla cell. All give the states after `every` step, (steps, runs, units, examples), or that after
the last. `states` has steps + 1 entries, the first of zeros. In the backward passes, `state` is the gradient of the
state after the step at hand, and `outside` what reaches the state before it other than through this step, None for
nothing.

A whole sequence does not fit into the cache, and fetching a step's part of it takes as long as many products. So
gates are computed in the place of `projected`, and their gradients in the place of the gates, which nobody reads
after that; and all that is done with a step is done while it is at hand.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import torch


class Squashing(NamedTuple):
    """A function of a cell. `apply_`: in place. `through`: gradient, output, grad_input → gradient · slope there."""

    apply_: Callable[[torch.Tensor], torch.Tensor]
    through: Callable[..., torch.Tensor]


class Context(Protocol):
    """What the passes of a function have in common: what PyTorch gives them, and the function of the cell."""

    saved_tensors: tuple[torch.Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    squash: Squashing

    def save_for_backward(self, *tensors: torch.Tensor) -> None:
        """Keep tensors for the backward pass."""


def empty_states(projected: torch.Tensor, units: int) -> torch.Tensor:
    """Room for the state before the first step (zeros) and after each."""
    steps, runs, _, examples = projected.shape
    states = projected.new_empty(steps + 1, runs, units, examples)
    states[0] = 0
    return states


def gradient_of_last(gradient: torch.Tensor) -> torch.Tensor:
    """The gradient that reaches the state after the last step."""
    return gradient.contiguous() if gradient.dim() == 3 else gradient[-1]


def plus_product(outside: torch.Tensor | None, kernel: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """What comes from `outside`, if anything does, plus kernel · state."""
    return kernel @ state if outside is None else torch.baddbmm(outside, kernel, state)


def forwards(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """The slices of tensors (steps, …), step by step."""
    return zip(*(tensor.unbind() for tensor in tensors), strict=True)


def backwards(
    gradient: torch.Tensor, *tensors: torch.Tensor
) -> list[tuple[torch.Tensor | None, tuple[torch.Tensor, ...]]]:
    """From the last step to the first: `outside`, and the slices of tensors (steps, …)."""
    steps = len(tensors[0])
    every = [None, *gradient[:-1].unbind()] if gradient.dim() == 4 else [None] * steps
    return list(zip(every[-steps:], forwards(*tensors), strict=True))[::-1]


# gradient, output of the function → gradient · slope of the function, one operation each; no public function writes it
# into a given tensor, and two public operations take 1.5 to 1.9 times as long on one CPU core
through_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
through_tanh = torch.ops.aten.tanh_backward.grad_input


def _through_relu(gradient: torch.Tensor, output: torch.Tensor, grad_input: torch.Tensor) -> torch.Tensor:
    return torch.ops.aten.threshold_backward.grad_input(gradient, output, 0, grad_input=grad_input)


def _through_clip(gradient: torch.Tensor, output: torch.Tensor, grad_input: torch.Tensor) -> torch.Tensor:
    return torch.ops.aten.hardtanh_backward.grad_input(gradient, output, 0, 1, grad_input=grad_input)


SIGMOID = Squashing(torch.Tensor.sigmoid_, through_sigmoid)
TANH = Squashing(torch.Tensor.tanh_, through_tanh)
RELU = Squashing(torch.Tensor.relu_, _through_relu)
# A hard sigmoid of what its slope and offset are applied to already (see `Recurrent`)
CLIP = Squashing(lambda x: x.clamp_(0, 1), _through_clip)


# Sums over the steps are taken so that a run's result does not depend on how many runs there are: PyTorch's sum over a
# leading dimension adds up in an order that depends on the sizes of the others.
def kernel_gradient(gradient: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Sum over steps and examples of gradients times inputs: (runs, gates · units, features)."""
    total = gradient.new_zeros(*gradient.shape[1:3], inputs.shape[2])
    for of_step, x in forwards(gradient, inputs):
        total.baddbmm_(of_step, x.transpose(1, 2))
    return total


def bias_gradient(gradient: torch.Tensor) -> torch.Tensor:
    """Sum over steps and examples: (runs, gates · units, 1)."""
    return gradient.sum(3).movedim(0, 2).contiguous().sum(2, keepdim=True)


# With no more examples than this, products are so narrow that one over all steps is several times faster
FEW = 8


def _at_each_step(kernel: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """The product of kernel and inputs; inputs (steps, runs, features, examples), kernel (runs, width, features).

    Which way it is done must not depend on the number of runs in a way that changes a run's numbers.
    """
    steps, runs, features, examples = inputs.shape
    if examples <= FEW:
        product = kernel @ inputs.permute(1, 2, 0, 3).reshape(runs, features, steps * examples)
        return product.unflatten(2, (steps, examples)).permute(2, 0, 1, 3).contiguous()
    if runs == 1:
        return torch.matmul(kernel, inputs)
    # The same products: PyTorch's matmul would copy the kernels of several runs for every step
    products = inputs.new_empty(steps, runs, kernel.shape[1], examples)
    for product, x in forwards(products, inputs):
        torch.bmm(kernel, x, out=product)
    return products


class Project(torch.autograd.Function):
    """kernel · inputs + bias; inputs (steps, runs, features, examples), kernel (runs, width, features)."""

    @staticmethod
    def forward(ctx: Context, inputs: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """See the class."""
        ctx.save_for_backward(inputs, kernel)
        return _at_each_step(kernel, inputs).add_(bias)

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of inputs, kernel and bias."""
        inputs, kernel = ctx.saved_tensors
        of_inputs = _at_each_step(kernel.transpose(1, 2), gradient) if ctx.needs_input_grad[0] else None
        return of_inputs, kernel_gradient(gradient, inputs), bias_gradient(gradient)
