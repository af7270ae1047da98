"""Timing several contenders in turn."""

import platform
import statistics
import time
from collections.abc import Callable

import torch
from regrade import provenance
from regrade.training import device


def seconds(advance: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    advance()
    return time.perf_counter() - started


def compare(ours: Callable[[], object], others: dict[str, Callable[[], object]], rounds: int, runs: int = 1) -> dict:
    """Time all in turn, round by round, after one warm-up each: our seconds per run, and each other's ratio to them.

    `runs`: how many runs `ours` trains in one call; the others train one. Ratios are medians over the rounds, with the
    smallest and the largest beside them.
    """
    contenders = {"regrade": ours, **others}
    for advance in contenders.values():
        advance()
    times = [{name: seconds(advance) for name, advance in contenders.items()} for _ in range(rounds)]
    row = {"regrade_seconds": statistics.median(each["regrade"] / runs for each in times), "rounds": rounds}
    for name in others:
        ratios = [each[name] * runs / each["regrade"] for each in times]
        row[name] = {"ratio": statistics.median(ratios), "smallest": min(ratios), "largest": max(ratios)}
    return row


def circumstances() -> dict:
    """What a figure has to say of itself: the machine, the versions of libraries, the commit."""
    machine = {"device": device.describe(torch.device("cpu")), "platform": platform.platform()}
    return {"machine": machine, "versions": provenance.versions(), **provenance.commit()}
