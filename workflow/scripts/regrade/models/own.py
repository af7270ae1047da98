"""Modules of the user's own: any `torch.nn.Module` as a layer, one module for each run.

Their code is imported here and nowhere else, when a cell is trained or scored.
"""

import copy
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.func import functional_call
from torch.nn.parameter import is_lazy

from regrade.cells import own_code
from regrade.core.errors import UserError
from regrade.models.layer import Context, Layer, each_run
from regrade.runtime import global_state
from regrade.runtime.logs import explain

if TYPE_CHECKING:
    from regrade.config import layer_specs

# Rows of the batch by which the shape of the output is found out
PROBED = 2
# Why a module may not be imported: Python runs it once only, and would not run it for the next cell of the process
REFUSED: dict[str, UserError] = {}


class Module(Layer):
    """A module for each run, which gets the run's part of the layer's own parameters and buffers for each pass.

    Parameters and buffers are called as in the module; those without dimensions are (runs, 1), and parameters that
    need no gradient are buffers. In training the module draws from the run's stream as from PyTorch's global
    generator.
    """

    def __init__(self, spec: "layer_specs.ModuleSpec", shape: tuple[int, ...], context: Context):
        """UserError for whatever is wrong with the module."""
        super().__init__()
        self._spec, self._streams, self._input_shape = spec, context.dropout, shape
        self._may_be_ids, self._quiet = context.vocabulary_size > 0, False
        self._passes = {True: 0, False: 0}
        kind = self._class()
        self._check_arguments(kind)
        # A list, as the layer's parameters are its own
        self._of_runs = [self._made(kind, stream) for stream in context.initial]
        # Where the layer keeps each of them, and its shape in the module
        self._places: dict[str, tuple[dict[str, Any], str, torch.Size]] = {}
        for name, parameter in self._of_runs[0].named_parameters():
            self._register(name, [one.get_parameter(name).detach() for one in self._of_runs], parameter.requires_grad)
        for name, _ in self._of_runs[0].named_buffers():
            self._register(name, [one.get_buffer(name) for one in self._of_runs], False)
        if not any(True for _ in self.parameters()):
            raise self._wrong("it has no parameters to train; give it some, or leave it out")
        self.output_shape = self._probed()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, *input shape) → (runs, examples, *output shape)."""
        if not x.is_floating_point():
            # Prepared ids have 32 bits, and not everything takes these
            x = x.long() if self._may_be_ids else x.to(torch.get_default_dtype())
        parts = {
            name: each_run(store[key]) if shape else [part.squeeze(0) for part in each_run(store[key])]
            for name, (store, key, shape) in self._places.items()
        }
        outputs = [
            self._output(run, of_run, {name: of_runs[run] for name, of_runs in parts.items()})
            for run, of_run in enumerate(each_run(x))
        ]
        output = torch.stack(outputs) if len(outputs) > 1 else outputs[0].unsqueeze(0)
        if output.requires_grad:
            output.register_hook(self._complete_gradients)
        return output

    def train(self, mode: bool = True) -> "Module":
        """Also of the modules of the runs."""
        for module in self._of_runs:
            module.train(mode)
        return super().train(mode)

    def _class(self) -> type[torch.nn.Module]:
        module, _, name = self._spec.target.partition(":")
        path, project = own_code.find(module), str(Path.cwd())
        if project not in sys.path:
            sys.path.insert(0, project)
        importlib.invalidate_caches()
        if module in REFUSED:
            raise REFUSED[module]
        try:
            with self._run("its module"):
                imported = importlib.import_module(module)
        except UserError as error:
            REFUSED[module] = error
            raise
        found = Path(str(imported.__file__))
        if found.resolve() != path.resolve():
            raise self._wrong(f"Python imports {module} from {found}, not from {path}; give it another name")
        kind = getattr(imported, name, None)
        if kind is None:
            raise self._wrong(f"{path} has no class {name}; correct the name")
        if not (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
            raise self._wrong(f"{name} is no class that is a torch.nn.Module; name one that is")
        return kind

    def _check_arguments(self, kind: type[torch.nn.Module]) -> None:
        signature = inspect.signature(kind)
        try:
            signature.bind(**self._spec.arguments)
        except TypeError as error:
            raise self._wrong(f"{error}; the constructor is {kind.__name__}{signature}; correct the keys") from None

    def _wrong(self, what: str) -> UserError:
        return UserError(f"params.yaml: {self._spec}: {what}")

    @contextmanager
    def _run(self, what: str, slow: bool = True) -> Iterator[None]:
        """A block that runs the user's code: UserError for an error in it, and for global state that it changes.

        `slow`: also for what is slow to check.
        """
        try:
            with global_state.kept(slow):
                yield
        except global_state.Changed as changed:
            raise self._wrong(f"{what} {changed}") from None
        except (Exception, SystemExit) as error:
            if isinstance(error, Exception) and explain(error):  # no memory, no space: not the module's fault
                raise
            if not self._quiet:
                traceback.print_exc()
            first, *_ = [*str(error).strip().splitlines(), "no message"]
            raise self._wrong(
                f"{what} raises {type(error).__name__}: {first.rstrip('.')}; correct it (traceback in the log)"
            ) from error

    def _made(self, kind: type[torch.nn.Module], stream: torch.Generator) -> torch.nn.Module:
        """The module of a run, initialised from the run's stream."""
        with self._run("its constructor"), _drawing_from(stream):
            module = kind(**copy.deepcopy(self._spec.arguments))
            if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
                self._initialise(module.eval())
        return module

    def _initialise(self, module: torch.nn.Module) -> None:
        """Let a lazy module find out its shapes, from a pass of zeros. Raises what the likeliest of inputs raise."""
        errors: list[Exception] = []
        for dtype in self._input_types:
            try:
                module(torch.zeros(PROBED, *self._input_shape, dtype=dtype))
            except Exception as error:
                errors.append(error)
            else:
                return
        raise errors[0]

    @property
    def _input_types(self) -> list[torch.dtype]:
        """What its inputs may be, first what they most likely are."""
        # Ids, or what a layer made of them
        ids = [torch.int64] if self._may_be_ids and len(self._input_shape) == 1 else []
        return [*ids, torch.get_default_dtype()]

    def _register(self, name: str, values: list[torch.Tensor], trained: bool) -> None:
        if "/" in name:  # which is between a seed and a name in files of weights
            raise self._wrong(f"the name {name!r} has a slash; call it otherwise")
        *holders, key = name.split(".")
        holder: torch.nn.Module = self
        for each in holders:
            if each not in holder._modules:
                holder._modules[each] = torch.nn.Module()
            holder = holder._modules[each]  # type: ignore[assignment]
        stacked = torch.stack([value.view(1) if value.dim() == 0 else value for value in values])
        store: dict[str, Any] = holder._parameters if trained else holder._buffers
        store[key] = torch.nn.Parameter(stacked) if trained else stacked
        self._places[name] = store, key, values[0].shape

    @torch.no_grad()
    def _probed(self) -> tuple[int, ...]:
        """The shape of the output for an example, from a pass of zeros outside training."""
        kinds = self._input_types
        self.eval()
        errors, self._quiet = [], len(kinds) > 1
        for dtype in kinds:
            try:
                output = self(torch.zeros(len(self._of_runs), PROBED, *self._input_shape, dtype=dtype))
            except UserError as error:
                errors.append(error)
            else:
                self.train()
                self._quiet = False
                return tuple(output.shape[2:])
        if self._quiet and errors[0].__cause__:
            traceback.print_exception(errors[0].__cause__)
        raise errors[0]

    def _output(self, run: int, x: torch.Tensor, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        """The output of one run (examples, *output shape) for its inputs (examples, *input shape)."""
        stream, version, after = self._streams[run], x._version, dict(tensors)
        places = {name: tensor.data for name, tensor in tensors.items()}
        drawing = _drawing_from(stream) if self.training else _drawing_nothing(stream.device)
        self._passes[self.training] += 1
        # Everything in the first passes of training and of evaluation, then ever more rarely
        slow = self._passes[self.training].bit_count() == 1
        with self._run("its forward pass", slow), drawing:
            output = functional_call(self._of_runs[run], after, (x,))
            with torch.no_grad():
                for name, value in after.items():
                    if value.data_ptr() != places[name].data_ptr():  # replaced, or given other `data`
                        places[name].copy_(value)
        if x._version != version:
            raise self._wrong("its forward pass changes its input in place (inplace=True?); let it work on a copy")
        self._check_output(output, x)
        return output

    def _check_output(self, output: Any, x: torch.Tensor) -> None:
        if not isinstance(output, torch.Tensor):
            raise self._wrong(
                f"its forward pass returns {type(output).__name__}, not a tensor; return the logits alone"
            )
        given = f"{output.dtype} of shape {tuple(output.shape)} for inputs of shape {tuple(x.shape)}"
        expected = getattr(self, "output_shape", None)
        if not output.is_floating_point():
            raise self._wrong(f"its forward pass returns {given}; return logits")
        if output.dim() < 2 or len(output) != len(x):
            raise self._wrong(f"its forward pass returns {given}; return a row for each example: (examples, classes)")
        if expected and x.shape[1:] == self._input_shape and output.shape[1:] != expected:
            raise self._wrong(f"its forward pass returns {given}, but before it returned {expected} for an example")
        if self.training and torch.is_grad_enabled() and not output.requires_grad:
            raise self._wrong("its output has no gradient (detach, no_grad?); compute it from its parameters")

    def _complete_gradients(self, _: torch.Tensor) -> None:
        """After this backward pass, give zeros to parameters that took no part: optimizers and norms need them all."""
        torch.autograd.Variable._execution_engine.queue_callback(self._fill_gradients)

    def _fill_gradients(self) -> None:
        for parameter in self.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)


