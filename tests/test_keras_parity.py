"""Layers, optimizers, initialisers and parameter counts against Keras 3, an independent implementation, in float64."""

import keras
import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT
from keras.src.backend.common import dtypes
from regrade import cells, params
from regrade.cells import Configuration
from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.training import optimizers
from regrade.training.streams import stream

RUNS, ROWS, STEPS = 2, 5, 11
VOCABULARY = 30
GRU = {"kind": "recurrent", "cell": "gru", "units": 6}


@pytest.fixture(autouse=True)
def double(monkeypatch: pytest.MonkeyPatch):
    torch.set_default_dtype(torch.float64)
    keras.config.set_floatx("float64")
    # Keras' promotion of types takes float64 down to float32 in every matrix product; lifted here
    promoted = dtypes.result_type
    monkeypatch.setattr(dtypes, "result_type", lambda *types: "float64" if torch.float64 in types else promoted(*types))
    yield
    torch.set_default_dtype(torch.float32)
    keras.config.set_floatx("float32")


def network(layers: list[dict], shape: tuple[int, ...], runs: int = RUNS) -> Network:
    settings = {"dataset": "d", "network": "n", "optimizer": "sgd", "lr": 1.0, "batch_size": 1, "epochs": 1}
    specs = Configuration(conventions="keras", data={}, settings=settings, network=layers).network
    streams = ([stream(run, purpose) for run in range(runs)] for purpose in ("initial", "dropout"))
    return Network(specs, shape, Context("keras", *streams, VOCABULARY))


def tokens(level: str) -> dict:
    return {"kind": "tokens", "level": level, "one_hot": VOCABULARY, "embedding": 4}


def recurrent(cell: str, layers: int, reset_after: bool = True) -> dict:
    return {"kind": "recurrent", "cell": cell, "units": 6, "layers": layers, "reset_after": reset_after}


def keras_recurrent(cell: str, layers: int, reset_after: bool = True) -> list:
    options = {"reset_after": reset_after} if cell == "gru" else {}
    made = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}[cell]
    return [made(6, return_sequences=i < layers - 1, **options) for i in range(layers)]


def one_hot() -> keras.layers.Layer:
    return keras.layers.Lambda(lambda x: keras.ops.one_hot(x, VOCABULARY))


def flatten_channels_first() -> keras.layers.Layer:
    return keras.layers.Lambda(lambda x: keras.ops.reshape(keras.ops.transpose(x, (0, 3, 1, 2)), (ROWS, -1)))


# Ours, Keras', the shape of an example (of token ids where it has one number)
CASES = {
    "convolution": (
        [{"kind": "convolution", "filters": 3, "kernel": 4, "activation": "relu"}, {"kind": "flatten"}],
        lambda: [keras.layers.Conv2D(3, 4, activation="relu"), flatten_channels_first()],
        (2, 9, 9),
    ),
    "max pooling": (
        [{"kind": "max_pooling", "size": 2}, {"kind": "flatten"}],
        lambda: [keras.layers.MaxPooling2D(2), flatten_channels_first()],
        (2, 9, 9),
    ),
    "dense": (
        [{"kind": "flatten"}, {"kind": "dense", "units": 7, "activation": "relu"}, {"kind": "dense", "units": 3}],
        lambda: [keras.layers.Flatten(), keras.layers.Dense(7, activation="relu"), keras.layers.Dense(3)],
        (STEPS, 4),
    ),
    "embedding": (
        [tokens("word"), {"kind": "flatten"}],
        lambda: [keras.layers.Embedding(VOCABULARY, 4), keras.layers.Flatten()],
        (STEPS,),
    ),
    "sequence convolution": (
        [{"kind": "sequence_convolution", "filters": 3, "kernel": 4, "activation": "relu"}, {"kind": "flatten"}],
        lambda: [keras.layers.Conv1D(3, 4, activation="relu"), keras.layers.Flatten()],
        (STEPS, 4),
    ),
    "sequence convolution of one-hot": (
        [tokens("char"), {"kind": "sequence_convolution", "filters": 3, "kernel": 4}, {"kind": "flatten"}],
        lambda: [one_hot(), keras.layers.Conv1D(3, 4), keras.layers.Flatten()],
        (STEPS,),
    ),
    "same pooling, odd": (
        [{"kind": "sequence_pooling", "size": 4, "stride": 2}, {"kind": "flatten"}],
        lambda: [keras.layers.MaxPooling1D(4, 2, padding="same"), keras.layers.Flatten()],
        (11, 3),
    ),
    "same pooling, even": (
        [{"kind": "sequence_pooling", "size": 4, "stride": 2}, {"kind": "flatten"}],
        lambda: [keras.layers.MaxPooling1D(4, 2, padding="same"), keras.layers.Flatten()],
        (12, 3),
    ),
}
for cell in ("gru", "lstm", "rnn"):
    for count in (1, 2):
        CASES[f"{cell}, {count} layers"] = (
            [recurrent(cell, count)],
            lambda c=cell, n=count: keras_recurrent(c, n),
            (STEPS, 4),
        )
    CASES[f"{cell} of one-hot"] = (
        [tokens("char"), recurrent(cell, 1)],
        lambda c=cell: [one_hot(), *keras_recurrent(c, 1)],
        (STEPS,),
    )
    CASES[f"{cell} of embedding"] = (
        [tokens("word"), recurrent(cell, 2)],
        lambda c=cell: [keras.layers.Embedding(VOCABULARY, 4), *keras_recurrent(c, 2)],
        (STEPS,),
    )
