"""python -m benchmarks.on_gpu: on a CUDA GPU, five seeds at once against one, and both against the plain PyTorch loop.

The same cell on the same made-up rows, one epoch with its evaluation, all in turn in one process, in float32 without
TF32. Each round gives one ratio; medians are printed.
"""

import argparse
import dataclasses
import statistics
from collections.abc import Callable

import torch
from regrade.runtime import device, process
from regrade.training.trainer import Data

from benchmarks import contenders
from benchmarks.compare import seconds
from benchmarks.contenders import Regrade
from benchmarks.families import FAMILIES
from benchmarks.plain import PlainLoop

SEEDS = 5


def there(data: Data) -> Data:
    """The rows on the GPU."""
    parts = {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}
    return Data(**{name: part.cuda() if isinstance(part, torch.Tensor) else part for name, part in parts.items()})


def whole(advance: Callable[[], object]) -> Callable[[], None]:
    """An epoch until the GPU has done with it."""

    def run() -> None:
        advance()
        torch.cuda.synchronize()

    return run


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, one epoch of each contender")
    parser.add_argument("--only", nargs="*", default=[""], help="families whose name contains one of these")
    given = parser.parse_args()
    process.set_up(contenders.THREADS)
    print(f"{device.describe(torch.device('cuda'))}, PyTorch {torch.__version__}\n")
    print("| family | one seed, s | five seeds, s | five seeds ÷ one | plain ÷ ours, a run, one seed | five seeds |")
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    for family in FAMILIES:
        if not any(part in family.name for part in given.only):
            continue
        configuration, data = contenders.prepared(family)
        on_gpu = there(data)
        epochs = [
            Regrade(configuration, on_gpu, 1).advance,
            Regrade(configuration, on_gpu, SEEDS).advance,
            PlainLoop(configuration, data, "cuda").advance,
        ]
        for epoch in epochs:
            whole(epoch)()
        rounds = [[seconds(whole(epoch)) for epoch in epochs] for _ in range(given.rounds)]
        one, five, _ = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [
            statistics.median(ratio)
            for ratio in zip(*((b / a, c / a, SEEDS * c / b) for a, b, c in rounds), strict=True)
        ]
        print(
            f"| {family.name} | {one:.3f} | {five:.3f} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |", flush=True
        )


if __name__ == "__main__":
    main()
