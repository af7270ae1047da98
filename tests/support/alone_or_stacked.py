"""A program: trains many small networks, one run alone, among two and five, and resumed, and compares bit for bit.

It prints each network whose runs differ, and how many it tried. `test_processors.py` runs it on several processors'
code paths; the sizes are such that the parts of stacked tensors lie at odd places in memory.
"""

import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
from regrade.cells.configuration import Configuration
from regrade.runtime import process
from regrade.training import stacking
from regrade.training.state import RunState
from regrade.training.trainer import Data

from support.runs import CPU, advanced, configuration, timeless

SIZES = (2, 3, 5, 7, 8, 13, 16, 17, 20, 31, 32, 33, 60)
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adagrad")
CLASSES = 3


def networks(choose: random.Random) -> dict[str, list[dict]]:
    """A network of each kind that may be stacked, by what it is for; the sizes are drawn."""

    def size() -> int:
        return choose.choice(SIZES)

    activation = {"activation": choose.choice(["relu", "tanh", "linear"])}
    last = {"kind": "dense", "units": "classes"}
    char, word = (
        {"kind": "tokens", "level": level, "one_hot": 19, "embedding": choose.choice([1, size()])}
        for level in ("char", "word")
    )
    convolution = {"kind": "sequence_convolution", "filters": choose.choice([1, size()]), "kernel": 3} | activation
    pooling = {"kind": "sequence_pooling", "size": 4, "stride": 2}
    recurrent = {"kind": "recurrent", "units": choose.choice([1, size(), size()]), "layers": choose.choice([1, 2])}
    hard = {"recurrent_activation": "hard_sigmoid"}
    gru = recurrent | {"cell": "gru", "reset_after": choose.choice([True, False])}
    rnn = recurrent | {"cell": "rnn", "initial": choose.choice([None, "linear"])}
    relu = rnn | {"nonlinearity": "relu"}
    dropout = {"kind": "dropout", "rate": choose.choice([0.0, 0.3])}
    hidden = {"kind": "dense", "units": choose.choice([1, size(), size()])} | activation
    over_steps = choose.choice([[{"kind": "maximum_over_steps", "activation": "relu"}], [hidden, {"kind": "flatten"}]])
    return {
        "points": [hidden, dropout, last],
        "points, two layers": [hidden, hidden, last],
        "characters, convolution": [char, convolution, pooling, {"kind": "flatten"}, dropout, last],
        "words, convolution": [word, convolution, {"kind": "flatten"}, last],
        "characters, gru": [char, gru, last],
        "characters, lstm": [char, recurrent | {"cell": "lstm"}, dropout, last],
        "characters, hard lstm": [char, recurrent | {"cell": "lstm"} | hard, last],
        "characters, hard gru": [char, gru | hard, last],
        "characters, rnn": [char, rnn, last],
        "characters, rnn with relu": [char, relu, last],
        "words, gru": [{"kind": "embedding", "units": size()}, gru | {"output": "states"}, *over_steps, last],
        "words, one output": [{"kind": "embedding", "units": size()}, gru, {"kind": "dense", "units": 1}],
        "bag": [{"kind": "bag", "units": size()}, {"kind": "dense", "units": 1}],
        "steps, rnn": [rnn, last],
        "steps, gru": [gru, hidden, last],
        "steps, hard lstm": [recurrent | {"cell": "lstm"} | hard, hidden, last],
        "steps, hard gru": [gru | hard | {"output": "states"}, *over_steps, last],
        "steps, rnn with relu": [{"kind": "normalize", "mean": 0.1, "deviation": 0.7}, relu, last],
    }


def data_for(name: str, network: list[dict], choose: random.Random) -> Data:
    """Rows for a network; the numbers of rows are such that single rows are left over for a batch, or nearly so."""
    draw = np.random.default_rng(choose.randrange(2**31))
    classes = 2 if network[-1]["units"] == 1 else CLASSES
    rows, tested, features = choose.choice([33, 40, 49]), choose.choice([1, 21, 501]), choose.choice([1, 2, 13, 40])

    def inputs(count: int) -> torch.Tensor:
        if name.startswith("points"):
            values = draw.normal(size=(count, features))
        elif name.startswith("steps"):
            values = draw.normal(size=(count, 6, 1 if features < 13 else 3))
        else:
            values = draw.integers(0, 19, (count, 15))
        tensor = torch.from_numpy(values)
        return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor

    parts = [part for n in (rows, tested) for part in (inputs(n), torch.from_numpy(draw.integers(0, classes, n)))]
    return Data(*parts, classes=classes, vocabulary_size=19)


def settings_for(choose: random.Random) -> dict:
    """How a network is trained."""
    extra = choose.choice([{}, {"clip_norm": 0.5}, {"clip_value": 0.01}, {"l2": 0.01}, {"gradient_norm": True}])
    optimizer = choose.choice(OPTIMIZERS)
    momentum = {"momentum": 0.9} if optimizer == "sgd" else {}
    return {"optimizer": optimizer, "batch_size": choose.choice([1, 8, 16]), "lr": 0.02, "epochs": 3} | momentum | extra


def differing(this: Configuration, data: Data) -> list[str]:
    """In which company the run with seed 3 has other numbers than alone."""
    (alone,) = advanced(this, [RunState(3)], data, 3)
    companies = {
        "among five": advanced(this, [RunState(seed) for seed in range(5)], data, 3)[3],
        "of two": advanced(this, [RunState(seed) for seed in (7, 3)], data, 3)[1],
        "resumed": advanced(this, advanced(this, [RunState(3)], data, 1), data, 2)[0],
    }
    return [company for company, run in companies.items() if not _equal(run, alone)]


def _equal(one: RunState, other: RunState) -> bool:
    tensors = all(torch.equal(values, other.tensors[name]) for name, values in one.tensors.items())
    return tensors and repr(timeless(one)) == repr(timeless(other))


def cases(numbers: range) -> Iterator[tuple[str, Configuration, Data]]:
    """A name, a configuration and its data: for each number, one of each kind of network."""
    for number in numbers:
        choose = random.Random(number)
        torch.set_default_dtype(torch.float64 if number % 3 == 2 else torch.float32)
        for name, network in networks(choose).items():
            this = configuration(
                network, conventions=choose.choice(["keras", "tensorflow_2_3", "torch"]), **settings_for(choose)
            )
            yield f"{number}: {name}", this, data_for(name, network, choose)


def main(first: int, last: int) -> None:
    process.set_up(1)
    tried = stacked = 0
    for name, this, data in cases(range(first, last)):
        tried += 1
        stacked += stacking.stacked(this, CPU)
        if companies := differing(this, data):
            print(f"{name}: {', '.join(companies)}; {this.model_dump_json()}")
    print(f"{tried} networks, {stacked} of them stacked")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