for count in (1, 2):
    CASES[f"gru before, {count} layers"] = (
        [recurrent("gru", count, False)],
        lambda n=count: keras_recurrent("gru", n, False),
        (STEPS, 4),
    )


def to_keras(name: str, value: np.ndarray, mine: dict[str, np.ndarray]) -> np.ndarray | None:
    """One of our parameters in Keras' layout; None for one that is part of another."""
    layer, _, kind = name.partition(".")
    if layer.startswith("convolution") and kind == "kernel":
        return value.transpose(2, 3, 1, 0)
    if kind.startswith("recurrent_bias"):
        return None
    if kind.startswith("bias") and f"{layer}.recurrent_{kind}" in mine:
        return np.stack([value, mine[f"{layer}.recurrent_{kind}"]])
    return value


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_equal_keras(case: str):
    layers, keras_layers, shape = CASES[case]
    made = network(layers, shape)
    random = np.random.default_rng(0)
    for parameter in made.parameters():  # biases, too, away from zero
        parameter.data = torch.from_numpy(random.normal(0, 0.5, parameter.shape))
    ids = len(shape) == 1
    inputs = random.integers(0, VOCABULARY, (RUNS, ROWS, *shape)) if ids else random.normal(size=(RUNS, ROWS, *shape))
    x = torch.from_numpy(inputs).requires_grad_(not ids)
    outputs = made(x)
    weights = torch.from_numpy(random.normal(size=outputs.shape))
    (outputs * weights).sum().backward()
    for run in range(RUNS):
        peer = keras.Sequential(keras_layers())
        there = torch.from_numpy(
            inputs[run].transpose(0, 2, 3, 1).copy() if len(shape) == 3 else inputs[run]
        ).requires_grad_(not ids)
        peer(there)
        mine = {name: value.detach()[run].numpy() for name, value in made.named_parameters()}
        converted = [to_keras(name, value, mine) for name, value in mine.items()]
        peer.set_weights([value for value in converted if value is not None])
        expected = peer(there)
        np.testing.assert_allclose(outputs[run].detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
        (expected * weights[run]).sum().backward()
        gradients = {name: value.grad[run].numpy() for name, value in made.named_parameters()}
        converted = [to_keras(name, value, gradients) for name, value in gradients.items()]
        pairs = zip((value for value in converted if value is not None), peer.trainable_variables, strict=True)
        for value, variable in pairs:
            np.testing.assert_allclose(value, variable.value.grad.numpy(), rtol=1e-9, atol=1e-11, err_msg=variable.path)
        if not ids:
            gradient = there.grad.numpy()
            gradient = gradient.transpose(0, 3, 1, 2) if len(shape) == 3 else gradient
            np.testing.assert_allclose(x.grad[run].numpy(), gradient, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("clip_value", [None, 0.2])
@pytest.mark.parametrize(
    ("name", "momentum"), [("sgd", 0.0), ("sgd", 0.1), ("sgd", 0.9), ("rmsprop", 0.0), ("adam", 0.0)]
)
def test_optimizers_equal_keras_after_20_steps(name: str, momentum: float, clip_value: float | None):
    options = {"momentum": momentum} if name == "sgd" else {}
    peer = {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}[name]
    peer = peer(learning_rate=0.01, clipvalue=clip_value, **options)
    random = np.random.default_rng(4)
    start = random.normal(size=(3, 8))
    variable = keras.Variable(start)
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    mine = optimizers.make(name, "keras", [parameter], 0.01, momentum)
    for gradient in random.normal(size=(20, 3, 8)) * np.logspace(-7, 1, 8):
        peer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        parameter.grad = torch.from_numpy(gradient.copy())
        if clip_value:
            torch.nn.utils.clip_grad_value_([parameter], clip_value)
        mine.step()
    np.testing.assert_allclose(parameter.detach().numpy(), variable.numpy(), rtol=1e-9)


def test_parameter_counts_of_every_cell_equal_keras():
    """Every network of ce4042 as Keras builds it from the source's description."""
    config = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"scale": "demo"}
    layers = keras.layers
    steps, words = 100, 700

    def text(cell: cells.Cell, level: str) -> list:
        return (
            [layers.Embedding(words, 20)] if level == "word" else [layers.Lambda(lambda x: keras.ops.one_hot(x, 256))]
        )

    def expected(cell: cells.Cell) -> int:
        s = cell.settings
        if s["network"] == "image_cnn":
            filters1, filters2 = (s.get(name, value) for name, value in (("filters1", 10), ("filters2", 20)))
            stack = [
                layers.Conv2D(filters1, 9),
                layers.MaxPooling2D(2),
                layers.Conv2D(filters2, 5),
                layers.MaxPooling2D(2),
            ]
            peer = keras.Sequential(
                [keras.Input((32, 32, 3)), *stack, layers.Flatten(), layers.Dense(300), layers.Dense(10)]
            )
            return peer.count_params()
        if s["network"] == "cnn":
            width = 20 if s["level"] == "word" else 256
            two_dimensional = [
                layers.Reshape((steps, width, 1)),
                layers.Conv2D(10, (20, width), activation="relu"),
                layers.MaxPooling2D(4, 2, padding="same"),
                layers.Conv2D(10, (20, 1), activation="relu"),
                layers.MaxPooling2D(4, 2, padding="same"),
                layers.Flatten(),
            ]
            peer = keras.Sequential(
                [keras.Input((steps,), dtype="int64"), *text(cell, s["level"]), *two_dimensional, layers.Dense(15)]
            )
            return peer.count_params()
        made = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}[s.get("rnn_cell", "gru")]
        count = s.get("layers", 1)
        stack = [made(20, return_sequences=i < count - 1) for i in range(count)]
        peer = keras.Sequential(
            [keras.Input((steps,), dtype="int64"), *text(cell, s["level"]), *stack, layers.Dense(15)]
        )
        return peer.count_params()

    every = cells.expand(params.parse(config))
    assert len(every) == 62
    for cell in every:
        shape = (3, 32, 32) if cell.settings["dataset"] == "cifar10" else (steps,)
        context = Context(
            "keras",
            [stream(0, "initial")],
            [stream(0, "dropout")],
            words if shape == (steps,) and cell.settings["level"] == "word" else 90,
        )
        count = sum(
            parameter[0].numel() for parameter in Network(cell.configuration().network, shape, context).parameters()
        )
        assert count == expected(cell), cell.folder


