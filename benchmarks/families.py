"""The cells that are timed: one of each family of networks, on made-up rows of the shapes and sizes of the real ones."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from regrade.cells.cell import Cell
from regrade.cells.configuration import Configuration
from regrade.datasets.sources import palindromes
from regrade.datasets.text.reading import FIRST_WORD
from regrade.languages import automaton
from regrade.training.trainer import Data

TEST_SHARE = 4  # training rows for each row that is evaluated


@dataclass(frozen=True)
class Family:
    """A cell by its study, experiment and some of its settings; the data it is timed on; how many seeds at once.

    `conv`: whether convolutions of images take nearly all of its time, so that a share of the machine's peak says
    something.
    """

    name: str
    study: str
    experiment: str
    data: Callable[[], Data]
    settings: dict = dataclasses.field(default_factory=dict)
    seeds: tuple[int, ...] = (1, 5)
    conv: bool = False

    def cell(self, every: list[Cell]) -> Cell:
        """The first of the experiment's cells with these settings."""
        mine = (cell for cell in every if (cell.study, cell.experiment) == (self.study, self.experiment))
        return next(cell for cell in mine if self.settings.items() <= cell.settings.items())

    def configuration(self, every: list[Cell]) -> Configuration:
        """The cell's, with an evaluation after each epoch, and no texts to write but the shortest."""
        cell = self.cell(every)
        made = dataclasses.replace(
            cell, settings=cell.settings | {"evaluate_every": 1.0, "epochs": 10**6}
        ).configuration()
        if "samples" in made.data.reading:
            few = dict.fromkeys(("prompts", "samples", "free_samples", "long_prompts", "sample_length"), 1)
            made.data.reading.update(few)
        return made


