"""python -m benchmarks.run: our trainer against the plain PyTorch loop and Keras on TensorFlow, for every family.

The same cell on the same rows, on one core, as a training job has by default; one epoch with its evaluation, all in
turn. Each round gives one ratio; medians are what to quote. Prints a table and writes it, with the machine's
description, to benchmarks/results/speed.json.
"""

import argparse
import os
import statistics
from pathlib import Path

import torch
import yaml
from regrade import cells, params
from regrade.cells import Configuration
from regrade.files import write_json
from regrade.training import job
from regrade.training.classification import ClassificationPack
from regrade.training.language import LanguagePack
from regrade.training.pack import Data
from regrade.training.state import RunState
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.compare import circumstances, compare, seconds
from benchmarks.families import FAMILIES, Family
from benchmarks.plain import PlainLoop

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("family", "seeds", "examples/s", "plain ÷ ours", "Keras ÷ ours", "of peak")


def regrade(configuration: Configuration, data: Data, seeds: int) -> list:
    """Our packs of runs, as a training job makes them."""
    made = LanguagePack if data.language else ClassificationPack
    states = [RunState(seed) for seed in range(seeds)]
    return [made(configuration, group, data) for group in job.groups(configuration, states, torch.device("cpu"))]


def measure(family: Family, configuration: Configuration, keras_fit: type, rounds: int, peak: float) -> list[dict]:
    """A row of the table for each number of seeds. `keras_fit`: `on_tensorflow.KerasFit`."""
    data = family.data()
    plain, keras = PlainLoop(configuration, data), keras_fit(configuration, data)
    trained = configuration.settings.train_rows if data.draw else len(data.train_targets)
    rows = []
    for seeds in family.seeds:
        packs = regrade(configuration, data, seeds)
        others = {"plain": plain.advance, "keras": keras.advance}
        row = compare(lambda packs=packs: [pack.advance() for pack in packs], others, rounds, seeds)
        row |= {"family": family.name, "seeds": seeds, "rows": trained}
        row["examples_per_second"] = trained / row["regrade_seconds"]
        if family.conv:
            row["share_of_peak"] = flops(plain) / row["regrade_seconds"] / peak
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
    # One core for all. TensorFlow has threads beside those that it is given, so the core is chosen before it is imported
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from benchmarks import on_tensorflow

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    on_tensorflow.set_threads(1)
    config = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"scale": "paper"}
    every = cells.expand(params.parse(config))
    peak = peak_flops()
    print(f"Peak: {peak / 1e9:.0f} GFLOP/s\n\n| {' | '.join(COLUMNS)} |\n|---|---:|---:|---|---|---:|", flush=True)
    rows = []
    for family in FAMILIES:
        if given.only in family.name:
            for row in measure(family, family.configuration(every), on_tensorflow.KerasFit, given.rounds, peak):
                print(f"| {' | '.join(_cells(row))} |", flush=True)
                rows.append(row)
    if not given.only:
        content = {"rows": rows, "peak_flops_per_second": peak, **circumstances()}
        write_json(ROOT / "benchmarks/results/speed.json", content, sealed=False)


if __name__ == "__main__":
    main()