def test_counts_that_the_sources_state():
    lstm = network([{"kind": "recurrent", "cell": "lstm", "units": 64}], (STEPS, 128), runs=1)
    gru = network([{"kind": "recurrent", "cell": "gru", "units": 128, "reset_after": False}], (STEPS, 128), runs=1)
    assert sum(parameter.numel() for parameter in lstm.parameters()) == 49_408
    assert sum(parameter.numel() for parameter in gru.parameters()) == 98_688


def test_initialisers_have_the_moments_of_keras():
    """Means and standard deviations over 400 runs of every parameter, and of as many draws by Keras."""
    layers = [
        tokens("word"),
        {"kind": "sequence_convolution", "filters": 5, "kernel": 3},
        recurrent("lstm", 1),
        {"kind": "dense", "units": 4},
    ]
    made = network(layers, (STEPS,), runs=400)
    ours = [parameter.detach().numpy() for parameter in made.parameters()]
    peers = []
    for seed in range(100):
        keras.utils.set_random_seed(seed)
        peer = keras.Sequential(
            [
                keras.layers.Embedding(VOCABULARY, 4),
                keras.layers.Conv1D(5, 3),
                keras.layers.LSTM(6),
                keras.layers.Dense(4),
            ]
        )
        peer(np.zeros((1, STEPS), int))
        peers.append(peer.get_weights())
    for mine, theirs in zip(ours, (np.stack(values) for values in zip(*peers, strict=True)), strict=True):
        assert mine.shape[1:] == theirs.shape[1:]
        error = 4 * max(mine.std(), 1e-12) / np.sqrt(theirs.size)
        assert abs(mine.mean() - theirs.mean()) <= error
        assert mine.std() == pytest.approx(theirs.std(), rel=0.02)
        assert abs(mine).max() == pytest.approx(abs(theirs).max(), rel=0.2)
    kernels = made.recurrent1.recurrent1.detach()
    torch.testing.assert_close(kernels @ kernels.transpose(1, 2), torch.eye(6).expand(400, 6, 6))
    forget = made.recurrent1.bias1.detach()[:, 6:12]
    assert (forget == 1).all()
