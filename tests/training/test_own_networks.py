"""Networks of the user's own: trained like any other, run by run, and refused in one sentence where they do not fit."""

import os
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from regrade.cells.configuration import Configuration
from regrade.core.errors import UserError
from regrade.models.network import Network
from regrade.models.own import Module
from regrade.runtime import global_state, process
from regrade.training import job, stacking
from regrade.training.state import RunState
from regrade.training.streams import stream
from regrade.training.trainer import Data
from support.project import ROOT
from support.runs import CPU, MLP, advanced, configuration, context, network, timeless

pytestmark = pytest.mark.usefixtures("elsewhere")
Write = Callable[[str], str]

MLP_WITH_ALL = '''
class Net(nn.Module):
    """Dropout, batch normalisation, a parameter without dimensions, tied and unused ones, a frozen one."""

    def __init__(self, units, rate=0.3):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, units, bias=False), nn.BatchNorm1d(units), nn.ReLU(), nn.Dropout(rate))
        self.last, self.tied = nn.Linear(units, 3), nn.Linear(units, 3)
        self.tied.weight = self.last.weight
        self.temperature = nn.Parameter(torch.ones(()))
        self.unused = nn.Parameter(torch.ones(2))
        self.frozen = nn.Parameter(torch.rand(3), requires_grad=False)
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        if self.training:
            self.passes = self.passes + 1
        x = self.inner(x)
        return (self.last(x) + self.tied(x)) * self.temperature + self.frozen
'''


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Write:
    """A function that writes a module into the project's folder, and returns its name, which no other has."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    process.set_up(1)

    def file(source: str) -> str:
        name = f"nets{len(WRITTEN)}"
        WRITTEN.append(name)
        Path(f"{name}.py").write_text(f"import torch\nfrom torch import nn\n{source}")
        return name

    return file


WRITTEN: list[str] = []


def points(rows: int = 44, tested: int = 21) -> Data:
    draw = np.random.default_rng(1)
    parts = [
        part
        for count in (rows, tested)
        for part in (draw.normal(size=(count, 2)).astype(np.float32), draw.integers(0, 3, count))
    ]
    return Data(*map(torch.from_numpy, parts), classes=3)


def own(module: str, **arguments) -> dict:
    return {"kind": "module", "import": f"{module}:Net"} | arguments


def training(module: str, **arguments) -> Configuration:
    settings = {"optimizer": "adam", "lr": 0.01, "batch_size": 8, "epochs": 3, "clip_norm": 0.5}
    return configuration([own(module, **arguments)], **settings)


def equal(one: RunState, other: RunState) -> bool:
    return timeless(one) == timeless(other) and all(
        torch.equal(values, other.tensors[name]) for name, values in one.tensors.items()
    )


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adagrad"])
def test_it_is_trained_as_by_a_plain_loop(optimizer: str, write: Write):
    """With the same initial weights, the same batches and the optimizer of PyTorch."""
    name = write(MLP_WITH_ALL.replace("rate=0.3", "rate=0.0"))
    momentum = {"momentum": 0.9} if optimizer == "sgd" else {}
    this = configuration([own(name, units=5)], optimizer=optimizer, lr=0.01, batch_size=8, epochs=3, **momentum)
    data = points()
    trainer = job.make_trainer(this, [RunState(3)], data)
    layer = trainer.learner.network.module1
    net = sys.modules[name].Net(5)
    net.load_state_dict({key: value[0] for key, value in layer.state_dict().items()}, strict=False)
    classes = {"sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam", "adagrad": "Adagrad"}
    steps = getattr(torch.optim, classes[optimizer])(net.parameters(), lr=0.01, **momentum)
    batches: list = []
    layer.register_forward_hook(
        lambda layer, inputs, _: batches.append(inputs[0][0].clone()) if layer.training else None
    )
    for _ in range(3):
        trainer.advance()
    rows = {tuple(row.tolist()): target for row, target in zip(data.train_inputs, data.train_targets, strict=True)}
    net.train()
    losses = []
    for batch in batches:
        targets = torch.stack([rows[tuple(row.tolist())] for row in batch])
        loss = torch.nn.functional.cross_entropy(net(batch), targets)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item() * len(batch))
    per_epoch = [sum(losses[at : at + 6]) / 44 for at in range(0, 18, 6)]
    assert [row["train_loss"] for row in trainer.states[0].history] == pytest.approx(per_epoch, abs=1e-6)
    net.eval()
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(net(data.evaluation_inputs), data.evaluation_targets)
    assert trainer.states[0].history[-1]["test_loss"] == pytest.approx(expected.item(), abs=1e-6)
    assert net.passes == 18 and layer.passes.tolist() == [[18]]
    for key, value in net.state_dict().items():
        if key != "tied.weight":
            torch.testing.assert_close(layer.state_dict()[key].view(value.shape), value, rtol=0, atol=1e-6)


def test_alone_as_among_others_and_resumed(write: Write):
    this, data = training(write(MLP_WITH_ALL), units=5), points()
    states = [RunState(seed) for seed in range(3)]
    assert stacking.groups(this, states, CPU) == [[state] for state in states]
    among = advanced(this, states, data, 3)
    (alone,) = advanced(this, [RunState(1)], data, 3)
    (resumed,) = advanced(this, advanced(this, [RunState(1)], data, 1), data, 2)
    assert equal(among[1], alone) and equal(alone, resumed)
    assert timeless(among[0]) != timeless(alone)
    kept = alone.tensors
    assert kept["buffers/module1.inner.1.num_batches_tracked"].item() == kept["buffers/module1.passes"].item() == 18
    assert "buffers/module1.frozen" in kept and "network/module1.tied.weight" not in kept
    assert torch.equal(kept["network/module1.unused"], torch.ones(2))


def test_stacked_it_is_the_same(write: Write):
    """The layer itself holds as many runs as it is given."""
    name = write(MLP_WITH_ALL)
    layers = [own(name, units=4), {"kind": "dense", "units": 2}]
    both, x = network(layers, (2,), runs=2).train(), torch.randn(2, 6, 2)
    outputs = both(x)
    outputs.square().sum().backward()
    for seed in range(2):
        specs = configuration(layers).network
        alone = Network(specs, (2,), context([seed])).train()
        output = alone(x[seed : seed + 1])
        output.square().sum().backward()
        assert torch.equal(outputs[seed], output[0])
        for one, stacked in zip(alone.parameters(), both.parameters(), strict=True):
            assert torch.equal(one.grad[0], stacked.grad[seed])


def test_modules_like_built_in_layers_give_the_same_accuracy(write: Write):
    name = write(
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))\n"
    )
    data, settings = points(), {"optimizer": "adam", "lr": 0.01, "batch_size": 8, "epochs": 3}
    theirs = job.make_trainer(configuration([own(name)], **settings), [RunState(0)], data)
    ours = job.make_trainer(configuration(MLP, **settings), [RunState(0)], data)
    mine, built_in = theirs.learner.network.module1, ours.learner.network
    with torch.no_grad():
        for number, layer in (("0", built_in.dense1), ("2", built_in.dense2)):
            mine.get_parameter(f"{number}.weight").copy_(layer.kernel.transpose(1, 2))
            mine.get_parameter(f"{number}.bias").copy_(layer.bias)
    for _ in range(3):
        theirs.advance()
        ours.advance()
    for one, other in zip(theirs.states[0].history, ours.states[0].history, strict=True):
        assert one["test_accuracy"] == other["test_accuracy"]
        assert one["test_loss"] == pytest.approx(other["test_loss"], abs=1e-6)
    assert torch.equal(theirs.predictions, ours.predictions)


def test_initial_values_are_those_of_pytorch_from_the_runs_stream(write: Write):
    """Whatever the conventions."""
    name = write("class Net(nn.Linear):\n    pass\n")
    for conventions in ("torch", "keras"):
        made = network([own(name, in_features=2, out_features=3)], (2,), runs=2, conventions=conventions)
        for seed in range(2):
            torch.manual_seed(stream(seed, "initial").initial_seed())
            assert torch.equal(made.module1.weight[seed], torch.nn.Linear(2, 3).weight)


def test_the_example_of_the_documentation_can_be_trained(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    page = (ROOT / "docs/own-networks.md").read_text()
    (source,), (overlay,) = (
        re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("python", "yaml")
    )
    Path("my_package").mkdir()
    Path("my_package/nets.py").write_text(source)
    ((_, layer),) = yaml.safe_load(overlay)["studies"]["my_study"]["networks"]["own"][0].items()
    this = configuration([{"kind": "module"} | layer | {"width": 4}], batch_size=8, epochs=20)
    x = torch.randn(80, 2, generator=torch.Generator().manual_seed(0))
    (run,) = advanced(this, [RunState(0)], Data(x, x[:, 0].gt(0).long(), x, x[:, 0].gt(0).long(), classes=2), 20)
    assert run.history[-1]["test_accuracy"] > 0.9


def test_what_pytorch_offers_can_be_used(write: Write):
    """Recurrent layers, attention, layers that find out their own sizes; token ids and pixels as inputs."""
    name = write("""
