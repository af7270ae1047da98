"""python -m benchmarks.run: our trainer against the plain PyTorch loop and Keras on TensorFlow.

Same cells, same rows, one thread each, as a training job has by default; all in turn, evaluation included. Each round
gives one ratio; medians are what to quote. Prints a table and writes it, with the machine's description, to
benchmarks/results/speed.json.
"""

import argparse
import dataclasses
from pathlib import Path

import torch
import yaml
from regrade import cells, params
from regrade.cells import Cell
from regrade.datasets import cifar10
from regrade.files import write_json
from regrade.training import job
from regrade.training.classification import ClassificationPack
from regrade.training.pack import Data
from regrade.training.state import RunState

from benchmarks import on_tensorflow
from benchmarks.compare import circumstances, compare
from benchmarks.plain import PlainLoop, TextRnn, image_cnn, toy_mlp

ROOT = Path(__file__).resolve().parents[1]
TRAIN_ROWS, TEST_ROWS = 1280, 400
WORDS = 33_000  # about the vocabulary of the real texts
SEEDS = 5


def images(cell: Cell, rounds: int) -> dict:
    """One epoch of a1_baseline, one seed, on rows of the stand-in."""
    configuration = cell.configuration()
    made = cifar10.stand_in(cifar10.Options())
    parts = (made.train_inputs, made.train_targets, made.test_inputs, made.test_targets)
    rows = (TRAIN_ROWS, TRAIN_ROWS, TEST_ROWS, TEST_ROWS)
    tensors = [torch.from_numpy(part[:count]) for part, count in zip(parts, rows, strict=True)]
    model = image_cnn(50, 60)
    optimizer = torch.optim.SGD(model.parameters(), configuration.settings.lr)
    plain = PlainLoop(model, Data(*tensors, classes=10), optimizer, configuration.settings.batch_size)
    ours = [part.contiguous(memory_format=torch.channels_last) if part.dim() == 4 else part for part in tensors]
    pack = ClassificationPack(configuration, [RunState(0)], Data(*ours, classes=10))
    return compare(pack.advance, {"plain": plain.advance}, rounds)


def texts(cell: Cell, rounds: int, seeds: int) -> dict:
    """One epoch of a recurrent cell on random token ids, `seeds` runs at once against one run of the others."""
    configuration, level, kind = cell.configuration(), cell.settings["level"], cell.settings["rnn_cell"]
    size = WORDS if level == "word" else 256
    parts = [
        part
        for rows in (TRAIN_ROWS, TEST_ROWS)
        for part in (torch.randint(size, (rows, 100)), torch.randint(1, 15, (rows,)))
    ]
    data = Data(*parts, classes=15, vocabulary_size=size)
    settings = configuration.settings
    model = TextRnn(level, kind, size)
    plain = PlainLoop(model, data, torch.optim.Adam(model.parameters(), settings.lr), settings.batch_size)
    keras = on_tensorflow.KerasFit(level, kind, data, settings.lr, settings.batch_size)
    states = [RunState(seed) for seed in range(seeds)]
    packs = [
        ClassificationPack(configuration, group, data)
        for group in job.groups(configuration, states, torch.device("cpu"))
    ]
    others = {"plain": plain.advance, "keras": keras.advance}
    return compare(lambda: [pack.advance() for pack in packs], others, rounds, seeds)


def points(cell: Cell, rounds: int, seeds: int) -> dict:
    """One epoch of a toy MLP with batches of one, `seeds` runs at once against one run of the plain loop."""
    configuration = cell.configuration()
    parts = [part for rows in (TRAIN_ROWS, TEST_ROWS) for part in (torch.randn(rows, 2), torch.randint(2, (rows,)))]
    data = Data(*parts, classes=2)
    model = toy_mlp()
    plain = PlainLoop(model, data, torch.optim.SGD(model.parameters(), configuration.settings.lr), 1)
    pack = ClassificationPack(configuration, [RunState(seed) for seed in range(seeds)], data)
    row = compare(pack.advance, {"plain": plain.advance}, rounds, seeds)
    return row | {"examples_per_second": TRAIN_ROWS / row["regrade_seconds"]}


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, one epoch of each contender")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    on_tensorflow.set_threads(1)
    config = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"scale": "demo"}
    del config["scales"]["demo"]["at_most"]["epochs"]  # there must be more than there are rounds
    every = cells.expand(params.parse(config))
    results = {"a1_baseline, 1 seed": images(next(cell for cell in every if cell.experiment == "a1_baseline"), rounds)}
    for cell in every:
        if cell.experiment == "b6_recurrent" and cell.settings["layers"] == 1 and not cell.settings["clip_value"]:
            for seeds in (1, SEEDS):
                name = f"b6 {cell.settings['level']} {cell.settings['rnn_cell']}, {seeds} seed{'s' * (seeds > 1)}"
                results[name] = texts(cell, rounds, seeds)
        if cell.experiment == "p1_toy" and cell.settings["dataset"] == "moons":
            # An epoch, not the ten that lie between the study's evaluations
            cell = dataclasses.replace(cell, settings=cell.settings | {"evaluate_every": 1.0})
            for seeds in (1, SEEDS):
                name = f"p1 {cell.settings['backend']}, {seeds} seed{'s' * (seeds > 1)}"
                results[name] = points(cell, rounds, seeds)
    print(f"{'cell':26s} {'regrade':>12s} {'plain loop ÷ regrade':>26s} {'Keras on TensorFlow ÷ regrade':>32s}")
    for name, row in results.items():
        print(
            f"{name:26s} {row['regrade_seconds'] * 1000:7.0f} ms/run {_ratio(row, 'plain'):>24s} {_ratio(row, 'keras'):>30s}"
        )
    write_json(ROOT / "benchmarks/results/speed.json", {"results": results, **circumstances()}, sealed=False)


def _ratio(row: dict, name: str) -> str:
    if name not in row:
        return "–"
    return f"{row[name]['ratio']:.2f} ({row[name]['smallest']:.2f} to {row[name]['largest']:.2f})"


if __name__ == "__main__":
    main()
