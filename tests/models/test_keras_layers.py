"""Outputs, gradients and initial values of layers against Keras 3, an independent implementation, in float64."""

import keras
import numpy as np
import pytest
import torch
from support.runs import network

pytestmark = pytest.mark.usefixtures("keras_double")
RUNS, ROWS, STEPS = 2, 5, 11
VOCABULARY = 30


def tokens(level: str) -> dict:
    return {"kind": "tokens", "level": level, "one_hot": VOCABULARY, "embedding": 4}


def recurrent(cell: str, layers: int, reset_after: bool = True) -> dict:
    return {"kind": "recurrent", "cell": cell, "units": 6, "layers": layers, "reset_after": reset_after}


def keras_recurrent(cell: str, layers: int, reset_after: bool = True, states: bool = False, hard: bool = False) -> list:
    options = {"reset_after": reset_after} if cell == "gru" else {}
    if hard:  # Keras 3's own hard_sigmoid has another slope than that of Keras 2
        options["recurrent_activation"] = lambda x: keras.ops.clip(0.2 * x + 0.5, 0, 1)
    made = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}[cell]
    return [made(6, return_sequences=states or i < layers - 1, **options) for i in range(layers)]


def one_hot() -> keras.layers.Layer:
    return keras.layers.Lambda(lambda x: keras.ops.one_hot(x, VOCABULARY))


def flatten_channels_first() -> keras.layers.Layer:
    return keras.layers.Lambda(lambda x: keras.ops.reshape(keras.ops.transpose(x, (0, 3, 1, 2)), (ROWS, -1)))