class Net(nn.Module):
    def __init__(self, reads):
        super().__init__()
        self.table, self.reads = nn.Embedding(9, 4), reads
        self.lstm = nn.LSTM(4, 4, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.pixels = nn.Sequential(nn.LazyConv2d(3, 3), nn.Flatten(), nn.LazyLinear(3))

    def forward(self, x):
        if self.reads == "pixels":
            return self.pixels(x)
        return self.attention(self.lstm(self.table(x))[0])[:, -1]
""")
    lazy = "self.pixels = nn.Sequential(nn.LazyConv2d(3, 3), nn.Flatten(), nn.LazyLinear(3))"
    texts = write(Path(f"{name}.py").read_text().replace(lazy, ""))
    ids = Data(
        torch.randint(0, 9, (20, 6)),
        torch.arange(20) % 3,
        torch.randint(0, 9, (9, 6)),
        torch.arange(9) % 3,
        3,
        vocabulary_size=9,
    )
    (run,) = advanced(training(texts, reads="ids"), [RunState(0)], ids, 2)
    assert run.history[0]["train_loss"] != run.history[1]["train_loss"]
    images = torch.randint(0, 256, (20, 1, 6, 6), dtype=torch.uint8)
    data = Data(images, torch.arange(20) % 3, images, torch.arange(20) % 3, 3)
    (run,) = advanced(training(name, reads="pixels"), [RunState(0)], data, 2)
    assert run.tensors["network/module1.pixels.0.weight"].shape == (3, 1, 3, 3)


IDS = '''
class Net(nn.Module):
    """Takes ids as PyTorch's own layers do; its last layer finds out by itself how many inputs it has."""

    def __init__(self):
        super().__init__()
        self.read, self.last = nn.Sequential(nn.Embedding(9, 4), nn.Flatten()), nn.LazyLinear(3)
        self.register_buffer("mean", torch.zeros(4))
        self.start = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        assert nn.functional.one_hot(x, 9).dtype == x.dtype
        h = self.read(x)
        if self.training and not self.start.any():
            self.start.data = h.detach()[0, :4].clone()
        if self.training:
            self.mean.data = 0.9 * self.mean + 0.1 * h.detach()[:, :4].mean(0)
        return self.last(h) + self.start.sum()
'''


def test_prepared_ids_are_taken_and_what_it_gives_its_tensors_is_kept(write: Write):
    """Prepared ids have 32 bits, which not everything takes."""
    ids = [torch.randint(0, 9, (rows, 6), dtype=torch.int32) for rows in (20, 9)]
    data = Data(ids[0], torch.arange(20) % 3, ids[1], torch.arange(9) % 3, 3, vocabulary_size=9)
    this = training(write(IDS))
    (run,) = advanced(this, [RunState(0)], data, 2)
    assert run.tensors["buffers/module1.mean"].ne(0).all() and run.tensors["network/module1.start"].ne(0).all()
    (resumed,) = advanced(this, advanced(this, [RunState(0)], data, 1), data, 1)
    assert equal(run, resumed)


def test_a_lazy_module_after_a_layer_that_reads_texts(write: Write):
    """Its inputs are numbers, although the data are ids."""
    name = write("""
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(3))
""")
    ids = torch.randint(0, 9, (20, 6), dtype=torch.int32)
    data = Data(ids, torch.arange(20) % 3, ids, torch.arange(20) % 3, 3, vocabulary_size=9)
    settings = {"optimizer": "adam", "lr": 0.01, "batch_size": 8, "epochs": 2}
    (run,) = advanced(configuration([{"kind": "bag", "units": 5}, own(name)], **settings), [RunState(0)], data, 2)
    assert run.tensors["network/module1.0.weight"].shape == (4, 5)
    assert run.history[0]["train_loss"] != run.history[1]["train_loss"]


def test_the_state_of_the_process_is_as_before(write: Write):
    def everything() -> list:
        return [repr(part.read()) for part in global_state.PARTS]

    before = everything()
    advanced(training(write(MLP_WITH_ALL), units=5), [RunState(0)], points(), 2)
    assert everything() == before


FORWARD = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(2, 3)
    def forward(self, x):
        {}
        return self.last(x)
"""
CONSTRUCTOR = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {}
        self.last = nn.Linear(2, 3)
    def forward(self, x):
        return self.last(x)
"""
CHANGES = {
    "torch.set_default_dtype(torch.float64)": "changes the default dtype",
    "torch.set_default_device('meta')": "changes the default device",
    "torch.set_grad_enabled(not torch.is_grad_enabled())": "changes whether gradients are computed",
    "torch.use_deterministic_algorithms(True)": "changes which algorithms PyTorch chooses",
    "torch.backends.cudnn.benchmark = True": "changes which algorithms PyTorch chooses",
    "torch.set_num_threads(2)": "changes the number of threads",
    "torch.manual_seed(0)": "seeds PyTorch's global generator",
    "import random; random.random()": "changes the random state of Python's random",
    "import numpy; numpy.random.seed(0)": "changes numpy's global random state",
    "import os; os.environ['OMP_NUM_THREADS'] = '7'": "changes environment variables",
    "import os; os.chdir('/')": "changes the current directory",
}


@pytest.mark.parametrize("template", [CONSTRUCTOR, FORWARD], ids=["constructor", "forward"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_module_that_changes_global_state_is_refused_and_the_state_put_back(template: str, change: str, write: Write):
    name = write(template.format(change))
    before = [repr(part.read()) for part in global_state.PARTS]
    with pytest.raises(UserError) as raised:
        advanced(training(name), [RunState(0)], points(), 1)
    sentence = str(raised.value)
    place = "its constructor" if template == CONSTRUCTOR else "its forward pass"
    expected = CHANGES[change]
    if template == FORWARD and "manual_seed" in change:  # noticed in the first pass, which is none of training
        expected = "draws random numbers outside training"
    assert f"params.yaml: module: {{import: {name}:Net}}: {place} {expected}" in sentence
    assert [repr(part.read()) for part in global_state.PARTS] == before


def test_seeding_in_training_only_is_noticed(write: Write):
    name = write(FORWARD.format("self.training and torch.manual_seed(0)"))
    with pytest.raises(UserError, match="its forward pass seeds PyTorch's global generator"):
        advanced(training(name), [RunState(0)], points(), 1)


@pytest.mark.parametrize(
    ("source", "said"),
    {
        "1 / 0\n": "its module raises ZeroDivisionError: division by zero; correct it (traceback in the log)",
        "import nowhere_to_be_found\n": "its module raises ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        "import os\nos.environ['A_VARIABLE'] = 'b'\n": "its module changes environment variables",
        "Net = 3\n": "Net is no class that is a torch.nn.Module",
        "class Net:\n    pass\n": "Net is no class that is a torch.nn.Module",
        "class Net(nn.Linear):\n    pass\n": "missing a required argument: 'in_features'; the constructor is Net(in_features: int",
        "class Net(nn.Identity):\n    pass\n": "it has no parameters to train",
        CONSTRUCTOR.format("raise RuntimeError('not\\ntoday')"): "its constructor raises RuntimeError: not; correct it",
        CONSTRUCTOR.format("import sys; sys.exit(0)"): "its constructor raises SystemExit: 0",
        FORWARD.format(
            "raise KeyError('a')"
        ): "its forward pass raises KeyError: 'a'; correct it (traceback in the log)",
        FORWARD.format("assert not self.training"): "its forward pass raises AssertionError: no message",
        FORWARD.format(
            "x = x[:, :1]"
        ): "its forward pass raises RuntimeError: mat1 and mat2 shapes cannot be multiplied",
        FORWARD.format("return x, x"): "its forward pass returns tuple, not a tensor; return the logits alone",
        FORWARD.format("return self.last(x).argmax(1)"): "returns torch.int64 of shape (2,)",
        FORWARD.format("return self.last(x).sum(1)"): "returns torch.float32 of shape (2,) for inputs of shape (2, 2)",
        FORWARD.format("return self.last(x)[:1]"): "returns torch.float32 of shape (1, 3)",
        FORWARD.format("return self.last(x)[:, :2 + (len(x) == 2)]"): "but before it returned (3,) for an example",
        FORWARD.format("return self.last(x).detach()"): "its output has no gradient",
        FORWARD.format("x.add_(1)"): "changes its input in place",
        FORWARD.format("x = nn.functional.dropout(x)"): "draws random numbers outside training",
        FORWARD.format("x = x + torch.rand(1)"): "draws random numbers outside training",
        CONSTRUCTOR.format("self.parts = nn.ParameterDict({'a/b': torch.ones(1)})"): "the name 'parts.a/b' has a slash",
        FORWARD.format("return self.last(x)[:, :2]"): "ends with shape (2,), but there are 3 classes",
    }.items(),
)
def test_mistakes_in_the_training_job_are_one_sentence(source: str, said: str, write: Write, capsys):
    name = write(source)
    with pytest.raises(UserError) as raised:
        advanced(training(name), [RunState(0)], points(), 1)
    assert "params.yaml: " in str(raised.value) and said in str(raised.value), raised.value
    assert ("Traceback" in capsys.readouterr().err) == (" raises " in str(raised.value))


def test_a_module_that_was_refused_once_is_refused_again(write: Write):
    """Although Python would not run it a second time."""
    name = write("torch.set_default_dtype(torch.float64)\nNet = nn.Linear\n")
    for _ in range(2):
        with pytest.raises(UserError, match="its module changes the default dtype"):
            advanced(training(name, in_features=2, out_features=3), [RunState(0)], points(), 1)


def test_the_digest_covers_what_runs(write: Write):
    modules = training(write(MLP_WITH_ALL), units=2).modules
    assert {"regrade.models.own", "regrade.runtime.global_state"} <= modules - configuration(MLP).modules


def test_the_module_is_the_one_that_was_planned(write: Write, tmp_path: Path, monkeypatch):
    """Not another of the same name, which is imported already."""
    name = write(MLP_WITH_ALL)
    network([own(name, units=3)], (2,))
    (tmp_path / "another").mkdir()
    monkeypatch.chdir(tmp_path / "another")
    Path(f"{name}.py").write_text("")
    with pytest.raises(UserError, match=f"Python imports {name} from .*, not from"):
        network([own(name, units=3)], (2,))


def test_arguments_are_the_modules_own_whatever_they_are_called(write: Write):
    """Neither settings of layers, nor shared between runs; zero is a value."""
    name = write("""
class Net(nn.Module):
    def __init__(self, activation, sizes, arguments=None, units=3):
        super().__init__()
        assert activation == "relu" and sizes.pop() == 5
        self.last = nn.Linear(2, 3)
    def forward(self, x):
        return self.last(x) - 100
""")
    made = network([own(name, activation="relu", sizes=[4, 5], arguments={"a": None})], (2,), runs=2)
    assert list(made.layers) == ["module1"] and made(torch.zeros(2, 4, 2)).max() < 0
    one, other = (training(name, activation="relu", sizes=[5], **more) for more in ({}, {"units": 0}))
    assert one.hash != other.hash
    for this in (one, other):
        assert Configuration.model_validate_json(this.model_dump_json()) == this
    assert other.network[0].model_dump()["units"] == 0
    assert isinstance(made.module1, Module)


def test_a_draw_is_where_numpy_and_python_left_off():
    before = np.random.get_state(), random.getstate(), Path.cwd()
    with pytest.raises(global_state.Changed), global_state.kept():
        np.random.rand(3), random.random(), os.chdir("/")
    after = np.random.get_state(), random.getstate(), Path.cwd()
    assert str(before) == str(after)
