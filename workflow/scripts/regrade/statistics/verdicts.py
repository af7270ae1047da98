"""Verdicts on claims: what their tests say together, corrected for the number of claims."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from regrade.cells.cell import Cell
from regrade.config import claims
from regrade.config.claims import Best, Claim
from regrade.statistics.bootstrap import probability_of_best
from regrade.statistics.comparison import Comparison
from regrade.statistics.estimate import LEVEL
from regrade.statistics.hypotheses import Hypotheses, Hypothesis, Statement
from regrade.statistics.measurements import Correct, Measurements
from regrade.statistics.protocol import FULL, NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL, Standing

CONFIRMED, CONTRADICTED, INCONCLUSIVE = "confirmed", "contradicted", "inconclusive"
NOT_RUN = "not run"
VERDICTS = (CONFIRMED, CONTRADICTED, INCONCLUSIVE, NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL, NOT_RUN)


class Candidate(TypedDict):
    """A cell that may be the best, by its folder, and the probability that it is."""

    folder: str
    probability: float


@dataclass
class Judged:
    """A claim with its parts and what they say.

    `p` is two-sided: small speaks for the claim or against it. `among`: how many claims of the study were tested.
    `why`: what deviates from the protocol.
    """

    claim: Claim
    parts: list[Statement]
    best: list[Candidate]
    verdict: str = NOT_RUN
    p: float | None = None
    p_holm: float | None = None
    among: int = 1
    why: str = ""

    @property
    def hypotheses(self) -> list[Hypothesis]:
        """The parts that can be tested."""
        return [part for part in self.parts if isinstance(part, Hypothesis)]

    @property
    def decisive(self) -> Hypothesis | None:
        """The part that the verdict hangs on: the weakest if all seem to hold, else the one that fails most clearly."""
        tested = self.hypotheses
        if not tested:
            return None
        against = [part for part in tested if not part.holds]
        return min(against, key=lambda part: part.p_against) if against else max(tested, key=lambda part: part.p_for)

    @property
    def seeds_needed(self) -> int | None:
        """Seeds that would settle an inconclusive claim, if all is as estimated; None where no number of seeds would.

        One part is enough to contradict it, but all are needed to confirm it. The level is the strictest that Holm may
        ask for.
        """
        level = 1 - (1 - LEVEL) / self.among
        tested = self.hypotheses
        against = [part for part in tested if not part.holds]
        counts = [count for part in against or tested if (count := part.seeds_to_tell(level)) is not None]
        if against:
            return min(counts, default=None)
        return max(counts, default=None) if len(counts) == len(tested) else None


def judge(
    study: str, measurements: Measurements, comparisons: list[Comparison], standing: Callable[[Cell], Standing]
) -> list[Judged]:
    """A verdict on each claim of a study. `standing`: how a cell stands to the source's protocol.

    A claim is confirmed when all of its parts are: by the intersection-union test (Berger 1982) its p is the largest of
    theirs. It is contradicted when one part is: Bonferroni over the parts. The smaller of both, doubled, is the claim's
    two-sided p; Holm's (1979) procedure corrects these within the study.
    """
    hypotheses = [Hypotheses(study, claim, measurements, comparisons) for claim in claims.read(study).claims]
    judged = [Judged(parts.claim, parts.all(), _best(parts)) for parts in hypotheses]
    # A claim about the best of several cells has no parts where params.yaml asks for only one
    tested = [one for one in judged if one.parts and len(one.hypotheses) == len(one.parts)]
    sides = [_sides(one.hypotheses) for one in tested]
    for one, (p_for, p_against), p_holm in zip(tested, sides, holm([_two_sided(side) for side in sides]), strict=True):
        one.p, one.p_holm, one.among = _two_sided((p_for, p_against)), p_holm, len(tested)
        if (of_claim := _standing(one, standing)).name != FULL:
            one.verdict, one.why = of_claim.name, of_claim.why
        elif p_holm > 1 - LEVEL:
            one.verdict = INCONCLUSIVE
        else:
            one.verdict = CONFIRMED if p_for <= p_against else CONTRADICTED
    return judged


def _standing(one: Judged, standing: Callable[[Cell], Standing]) -> Standing:
    """That of the first of the claim's cells that is run at less than the protocol, or else otherwise."""
    metrics = [test.metric for test in one.claim.tests]
    cells = {cell.folder: cell for part in one.parts for cell in part.cells}
    of_cells = [standing(cell).of(*metrics) for cell in cells.values()]
    for name in (NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL):
        for of_cell in of_cells:
            if of_cell.name == name:
                return of_cell
    return Standing(FULL)


def alone(part: Statement) -> str:
    """The verdict on a part by itself, not corrected for the other tests."""
    if not isinstance(part, Hypothesis):
        return NOT_RUN
    if part.p > 1 - LEVEL:
        return INCONCLUSIVE
    return CONFIRMED if part.p_for <= part.p_against else CONTRADICTED


def _sides(parts: list[Hypothesis]) -> tuple[float, float]:
    return max(part.p_for for part in parts), min(1.0, len(parts) * min(part.p_against for part in parts))


def _two_sided(sides: tuple[float, float]) -> float:
    return min(1.0, 2 * min(sides))


def holm(p: list[float]) -> list[float]:
    """p-values corrected so that the chance of any wrong verdict at a level is at most that level (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    factors = len(p) - np.arange(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(np.asarray(p)[order] * factors), 1.0)
    return [float(value) for value in corrected]


def _best(parts: Hypotheses) -> list[Candidate]:
    """For tests of the best: each cell's probability of being it, by the bootstrap, highest first."""
    candidates: list[Candidate] = []
    measurements = parts.measurements
    for test in parts.claim.tests:
        if not isinstance(test, Best):
            continue
        for each in parts.combinations(test):
            cells = [
                cell for cell in parts.several(test, test.among | each) if len(measurements.values(cell, test.metric))
            ]
            candidates += _probabilities(cells, test, measurements) if len(cells) > 1 else []
    return candidates


def _probabilities(cells: list[Cell], test: Best, measurements: Measurements) -> list[Candidate]:
    values = [measurements.values(cell, test.metric) for cell in cells]
    seeds = sorted(set.intersection(*(set(one.index) for one in values)))
    if not seeds:
        return []
    answers = [measurements.correct(cell, test.metric) for cell in cells]
    table = np.array([one.loc[seeds] for one in values], dtype=np.float64)
    shares = probability_of_best(table, _on_same_rows(answers, seeds), test.goal == "highest")
    ranked = sorted(zip(cells, shares, strict=True), key=lambda pair: -pair[1])
    return [{"folder": cell.folder.as_posix(), "probability": float(share)} for cell, share in ranked]


def _on_same_rows(answers: list[Correct | None], seeds: list[int]) -> NDArray[np.float64] | None:
    """Correct (1.0) or wrong (0.0), (cells, seeds, rows); None where the cells were not all tested on the same rows."""
    known = [one for one in answers if one is not None]
    if len(known) < len(answers) or not all(one.same_rows(known[0]) for one in known):
        return None
    return np.stack([one.matrix(seeds) for one in known])
