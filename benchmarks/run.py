"""python -m benchmarks.run: our trainer against the plain loop, same cell, same rows, same threads, alternating.

Each pair of epochs gives one ratio; the median of the pairs is what to quote. Prints a table and writes it with the
machine's description to benchmarks/results/speed.json.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from regrade import cells, params, provenance
from regrade.datasets import cifar10
from regrade.files import write_json
from regrade.training import device
from regrade.training.pack import Data, Pack
from regrade.training.state import RunState

from benchmarks.plain import PlainLoop, image_cnn

ROOT = Path(__file__).resolve().parents[1]
TRAIN_ROWS, TEST_ROWS = 1280, 400


def seconds(advance: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    advance()
    return time.perf_counter() - started


def compare(ours: Callable[[], object], theirs: Callable[[], object], pairs: int) -> dict:
    """Time both in turn after one warm-up each: medians, and the ratio theirs / ours pair by pair."""
    ours()
    theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    ratios = [plain / mine for mine, plain in times]
    return {
        "regrade_seconds": statistics.median(mine for mine, _ in times),
        "plain_seconds": statistics.median(plain for _, plain in times),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "pairs": pairs,
    }


def baseline(pairs: int) -> dict:
    """One epoch of ce4042's a1_baseline, one seed, on rows of the stand-in; evaluation included."""
    config = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"scale": "demo"}
    cell = next(cell for cell in cells.expand(params.parse(config)) if cell.experiment == "a1_baseline")
    configuration = cell.configuration()
    made = cifar10.stand_in(cifar10.Options())
    parts = (made.train_inputs, made.train_targets, made.test_inputs, made.test_targets)
    rows = (TRAIN_ROWS, TRAIN_ROWS, TEST_ROWS, TEST_ROWS)
    tensors = [torch.from_numpy(part[:count]) for part, count in zip(parts, rows, strict=True)]
    plain = PlainLoop(image_cnn(50, 60), Data(*tensors), configuration.settings.lr, configuration.settings.batch_size)
    ours = [part.contiguous(memory_format=torch.channels_last) if part.dim() == 4 else part for part in tensors]
    pack = Pack(configuration, [RunState(0)], Data(*ours))
    return compare(pack.advance, plain.advance, pairs)


def main() -> None:
    """Run the comparison with one thread, as a training job has by default, and with all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="pairs of epochs, one of each")
    pairs = parser.parse_args().pairs
    results = {}
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        results[f"ce4042 a1_baseline, {threads} thread{'s' * (threads > 1)}"] = baseline(pairs)
    print(f"{'cell':36s} {'regrade':>10s} {'plain loop':>10s} {'ratio':>7s}   smallest – largest")
    for name, row in results.items():
        spread = f"{row['ratio_min']:.2f} – {row['ratio_max']:.2f}"
        print(
            f"{name:36s} {row['regrade_seconds']:8.2f} s {row['plain_seconds']:8.2f} s {row['ratio']:6.2f}×   {spread}"
        )
    machine = {"device": device.describe(torch.device("cpu")), "platform": platform.platform()}
    write_json(
        ROOT / "benchmarks/results/speed.json",
        {"results": results, "machine": machine, "versions": provenance.versions(), **provenance.commit()},
    )


if __name__ == "__main__":
    main()