def _data(rows: int, draw: Callable[[int], torch.Tensor], classes: int, **more) -> Data:
    parts = [part for count in (rows, rows // TEST_SHARE) for part in (draw(count), torch.randint(classes, (count,)))]
    return Data(*parts, classes=classes, **more)


def images(rows: int, *shape: int, order: torch.memory_format = torch.channels_last) -> Data:
    """Random pixels in ten classes."""

    def pixels(count: int) -> torch.Tensor:
        return torch.randint(256, (count, *shape), dtype=torch.uint8).contiguous(memory_format=order)

    return _data(rows, pixels, 10)


def vectors(rows: int, size: int, classes: int) -> Data:
    """Random numbers."""
    return _data(rows, lambda count: torch.randn(count, size), classes)


def texts(rows: int, length: int, ids: int, classes: int = 15, whole: bool = False, first: int = 1) -> Data:
    """Random token ids, as rows of one length; `whole`: as texts that are read whole, which happen to be equally long."""
    data = _data(
        rows, lambda count: torch.randint(first, ids, (count, length), dtype=torch.int32), classes, vocabulary_size=ids
    )
    return with_lengths(data, length) if whole else data


def with_lengths(data: Data, length: int) -> Data:
    """The same rows with their lengths, as datasets have them whose rows are not cut or padded to one length."""
    lengths = [torch.full((len(part),), length) for part in (data.train_targets, data.evaluation_targets)]
    return dataclasses.replace(data, train_lengths=lengths[0], evaluation_lengths=lengths[1])


def digits(length: int) -> Data:
    """Palindromes, drawn as the training loop asks for them."""
    inputs, targets = palindromes.draw(500, length, torch.Generator())
    return Data(
        inputs[:0],
        targets[:0],
        inputs,
        targets,
        10,
        draw=lambda rows, generator: palindromes.draw(rows, length, generator),
    )


def formal(rows: int, length: int) -> Data:
    """Random symbols for a language model; the language is only there to judge what it writes."""
    language = automaton.Ndfa(automaton.Options(another_word=0.75))
    classes = FIRST_WORD + len(language.symbols)
    data = texts(rows, length, classes, classes, whole=True, first=FIRST_WORD)
    return dataclasses.replace(data, language=language)


WORDS = 33_000  # about the vocabulary of DBpedia's texts
REVIEW_WORDS = 88_586  # the vocabulary of IMDB's training reviews
_lstm_sizes = {"embedding_size": 300, "hidden_size": 300}
_rows_of_pixels = {"hidden_size": 128, "lr": 0.001, "optimizer": "adam"}

FAMILIES = [
    Family("CIFAR-10, CNN 50-60", "ce4042", "a1_baseline", partial(images, 1280, 3, 32, 32), seeds=(1,), conv=True),
    Family(
        "CIFAR-10, CNN 32-64",
        "comp576",
        "cnn_tuning",
        partial(images, 1280, 3, 32, 32),
        {"optimizer": "adam"},
        (1,),
        True,
    ),
    Family("CIFAR-10, eight convolutions", "cs324", "p2_cnn", partial(images, 64, 3, 32, 32), seeds=(1,), conv=True),
    Family("MNIST, CNN 32", "csci5622", "q2_cnn", partial(images, 1280, 1, 28, 28), {"conv_layers": 1}, (1,), True),
    Family("MNIST, CNN 32-64", "csci5622", "q2_cnn", partial(images, 1280, 1, 28, 28), {"conv_layers": 2}, (1,), True),
    *(
        Family(
            f"DBpedia {level}, {kind}",
            "ce4042",
            experiment,
            partial(texts, 1280, 100, ids),
            {"level": level, name: kind, **more},
        )
        for level, ids in (("char", 256), ("word", WORDS))
        for kind, experiment, name, more in (
            ("cnn", "b1_b5_models", "network", {"dropout": 0}),
            ("gru", "b6_recurrent", "rnn_cell", {"layers": 1, "clip_value": 0}),
            ("lstm", "b6_recurrent", "rnn_cell", {"layers": 1, "clip_value": 0}),
            ("rnn", "b6_recurrent", "rnn_cell", {"layers": 1, "clip_value": 0}),
        )
    ),
    *(
        Family(
            f"rows of MNIST, {kind} 128",
            "comp576",
            "rnn_tuning",
            partial(images, 1280, 1, 28, 28),
            {"rnn_cell": kind, **_rows_of_pixels},
        )
        for kind in ("gru", "lstm", "rnn")
    ),
    Family("IMDB, lstm 64", "csci5622", "q3_lstm_long", partial(texts, 64, 512, 10_000, 2)),
    Family("IMDB, gru 128", "csci5622", "q3_gru", partial(texts, 128, 512, 20_000, 2), seeds=(1,)),
    Family(
        "IMDB, bag of words",
        "csci5622",
        "q3_candidates",
        partial(texts, 1280, 400, 30_000, 2),
        {"network": "bag", "ngrams": 1},
        (1,),
    ),
    *(
        Family(
            f"IMDB, {kind} 300",
            "vudl",
            "q1_tuning",
            partial(texts, 200, 200, REVIEW_WORDS, 2, whole=True),
            {"network": kind, **_lstm_sizes},
            (1,),
        )
        for kind in ("mlp", "rnn", "lstm")
    ),
    Family(
        "formal language, lstm 16", "vudl", "q2_language_models", partial(formal, 5120, 16), {"dataset": "ndfa"}, (1,)
    ),
    Family("palindromes of 5, rnn 128", "cs324", "p3_palindromes", partial(digits, 5), {"sequence_length": 5}),
    Family("palindromes of 20, rnn 128", "cs324", "p3_palindromes", partial(digits, 20), {"sequence_length": 20}),
    Family(
        "CIFAR-10, MLP 20", "cs324", "p1_cifar_mlp", partial(images, 1280, 3, 32, 32, order=torch.contiguous_format)
    ),
    Family(
        "toy MLP in PyTorch, batch of one",
        "cs324",
        "p1_toy",
        partial(vectors, 640, 2, 2),
        {"dataset": "moons", "backend": "torch"},
    ),
    Family(
        "toy MLP in numpy, batch of one",
        "cs324",
        "p1_toy",
        partial(vectors, 640, 2, 2),
        {"dataset": "moons", "backend": "numpy"},
    ),
    Family(
        "tiny MNIST in numpy, batch of one",
        "csci5622",
        "q1_numpy_mlp",
        partial(vectors, 640, 784, 10),
        {"dataset": "tiny_mnist"},
    ),
]
