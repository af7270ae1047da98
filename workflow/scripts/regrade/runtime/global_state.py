"""What a whole process has in common, kept from changes by code that is not ours."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.backends import cudnn


class Changed(Exception):
    """What a block has changed, and how to do without, as the end of a sentence."""


@dataclass(frozen=True)
class _Part:
    """A part of the state: its name, what to do instead of changing it, how it is read and set.

    `slow`: to read it takes as long as a step of a small network.
    """

    name: str
    instead: str
    read: Callable[[], Any]
    set: Callable[[Any], None]
    slow: bool = False


def _set_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _algorithms() -> tuple[Any, ...]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
        cudnn.allow_tf32,
        torch.get_float32_matmul_precision(),
    )


def _set_algorithms(flags: tuple[Any, ...]) -> None:
    torch.use_deterministic_algorithms(flags[0], warn_only=flags[1])
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = flags[2:5]
    torch.set_float32_matmul_precision(flags[5])


def _set_gradients(on: bool) -> None:
    torch.set_grad_enabled(on)


def _numpy() -> tuple[Any, ...]:
    name, key, *rest = np.random.get_state(legacy=True)
    return name, np.asarray(key).tobytes(), *rest


def _set_numpy(state: tuple[Any, ...]) -> None:
    name, key, *rest = state
    np.random.set_state((name, np.frombuffer(key, np.uint32), *rest))


_REMOVE, _GENERATOR = "remove that", "draw from a generator of your own"
PARTS = (
    _Part("the default dtype", "give tensors theirs", torch.get_default_dtype, torch.set_default_dtype),
    _Part("the default device", _REMOVE, torch.get_default_device, lambda _: torch.set_default_device(None), slow=True),
    _Part("whether gradients are computed", "use a with block", torch.is_grad_enabled, _set_gradients),
    _Part("which algorithms PyTorch chooses", _REMOVE, _algorithms, _set_algorithms),
    _Part("the number of threads", "set threads in params.yaml", torch.get_num_threads, torch.set_num_threads),
    _Part("PyTorch's global random state", _GENERATOR, torch.get_rng_state, torch.set_rng_state),
    _Part("numpy's global random state", "draw with PyTorch", _numpy, _set_numpy, slow=True),
    _Part("the random state of Python's random", "draw with PyTorch", random.getstate, random.setstate, slow=True),
    _Part("environment variables", "set them before you start", lambda: dict(os.environ), _set_environment, slow=True),
    _Part("the current directory", "use whole paths", os.getcwd, os.chdir),
)


@contextmanager
def kept(slow: bool = True) -> Iterator[None]:
    """Put everything back at the end of the block; Changed where that was needed and the block raises no error.

    `slow`: also what is slow to read.
    """
    before = [(part, part.read()) for part in PARTS if slow or not part.slow]
    try:
        yield
    finally:
        changed = [(part, value) for part, value in before if not _same(part.read(), value)]
        for part, value in changed:
            part.set(value)
    for part, _ in changed:
        raise Changed(f"changes {part.name}; {part.instead}")


def _same(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)
