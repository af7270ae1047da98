"""Optimizers by the conventions of three releases of Keras and of PyTorch.

All act element by element, so stacked runs do not meet. They are not PyTorch's classes: to make one of those imports
PyTorch's compiler, which takes a second of every job. What they are made of is private to PyTorch. On one CPU core,
against public operations tensor by tensor, its foreach functions take 1.3 to 4 times less time for a step of a small
network, and the fused Adam 12 to 33 times less.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch

# Numbers of a parameter that are updated at once on a CPU; with gradient and averages they fit its cache
BLOCK = 1 << 15
Tensors = list[torch.Tensor]


class Optimizer(ABC):
    """Keeps averages for each parameter."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float, averages: dict[str, float]):
        """`lr`: the learning rate. `averages`: their names, with the values that they begin with."""
        self.lr, self.averages = lr, averages
        self.state = {
            parameter: {name: torch.full_like(parameter, start) for name, start in averages.items()}
            for parameter in parameters
        }

    @abstractmethod
    def step(self) -> None:
        """Update every parameter from its gradient."""

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.state:
            parameter.grad = None


class Blockwise(Optimizer):
    """An optimizer of several operations, which pass over a large parameter block by block.

    The operations are foreach, not fused: fused CPU kernels round an element by its position, so a run's result would
    depend on how many others are stacked with it.
    """

    @abstractmethod
    def update(self, parameters: Tensors, gradients: Tensors, *averages: Tensors) -> None:
        """Change parameters and averages, lists of tensors, in place."""

    @torch.no_grad()
    def step(self) -> None:
        """See `Optimizer`."""
        rows = [
            (parameter, gradient, *(state[name] for name in self.averages))
            for parameter, state in self.state.items()
            if (gradient := parameter.grad) is not None
        ]
        for row in (row for row in rows if _is_large(row)):
            for blocks in zip(*(tensor.view(-1).split(BLOCK) for tensor in row), strict=True):
                self.update(*([block] for block in blocks))
        small = [row for row in rows if not _is_large(row)]
        if small:
            self.update(*map(list, zip(*small, strict=True)))


def _is_large(row: tuple[torch.Tensor, ...]) -> bool:
    """Whether a parameter with its gradient and averages is better treated in blocks that stay in the cache."""
    return row[0].numel() > BLOCK and not row[0].is_cuda and all(tensor.is_contiguous() for tensor in row)


class Sgd(Blockwise):
    """Stochastic gradient descent, with momentum (Polyak 1964) or without."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float):
        super().__init__(parameters, lr, {"velocity": 0.0} if momentum else {})
        self.momentum = momentum

    def update(self, parameters: Tensors, gradients: Tensors, *averages: Tensors) -> None:
        """With velocity v: v ← momentum·v + g, parameter ← parameter - lr·v."""
        for velocity in averages:
            torch._foreach_mul_(velocity, self.momentum)
            torch._foreach_add_(velocity, gradients)
            gradients = velocity
        torch._foreach_add_(parameters, gradients, alpha=-self.lr)


class RmsProp(Blockwise):
    """RMSprop (Hinton 2012); epsilon under the root, as in Keras 3, or beside it, as in all others."""

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], lr: float, rho: float, epsilon: float, under_root: bool
    ):
        super().__init__(parameters, lr, {"velocity": 0.0})
        self.rho, self.epsilon, self.under_root = rho, epsilon, under_root

    def update(self, parameters: Tensors, gradients: Tensors, *averages: Tensors) -> None:
        """With v the average of g²: v ← rho·v + (1-rho)·g², parameter ← parameter - lr·g / sqrt(v + epsilon)."""
        (velocity,) = averages
        torch._foreach_mul_(velocity, self.rho)
        torch._foreach_addcmul_(velocity, gradients, gradients, 1 - self.rho)
        torch._foreach_addcdiv_(parameters, gradients, _roots(velocity, self.epsilon, self.under_root), -self.lr)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015); epsilon beside the root, which is the corrected one in PyTorch, not in Keras.

    By PyTorch's fused kernel, one pass over everything. It gets each run's part of a parameter by itself, since it
    rounds an element by its position.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float, epsilon: float, corrected: bool):
        super().__init__(parameters, lr, {"momentum": 0.0, "velocity": 0.0})
        self.epsilon, self.corrected = epsilon, corrected
        self.parts = [
            _runs(parameters)
            for parameters in (self.state, *([state[name] for state in self.state.values()] for name in self.averages))
        ]
        # On the CPU, whatever the device: to read them there does not wait for it
        for state in self.state.values():
            state["step"] = torch.zeros(())

    @torch.no_grad()
    def step(self) -> None:
        """With m and v the averages of g and g²: parameter ← parameter - rate·m / (sqrt(v) + epsilon).

        The rate at step t is lr·sqrt(1 - beta2^t) / (1 - beta1^t). The kernel adds epsilon to the corrected root, which
        is sqrt(v) divided by sqrt(1 - beta2^t).
        """
        counts = [state["step"] for state in self.state.values()]
        torch._foreach_add_(counts, 1)
        beta1, beta2, step = 0.9, 0.999, int(counts[0])
        epsilon = self.epsilon if self.corrected else self.epsilon / (1 - beta2**step) ** 0.5
        gradients = _runs(_ordered(parameter) for parameter in self.state)
        parameters, momenta, velocities = self.parts
        count = torch.full((), float(step), device=parameters[0].device)
        torch._fused_adam_(
            parameters,
            gradients,
            momenta,
            velocities,
            [],
            [count] * len(parameters),
            lr=self.lr,
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )


def _ordered(parameter: torch.Tensor) -> torch.Tensor:
    """The gradient with its numbers in the parameter's order in memory, which fused kernels take for granted."""
    gradient = parameter.grad
    assert gradient is not None
    return gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)


