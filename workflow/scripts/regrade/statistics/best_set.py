"""Which cells could be the best: those that no other one beats (Gupta 1965; Hsu 1984)."""

from typing import TypedDict

from regrade.bundle.manifest import BundledCell
from regrade.config.claims import Best
from regrade.statistics.estimate import LEVEL
from regrade.statistics.hypotheses import Hypotheses

# A cell is compared with this many of the cells with the best means; others would hardly beat it if these do not
RIVALS = 3


class Candidate(TypedDict):
    """A cell by its folder, the least p with which another one beats it, and whether it may be the best."""

    folder: str
    p: float
    possible: bool


def could_be_best(parts: Hypotheses) -> list[list[Candidate]]:
    """For each test of the best, which cells could be it; those most likely to be first."""
    claim, measurements = parts.claim, parts.measurements
    sets = []
    for test in claim.tests:
        if not isinstance(test, Best):
            continue
        for each in parts.combinations(test):
            # Cells whose runs all diverged have no number that could be the best
            every = parts.several(test, test.among | each)
            cells = [cell for cell in every if len(measurements.values(cell, test.metric))]
            if len(cells) > 1:
                rivals = sorted(cells, key=lambda cell: _rank(parts, test, cell))[: RIVALS + 1]
                sets.append([_candidate(parts, test, cell, rivals, len(cells)) for cell in cells])
    return [sorted(cells, key=lambda candidate: -candidate["p"]) for cells in sets]


def _rank(parts: Hypotheses, test: Best, cell: BundledCell) -> float:
    mean = float(parts.measurements.values(cell, test.metric).mean())
    return -mean if test.goal == "highest" else mean


def _candidate(parts: Hypotheses, test: Best, cell: BundledCell, rivals: list[BundledCell], cells: int) -> Candidate:
    """Whether a cell may be the best: no other one is better, at a level that is shared among the others (Bonferroni).

    The true best is then among the possible ones with a probability of 95 %, whatever the cells have in common.
    """
    side = 1 if test.goal == "highest" else -1
    samples = [
        parts.measurements.sample([(rival, 1.0), (cell, -1.0)], test.metric) for rival in rivals if rival != cell
    ]
    p = min(min(sample.p_mean(0.0, side) for sample in samples) * (cells - 1), 1.0)
    return {"folder": cell.folder.as_posix(), "p": p, "possible": p > 1 - LEVEL}
