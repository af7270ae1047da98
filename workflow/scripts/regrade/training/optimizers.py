"""Optimizers by the conventions of Keras and of PyTorch. All act element by element, so stacked runs do not meet."""

from collections.abc import Iterable

import torch


def make(
    name: str, conventions: str, parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float
) -> torch.optim.Optimizer:
    """The optimizer `name` (sgd, rmsprop, adam, adagrad). `momentum` is for sgd.

    keras: epsilon 1e-7 where Keras 3 puts it, RMSprop's rho 0.9, Adagrad's sum from 0.1. torch: PyTorch's defaults
    (1e-8, alpha 0.99; Adagrad's sum from 0, epsilon 1e-10).
    foreach, not fused: the fused CPU kernels round an element by its position, so a run's result would depend on how
    many others are stacked with it.
    """
    match name, conventions:
        case "sgd", _:
            return torch.optim.SGD(parameters, lr=lr, momentum=momentum, foreach=True)
        case "rmsprop", "keras":
            return KerasRMSprop(parameters, lr=lr)
        case "adam", "keras":
            return KerasAdam(parameters, lr=lr)
        case "adagrad", "keras":
            return KerasAdagrad(parameters, lr=lr)
        case "rmsprop", "torch":
            return torch.optim.RMSprop(parameters, lr=lr, foreach=True)
        case "adam", "torch":
            return torch.optim.Adam(parameters, lr=lr, foreach=True)
        case "adagrad", "torch":
            return torch.optim.Adagrad(parameters, lr=lr, foreach=True)
    raise ValueError(f"no optimizer {name} by the conventions of {conventions}")


# Numbers of a parameter that are updated at once on a CPU; with gradient and averages they fit its cache
BLOCK = 1 << 15


class _Keras(torch.optim.Optimizer):
    """An optimizer that keeps, for each parameter, a step count and `averages` that begin at `start`."""

    averages: tuple[str, ...]
    start = 0.0

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter from its gradient."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter] = {"step": torch.zeros(())}
                    self.state[parameter] |= {name: torch.full_like(parameter, self.start) for name in self.averages}
            states = [self.state[parameter] for parameter in parameters]
            torch._foreach_add_([state["step"] for state in states], 1)
            step = int(states[0]["step"])
            rows = [
                (parameter, parameter.grad, *(state[name] for name in self.averages))
                for parameter, state in zip(parameters, states, strict=True)
            ]
            for row in (row for row in rows if _is_large(row)):
                for blocks in zip(*(tensor.view(-1).split(BLOCK) for tensor in row), strict=True):
                    self.update(*([block] for block in blocks), lr=group["lr"], step=step)
            small = [row for row in rows if not _is_large(row)]
            if small:
                self.update(*map(list, zip(*small, strict=True)), lr=group["lr"], step=step)


def _is_large(row: tuple[torch.Tensor, ...]) -> bool:
    """Whether a parameter with its gradient and averages is better treated in blocks that stay in the cache."""
    return row[0].numel() > BLOCK and not row[0].is_cuda and all(tensor.is_contiguous() for tensor in row)


class KerasRMSprop(_Keras):
    """RMSprop (Hinton 2012) as Keras 3 computes it, epsilon under the root."""

    averages = ("velocity",)

    def update(
        self, parameters: list, gradients: list, velocity: list, lr: float, step: int, rho=0.9, epsilon=1e-7
    ) -> None:
        """With v the average of g²: v ← rho·v + (1-rho)·g², parameter ← parameter - lr·g / sqrt(v + epsilon)."""
        torch._foreach_mul_(velocity, rho)
        torch._foreach_addcmul_(velocity, gradients, gradients, 1 - rho)
        denominators = torch._foreach_add(velocity, epsilon)
        torch._foreach_sqrt_(denominators)
        torch._foreach_addcdiv_(parameters, gradients, denominators, -lr)


class KerasAdam(_Keras):
    """Adam (Kingma and Ba 2015) as Keras 3 computes it, epsilon beside the uncorrected root."""

    averages = ("momentum", "velocity")

    def update(
        self,
        parameters: list,
        gradients: list,
        momentum: list,
        velocity: list,
        lr: float,
        step: int,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-7,
    ) -> None:
        """With m and v the averages of g and g²: parameter ← parameter - rate·m / (sqrt(v) + epsilon).

        The rate at step t is lr·sqrt(1 - beta2^t) / (1 - beta1^t).
        """
        torch._foreach_lerp_(momentum, gradients, 1 - beta1)
        torch._foreach_mul_(velocity, beta2)
        torch._foreach_addcmul_(velocity, gradients, gradients, 1 - beta2)
        denominators = torch._foreach_sqrt(velocity)
        torch._foreach_add_(denominators, epsilon)
        rate = lr * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        torch._foreach_addcdiv_(parameters, momentum, denominators, -rate)


class KerasAdagrad(_Keras):
    """Adagrad (Duchi et al. 2011) as Keras 3 computes it, epsilon under the root, the sum of squares from 0.1."""

    averages = ("accumulator",)
    start = 0.1

    def update(self, parameters: list, gradients: list, accumulator: list, lr: float, step: int, epsilon=1e-7) -> None:
        """With a the sum of g²: a ← a + g², parameter ← parameter - lr·g / sqrt(a + epsilon)."""
        torch._foreach_addcmul_(accumulator, gradients, gradients)
        denominators = torch._foreach_add(accumulator, epsilon)
        torch._foreach_sqrt_(denominators)
        torch._foreach_addcdiv_(parameters, gradients, denominators, -lr)