def _runs(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """The parts of stacked tensors, run by run."""
    return [part for tensor in tensors for part in tensor.detach().unbind()]


class Adagrad(Blockwise):
    """Adagrad (Duchi et al. 2011); epsilon under the root, as in Keras 3, or beside it, as in all others."""

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], lr: float, start: float, epsilon: float, under_root: bool
    ):
        super().__init__(parameters, lr, {"sum": start})
        self.epsilon, self.under_root = epsilon, under_root

    def update(self, parameters: Tensors, gradients: Tensors, *averages: Tensors) -> None:
        """With a the sum of g²: a ← a + g², parameter ← parameter - lr·g / sqrt(a + epsilon)."""
        (total,) = averages
        torch._foreach_addcmul_(total, gradients, gradients)
        torch._foreach_addcdiv_(parameters, gradients, _roots(total, self.epsilon, self.under_root), -self.lr)


def _roots(squares: Tensors, epsilon: float, under_root: bool) -> tuple[torch.Tensor, ...]:
    """sqrt(squares + epsilon), or sqrt(squares) + epsilon."""
    if under_root:
        roots = torch._foreach_add(squares, epsilon)
        torch._foreach_sqrt_(roots)
    else:
        roots = torch._foreach_sqrt(squares)
        torch._foreach_add_(roots, epsilon)
    return roots


# The defaults of each. keras: Keras 3. tensorflow_2_3: tf.keras of TensorFlow 2.3, whose RMSprop has epsilon beside the
# root as long as it has no momentum. keras_2_0: Keras 2.0.8
CONSTANTS = {
    "rmsprop": {
        "keras": {"rho": 0.9, "epsilon": 1e-7, "under_root": True},
        "tensorflow_2_3": {"rho": 0.9, "epsilon": 1e-7, "under_root": False},
        "keras_2_0": {"rho": 0.9, "epsilon": 1e-8, "under_root": False},
        "torch": {"rho": 0.99, "epsilon": 1e-8, "under_root": False},
    },
    "adam": {
        "keras": {"epsilon": 1e-7, "corrected": False},
        "tensorflow_2_3": {"epsilon": 1e-7, "corrected": False},
        "keras_2_0": {"epsilon": 1e-8, "corrected": False},
        "torch": {"epsilon": 1e-8, "corrected": True},
    },
    "adagrad": {
        "keras": {"start": 0.1, "epsilon": 1e-7, "under_root": True},
        "tensorflow_2_3": {"start": 0.1, "epsilon": 1e-7, "under_root": False},
        "keras_2_0": {"start": 0.0, "epsilon": 1e-8, "under_root": False},
        "torch": {"start": 0.0, "epsilon": 1e-10, "under_root": False},
    },
}
CLASSES = {"rmsprop": RmsProp, "adam": Adam, "adagrad": Adagrad}


def make(
    name: str, conventions: str, parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float
) -> Optimizer:
    """The optimizer `name` (sgd, rmsprop, adam, adagrad) with the constants of `conventions`; `momentum` is of sgd."""
    if name == "sgd":
        return Sgd(parameters, lr, momentum)
    return CLASSES[name](parameters, lr, **CONSTANTS[name][conventions])
