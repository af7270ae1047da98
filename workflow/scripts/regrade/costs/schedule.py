"""How long jobs take side by side."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A job's seconds, and the numbers of the jobs that must be done before it begins."""

    seconds: float
    after: frozenset[int] = frozenset()


def wall(jobs: Sequence[Job], at_once: int) -> float:
    """Seconds until all jobs are done, `at_once` of them side by side, each begun as soon as it may, in their order."""
    waiting, running, done = dict(enumerate(jobs)), list[tuple[float, int]](), set[int]()
    now = 0.0
    while waiting or running:
        ready = [number for number, job in waiting.items() if job.after <= done]
        for number in ready[: at_once - len(running)]:
            heapq.heappush(running, (now + waiting.pop(number).seconds, number))
        now, finished = heapq.heappop(running)
        done.add(finished)
    return now
