"""Operations and parameters that are counted from settings, beside those that PyTorch counts while it computes."""

from collections.abc import Iterator

import pytest
import torch
from regrade.cells.cell import Cell
from regrade.cells.configuration import Configuration
from regrade.costs import sizes, work
from regrade.datasets import registry
from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.runtime import process
from regrade.training import stacking
from support.expanded import expanded
from torch.utils.flop_counter import FlopCounterMode

# As many examples as need no filling up, few steps, few ids
EXAMPLES, STEPS, IDS = 32, 40, 70
aten = torch.ops.aten


def added_product(added: list, left: list, right: list, **_: object) -> int:
    return 2 * left[0] * left[1] * left[2] * right[2]


def lstm(x: list, kernel: list, recurrent: list, *_: object, **__: object) -> int:
    """What oneDNN's LSTM multiplies and adds for x (steps, rows, features)."""
    return 2 * x[0] * x[1] * kernel[0] * (kernel[1] + recurrent[1])


def lstm_backward(x: list, kernel: list, recurrent: list, *_: object, **__: object) -> int:
    """Gradients of the inputs and states, and of the kernels: as much again each."""
    return 2 * lstm(x, kernel, recurrent)


# Operations that PyTorch's counter does not know
UNKNOWN = {
    aten.baddbmm_: added_product,
    aten.mkldnn_rnn_layer: lstm,
    aten.mkldnn_rnn_layer_backward: lstm_backward,
}


def networks() -> list[Cell]:
    """A cell for each network of each study, and each of its kinds of recurrent cells and of tokens."""
    first: dict[tuple, Cell] = {}
    for cell in expanded(scale="paper"):
        configuration = cell.configuration()
        varying = [(getattr(layer, "cell", ""), getattr(layer, "level", "")) for layer in configuration.network]
        first.setdefault((cell.study, configuration.settings.network, configuration.settings.backend, *varying), cell)
    return [cell for cell in first.values() if cell.configuration().settings.backend == "torch"]


CELLS = networks()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sized(configuration: Configuration) -> sizes.Sizes:
    form = registry.form(configuration.data)
    assert form
    ids = form.values == "ids"
    shape = (STEPS,) if ids and len(configuration.data.reading) else tuple(side or STEPS for side in form.shape)
    return sizes.Sizes(shape, form.values, form.classes, EXAMPLES, EXAMPLES, 1, 1, IDS if ids else 0)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.study}-{cell.experiment}-{cell.settings['network']}")
def test_counts_are_those_of_pytorch(cell: Cell):
    configuration = cell.configuration()
    size = sized(configuration)
    counted = work.count(configuration, size)
    # A lone run does some products twice; of grouped convolutions, PyTorch counts the backward pass wrongly
    runs, examples = (1, 2) if counted.convolutions else (2, EXAMPLES)
    streams = [torch.Generator().manual_seed(seed) for seed in range(runs)]
    vectors = torch.zeros(IDS, 128) if configuration.data.word_vectors else None
    context = Context(configuration.conventions, streams, streams, size.classes, size.vocabulary, vectors, False)
    network = Network(configuration.network, size.shape, context)
    assert sum(one.numel() for one in network.parameters()) == runs * counted.parameters
    assert len(list(network.parameters())) == counted.tensors
    shape = (runs, examples, *size.shape)
    inputs = torch.randint(1, IDS, shape) if size.values == "ids" else torch.rand(shape)
    with FlopCounterMode(display=False, custom_mapping=UNKNOWN) as forward:
        outputs = network(inputs)
    with FlopCounterMode(display=False, custom_mapping=UNKNOWN) as backward:
        outputs.sum().backward()
    each = 2 * runs * examples
    assert forward.get_total_flops() / each == counted.multiply_adds
    assert backward.get_total_flops() / each == counted.backward


def test_runs_are_stacked_where_training_stacks_them(one_thread: None):
    for cell in expanded(scale="paper"):
        configuration = cell.configuration()
        for where, stacks in (("cpu", process.products_are_reproducible()), ("cuda", True)):
            done = work.of_sizes(configuration, sized(configuration), 5, 0, where == "cuda", stacks)
            where = "cpu" if cell.on_cpu else where
            together = stacking.stacked(configuration, torch.device(where))
            assert done.groups == (1 if together else 5), cell.folder