def _defaults(device: torch.device) -> list[torch.Generator]:
    """PyTorch's global generators that code on this device draws from, the device's own last."""
    if device.type != "cuda":
        return [torch.default_generator]
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]


@contextmanager
def _drawing_from(stream: torch.Generator) -> Iterator[None]:
    """Let the block draw from the stream as from PyTorch's global generators, which are as before afterwards.

    With a stream on a GPU, the CPU's generator is seeded by its state. Raises global_state.Changed for a block that
    seeds them.
    """
    *others, own = defaults = _defaults(stream.device)
    outside, before = [each.get_state() for each in defaults], stream.get_state()
    try:
        own.set_state(before)
        for other in others:
            other.manual_seed(int.from_bytes(hashlib.sha256(before.numpy().tobytes()).digest()[:7]))
        seeds = [each.initial_seed() for each in defaults]
        yield
        if [each.initial_seed() for each in defaults] != seeds:
            raise global_state.Changed(
                "seeds PyTorch's global generator; remove that: runs are seeded by their own seeds"
            )
        after = own.get_state()
        if others and torch.equal(after, before):
            after.view(torch.int64)[1] += 4  # a GPU's generator is a seed and an offset in steps of four
        stream.set_state(after)
    finally:
        for each, state in zip(defaults, outside, strict=True):
            each.set_state(state)


@contextmanager
def _drawing_nothing(device: torch.device) -> Iterator[None]:
    """A block after which PyTorch's global generators are as before; global_state.Changed where it has used them."""
    defaults = _defaults(device)
    before = [each.get_state() for each in defaults]
    yield
    if not all(torch.equal(each.get_state(), state) for each, state in zip(defaults, before, strict=True)):
        for each, state in zip(defaults, before, strict=True):
            each.set_state(state)
        raise global_state.Changed(
            "draws random numbers outside training; do so only if self.training (functional.dropout has training=)"
        )
