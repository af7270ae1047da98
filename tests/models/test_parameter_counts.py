"""Parameter counts of the networks in params.yaml, against Keras, PyTorch and what the sources state."""

from collections.abc import Iterable

import keras
import torch
from regrade.cells.cell import Cell
from regrade.config import reported
from regrade.models.network import Network
from support.expanded import expanded
from support.runs import context


def test_parameter_counts_of_every_cell_equal_keras():
    """Every network of ce4042 as Keras builds it from the source's description."""
    layers = keras.layers
    steps, words = 100, 700

    def text(cell: Cell, level: str) -> list:
        return (
            [layers.Embedding(words, 20)] if level == "word" else [layers.Lambda(lambda x: keras.ops.one_hot(x, 256))]
        )

    def expected(cell: Cell) -> int:
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

    every = [cell for cell in expanded(scale="demo") if cell.study == "ce4042"]
    assert len(every) > 60
    for cell in every:
        shape = (3, 32, 32) if cell.settings["dataset"] == "cifar10" else (steps,)
        ids = words if shape == (steps,) and cell.settings["level"] == "word" else 90
        made = Network(cell.configuration().network, shape, context([0], "keras", vocabulary_size=ids))
        count = sum(parameter[0].numel() for parameter in made.parameters())
        assert count == expected(cell), cell.folder


def test_parameter_counts_of_every_cell_equal_pytorch():
    """Every network of comp576 in PyTorch's own modules, as the code that it is taken from has them."""
    nn = torch.nn

    def modules(settings: dict) -> list[torch.nn.Module]:
        if settings["dataset"] == "cifar10":
            convolutions = [nn.Conv2d(1, 32, 5, padding=2), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=1)]
            return [*convolutions, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.Linear(1024, 10)]
        kind, units = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[settings["rnn_cell"]], settings["hidden_size"]
        return [kind(28, units, num_layers=2, batch_first=True), nn.Linear(units, 10)]

    def count(parts: Iterable[torch.nn.Module]) -> int:
        return sum(parameter.numel() for part in parts for parameter in part.parameters())

    every = [cell for cell in expanded() if cell.study == "comp576"]
    assert {cell.experiment for cell in every} == {"cnn_tuning", "rnn_tuning"}
    for cell in every:
        shape = (3, 32, 32) if cell.settings["dataset"] == "cifar10" else (1, 28, 28)
        made = Network(cell.configuration().network, shape, context([0], classes=10))
        assert count([made]) == count(modules(cell.settings)), cell.folder


def test_counts_that_the_sources_state():
    """Of the networks in params.yaml, at the scale that caps nothing, as the listings of csci5622 have them."""
    shapes = {"mnist": (1, 28, 28)}
    classes = {"mnist": 10, "imdb": 2}
    every = [cell for cell in expanded() if cell.study == "csci5622"]
    stated = [row for row in reported.rows("csci5622") if row["metric"] == "trainable_parameters"]
    layers = {"embedding": "embedding1", "lstm": "recurrent1", "gru": "recurrent1", "dense": "dense1"}
    for row in stated:
        layer = row["cell"].pop("layer", None)
        (cell,) = [
            cell
            for cell in every
            if cell.experiment == row["experiment"] and row["cell"].items() <= cell.settings.items()
        ]
        settings = cell.settings
        shape = shapes.get(settings["dataset"]) or (settings["max_length"],)
        about = {"classes": classes[settings["dataset"]], "vocabulary_size": settings.get("vocab_size")}
        made = Network(cell.configuration().network, shape, context([0], "keras", **about))
        part = made.get_submodule(layers.get(layer, layer)) if layer else made
        assert sum(parameter.numel() for parameter in part.parameters()) == int(row["value"]), row
    assert [int(row["value"]) for row in stated] == [
        *(4_619_842, 832, 4_609_000, 10_010),
        *(1_087_106, 832, 51_264, 1_025_000, 10_010),
        *(1_280_000, 49_408, 65),
        *(2_560_000, 98_688, 129),
    ]
