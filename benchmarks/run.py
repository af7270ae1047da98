"""python -m benchmarks.run: our trainer against the plain PyTorch loop and Keras on TensorFlow, for every family.

The same cell on the same rows, one epoch with its evaluation, all in turn on one core, each in a process of its own.
Each round gives one ratio; medians are what to quote. Prints a table and writes it, with the machine's description, to
benchmarks/results/speed.json.
"""

import argparse
import os
import statistics

import torch
from regrade.core.files import write_json
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import contenders
from benchmarks.compare import circumstances, compare, seconds
from benchmarks.contenders import ROOT, Contender
from benchmarks.families import FAMILIES, Family
from benchmarks.plain import PlainLoop

COLUMNS = ("family", "seeds", "examples/s", "plain ÷ ours", "Keras ÷ ours", "of peak")


def measure(family: Family, every: dict[str, Contender], rounds: int, peak: float) -> list[dict]:
    """A row of the table for each number of seeds."""
    configuration, data = contenders.prepared(family)
    trained = configuration.settings.train_rows if data.draw else len(data.train_targets)
    rows = []
    for seeds in family.seeds:
        for contender in every.values():
            contender.take(family, seeds)
        row = compare({name: contender.seconds for name, contender in every.items()}, rounds, seeds)
        row |= {"family": family.name, "seeds": seeds, "rows": trained}
        row["examples_per_second"] = trained / row["seconds"]
        if family.conv:
            row["share_of_peak"] = flops(PlainLoop(configuration, data)) / row["seconds"] / peak
        rows.append(row)
    return rows


def flops(plain: PlainLoop) -> int:
    """Floating-point operations of an epoch with its evaluation, in convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        plain.advance()
    return counter.get_total_flops()


def peak_flops(size: int = 2048, rounds: int = 9) -> float:
    """Floating-point operations per second of a large matrix product in float32."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / statistics.median(seconds(lambda: a @ b) for _ in range(rounds))


def _cells(row: dict) -> list[str]:
    ratios = [f"{of['ratio']:.2f} ({of['smallest']:.2f} to {of['largest']:.2f})" for of in (row["plain"], row["keras"])]
    share = f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else ""
    return [row["family"], str(row["seeds"]), f"{row['examples_per_second']:,.0f}", *ratios, share]


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, one epoch of each contender")
    parser.add_argument("--only", default="", help="families whose name contains this; writes no file")
    given = parser.parse_args()
    # One core for all: the processes that are started inherit it
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(contenders.THREADS)
    peak = peak_flops()
    print(f"Peak: {peak / 1e9:.0f} GFLOP/s\n\n| {' | '.join(COLUMNS)} |\n|---|---:|---:|---|---|---:|", flush=True)
    every = {make.__name__: Contender(make) for make in (contenders.regrade, contenders.plain, contenders.keras)}
    rows = []
    for family in FAMILIES:
        if given.only in family.name:
            for row in measure(family, every, given.rounds, peak):
                print(f"| {' | '.join(_cells(row))} |", flush=True)
                rows.append(row)
    for contender in every.values():
        contender.end()
    if not given.only:
        content = {"rows": rows, "peak_flops_per_second": peak, **circumstances()}
        write_json(ROOT / "benchmarks/results/speed.json", content, sealed=False)


if __name__ == "__main__":
    main()
