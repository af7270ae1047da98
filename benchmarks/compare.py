"""Timing several contenders in turn."""

import platform
import statistics
import time
from collections.abc import Callable

import torch
from regrade.core import provenance
from regrade.runtime import device


def seconds(advance: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    advance()
    return time.perf_counter() - started


def compare(contenders: dict[str, Callable[[], float]], rounds: int, runs: int = 1) -> dict:
    """Time all in turn, round by round, after one warm-up each: the first's seconds per run, the others' ratios to it.

    A contender returns how long one turn of it took. `runs`: how many runs the first trains in one; the others train
    one. Ratios are medians over the rounds, with the smallest and the largest beside them.
    """
    for turn in contenders.values():
        turn()
    times = [{name: turn() for name, turn in contenders.items()} for _ in range(rounds)]
    ours, *others = contenders
    row = {"seconds": statistics.median(each[ours] / runs for each in times), "rounds": rounds}
    for name in others:
        ratios = [each[name] * runs / each[ours] for each in times]
        row[name] = {"ratio": statistics.median(ratios), "smallest": min(ratios), "largest": max(ratios)}
    return row


def circumstances() -> dict:
    """What a figure has to say of itself: the machine, the versions of libraries, the commit."""
    machine = {"device": device.describe(torch.device("cpu")), "platform": platform.platform()}
    return {"machine": machine, "versions": provenance.versions(), **provenance.commit()}