def padded_with_infinity() -> keras.layers.Layer:
    edges = [[0, 0], [1, 1], [1, 1], [0, 0]]
    return keras.layers.Lambda(lambda x: keras.ops.pad(x, edges, constant_values=-np.inf))


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
    "dense of a sequence": (
        [{"kind": "dense", "units": 7, "activation": "tanh"}, {"kind": "flatten"}],
        lambda: [keras.layers.Dense(7, activation="tanh"), keras.layers.Flatten()],
        (STEPS, 4),
    ),
    "padded convolution": (
        [{"kind": "convolution", "filters": 3, "kernel": 3, "padding": 1, "activation": "elu"}, {"kind": "flatten"}],
        lambda: [keras.layers.Conv2D(3, 3, padding="same", activation="elu"), flatten_channels_first()],
        (2, 9, 7),
    ),
    # Keras' own padding takes no part in a maximum, but is not always the same at both ends; with sides of 9 it is
    "padded max pooling": (
        [{"kind": "max_pooling", "size": 3, "stride": 2, "padding": 1}, {"kind": "flatten"}],
        lambda: [keras.layers.MaxPooling2D(3, 2, padding="same"), flatten_channels_first()],
        (2, 9, 9),
    ),
    "padded max pooling, even": (
        [{"kind": "max_pooling", "size": 3, "stride": 2, "padding": 1}, {"kind": "flatten"}],
        lambda: [padded_with_infinity(), keras.layers.MaxPooling2D(3, 2), flatten_channels_first()],
        (2, 8, 8),
    ),
    "activation before padded pooling": (
        [
            {"kind": "convolution", "filters": 3, "kernel": 3, "padding": 1, "activation": "tanh"},
            {"kind": "max_pooling", "size": 3, "stride": 2, "padding": 1},
            {"kind": "flatten"},
        ],
        lambda: [
            keras.layers.Conv2D(3, 3, padding="same", activation="tanh"),
            keras.layers.MaxPooling2D(3, 2, padding="same"),
            flatten_channels_first(),
        ],
        (2, 9, 9),
    ),
    "maximum over steps": (
        [
            {"kind": "sequence_convolution", "filters": 3, "kernel": 4, "activation": "relu"},
            {"kind": "maximum_over_steps"},
        ],
        lambda: [keras.layers.Conv1D(3, 4, activation="relu"), keras.layers.GlobalMaxPooling1D()],
        (STEPS, 4),
    ),
    "table of embeddings": (
        [{"kind": "embedding", "units": 4}, {"kind": "flatten"}],
        lambda: [keras.layers.Embedding(VOCABULARY, 4), keras.layers.Flatten()],
        (STEPS,),
    ),
    "conv lstm of the candidates": (
        [
            {"kind": "embedding", "units": 4},
            {"kind": "sequence_convolution", "filters": 3, "kernel": 3, "activation": "relu"},
            {"kind": "sequence_pooling", "size": 4, "stride": 4},
            {"kind": "recurrent", "cell": "lstm", "units": 6, "output": "states"},
            {"kind": "maximum_over_steps"},
            {"kind": "dense", "units": 1},
        ],
        lambda: [
            keras.layers.Embedding(VOCABULARY, 4),
            keras.layers.Conv1D(3, 3, activation="relu"),
            keras.layers.MaxPooling1D(4, padding="same"),
            keras.layers.LSTM(6, return_sequences=True),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1),
        ],
        (STEPS,),
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
    "one-channel convolution": (
        [{"kind": "one_channel_convolution", "filters": 3, "kernel": 4, "activation": "relu"}, {"kind": "flatten"}],
        lambda: [
            keras.layers.Reshape((STEPS, 4, 1)),
            keras.layers.Conv2D(3, (4, 4), activation="relu"),
            keras.layers.Flatten(),
        ],
        (STEPS, 4),
    ),
    "one-channel convolution of one-hot": (
        [tokens("char"), {"kind": "one_channel_convolution", "filters": 3, "kernel": 4}, {"kind": "flatten"}],
        lambda: [
            one_hot(),
            keras.layers.Reshape((STEPS, VOCABULARY, 1)),
            keras.layers.Conv2D(3, (4, VOCABULARY)),
            keras.layers.Flatten(),
        ],
        (STEPS,),
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
for name in ("tanh", "sigmoid", "elu"):
    CASES[f"dense, {name}"] = (
        [{"kind": "flatten"}, {"kind": "dense", "units": 7, "activation": name}, {"kind": "dense", "units": 3}],
        lambda a=name: [keras.layers.Flatten(), keras.layers.Dense(7, activation=a), keras.layers.Dense(3)],
        (STEPS, 4),
    )
for cell in ("gru", "lstm", "rnn"):
    CASES[f"{cell}, all states"] = (
        [recurrent(cell, 2) | {"output": "states"}, {"kind": "dense", "units": 3}, {"kind": "flatten"}],
        lambda c=cell: [*keras_recurrent(c, 2, states=True), keras.layers.Dense(3), keras.layers.Flatten()],
        (STEPS, 4),
    )
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
for name, cell, reset_after in (("lstm", "lstm", True), ("gru", "gru", True), ("gru before", "gru", False)):
    hard = {"recurrent_activation": "hard_sigmoid"}
    CASES[f"hard {name}, 2 layers"] = (
        [recurrent(cell, 2, reset_after) | hard],
        lambda c=cell, r=reset_after: keras_recurrent(c, 2, r, hard=True),
        (STEPS, 4),
    )
    CASES[f"hard {name} of one-hot, all states"] = (
        [tokens("char"), recurrent(cell, 1, reset_after) | hard | {"output": "states"}, {"kind": "flatten"}],
        lambda c=cell, r=reset_after: [
            one_hot(),
            *keras_recurrent(c, 1, r, states=True, hard=True),
            keras.layers.Flatten(),
        ],
        (STEPS,),
    )


def to_keras(name: str, value: np.ndarray, mine: dict[str, np.ndarray]) -> np.ndarray | None:
    """One of our parameters in Keras' layout; None for one that is part of another."""
    layer, _, kind = name.partition(".")
    if layer.startswith("convolution") and kind == "kernel":
        return value.transpose(2, 3, 1, 0)
    if layer.startswith("one_channel_convolution") and kind == "kernel":
        return value[:, :, None]
    if kind.startswith("recurrent_bias"):
        return None
    if kind.startswith("bias") and f"{layer}.recurrent_{kind}" in mine:
        return np.stack([value, mine[f"{layer}.recurrent_{kind}"]])
    return value


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_equal_keras(case: str):
    layers, keras_layers, shape = CASES[case]
    made = network(layers, shape, RUNS, "keras", vocabulary_size=VOCABULARY)
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


@pytest.mark.parametrize("shape", [(7,), (6, 4), (3, 5, 4)], ids=["vectors", "sequences", "images"])
def test_batch_normalization_equals_keras_in_training_and_after(shape: tuple[int, ...]):
    """Outputs and gradients of several batches, the running statistics after them, and the evaluation with these."""
    made = network([{"kind": "batch_normalization"}], shape, RUNS, "keras")
    (ours,) = made.children()
    random = np.random.default_rng(8)
    for parameter in (ours.scale, ours.shift):
        parameter.data = torch.from_numpy(random.normal(size=parameter.shape))
    axis = 2 if len(shape) == 2 else 1
    peers = [keras.layers.BatchNormalization(axis=axis) for _ in range(RUNS)]
    for run, peer in enumerate(peers):
        peer.build((None, *shape))
        start = [np.zeros(shape[axis - 1]), np.ones(shape[axis - 1])]
        peer.set_weights([*(parameter.detach()[run].numpy() for parameter in (ours.scale, ours.shift)), *start])
    for rows, training in ((ROWS, True), (3, True), (ROWS, True), (ROWS, False)):
        inputs, weights = random.normal(1, 2, (2, RUNS, rows, *shape))
        x = torch.from_numpy(inputs).requires_grad_()
        outputs = made.train(training)(x)
        made.zero_grad()
        (outputs * torch.from_numpy(weights)).sum().backward()
        for run, peer in enumerate(peers):
            there = torch.from_numpy(inputs[run]).requires_grad_()
            expected = peer(there, training=training)
            for variable in peer.trainable_variables:
                variable.value.grad = None
            (expected * torch.from_numpy(weights[run])).sum().backward()
            pairs = [(outputs, expected.detach()), (x.grad, there.grad)]
            pairs += [(ours.scale.grad, peer.gamma.value.grad), (ours.shift.grad, peer.beta.value.grad)]
            pairs += [(ours.mean, peer.moving_mean.value), (ours.variance, peer.moving_variance.value)]
            for mine, theirs in pairs:
                torch.testing.assert_close(mine[run].detach(), theirs.detach(), rtol=1e-9, atol=1e-11)


def test_initialisers_have_the_moments_of_keras():
    """Means and standard deviations over 400 runs of every parameter, and of as many draws by Keras."""
    layers = [
        tokens("word"),
        {"kind": "one_channel_convolution", "filters": 5, "kernel": 3},
        {"kind": "sequence_convolution", "filters": 5, "kernel": 3},
        recurrent("lstm", 1),
        {"kind": "dense", "units": 4},
    ]
    made = network(layers, (STEPS,), 400, "keras", vocabulary_size=VOCABULARY)
    ours = [parameter.detach().numpy() for parameter in made.parameters()]
    peers = []
    for seed in range(100):
        keras.utils.set_random_seed(seed)
        peer = keras.Sequential(
            [
                keras.layers.Embedding(VOCABULARY, 4),
                keras.layers.Reshape((STEPS, 4, 1)),
                keras.layers.Conv2D(5, (3, 4)),
                keras.layers.Reshape((STEPS - 2, 5)),
                keras.layers.Conv1D(5, 3),
                keras.layers.LSTM(6),
                keras.layers.Dense(4),
            ]
        )
        peer(np.zeros((1, STEPS), int))
        peers.append([values.squeeze(2) if values.ndim == 4 else values for values in peer.get_weights()])
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
