"""Verdicts on claims: what their tests say together, corrected for how many claims there are."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regrade.cells.cell import Cell
from regrade.config import claims
from regrade.config.claims import Best, Claim
from regrade.statistics.bootstrap import probability_of_best
from regrade.statistics.comparison import Comparison
from regrade.statistics.estimate import LEVEL
from regrade.statistics.hypotheses import Hypotheses, Hypothesis
from regrade.statistics.measurements import Measurements

CONFIRMED, CONTRADICTED, INCONCLUSIVE = "confirmed", "contradicted", "inconclusive"
NOT_AT_FULL_PROTOCOL, NOT_RUN = "not at full protocol", "not run"
VERDICTS = (CONFIRMED, CONTRADICTED, INCONCLUSIVE, NOT_AT_FULL_PROTOCOL, NOT_RUN)


@dataclass
class Judged:
    """A claim with its parts and what they say.

    `p` is two-sided: of no evidence for the claim or against it. `among`: how many claims of the study were tested.
    """

    claim: Claim
    parts: list[Hypothesis]
    best: list[dict]
    verdict: str = NOT_RUN
    p: float | None = None
    p_holm: float | None = None
    among: int = 1

    @property
    def decisive(self) -> Hypothesis | None:
        """The part that the verdict hangs on: of a claim that seems to hold the weakest, else the worst."""
        parts = [part for part in self.parts if part.estimate is not None]
        if not parts:
            return None
        against = [part for part in parts if not part.holds]
        return min(against, key=lambda part: part.p_against) if against else max(parts, key=lambda part: part.p_for)

    @property
    def seeds_needed(self) -> int | None:
        """Seeds that would settle an inconclusive claim, if all is as estimated; None where no number of seeds would.

        To contradict it, one part is enough; to confirm it takes all. The level is the strictest that Holm may ask for.
        """
        needed = [part.seeds_to_tell(1 - (1 - LEVEL) / self.among) for part in self.parts]
        against = [count for part, count in zip(self.parts, needed, strict=True) if not part.holds]
        if against:
            return min((count for count in against if count is not None), default=None)
        return None if None in needed else max(needed, default=None)


def judge(
    study: str, measurements: Measurements, comparisons: list[Comparison], reduced: Callable[[Cell], bool]
) -> list[Judged]:
    """A verdict on each claim of a study. `reduced`: whether a cell was run at less than the source's protocol.

    A claim is confirmed when all of its parts are: by the intersection-union test (Berger 1982) its p is the largest of
    theirs. It is contradicted when one part is: Bonferroni over the parts. The smaller of both, doubled, is the claim's
    two-sided p; Holm's (1979) procedure corrects these within the study.
    """
    every = [Hypotheses(study, claim, measurements, comparisons) for claim in claims.read(study).claims]
    judged = [Judged(parts.claim, parts.all(), _best(parts)) for parts in every]
    # A claim about the best of several has no parts where params.yaml asks for one alone
    tested = [one for one in judged if one.parts and all(part.estimate is not None for part in one.parts)]
    sides = [_sides(one.parts) for one in tested]
    for one, (p_for, p_against), p_holm in zip(tested, sides, holm([_two_sided(side) for side in sides]), strict=True):
        one.p, one.p_holm, one.among = _two_sided((p_for, p_against)), p_holm, len(tested)
        if any(reduced(cell) for part in one.parts for cell in part.cells):
            one.verdict = NOT_AT_FULL_PROTOCOL
        elif p_holm > 1 - LEVEL:
            one.verdict = INCONCLUSIVE
        else:
            one.verdict = CONFIRMED if p_for <= p_against else CONTRADICTED
    return judged


def alone(part: Hypothesis) -> str:
    """What a part says by itself, not corrected for its company."""
    if part.estimate is None:
        return NOT_RUN
    if part.p > 1 - LEVEL:
        return INCONCLUSIVE
    return CONFIRMED if part.p_for <= part.p_against else CONTRADICTED


def _sides(parts: list[Hypothesis]) -> tuple[float, float]:
    return max(part.p_for for part in parts), min(1.0, len(parts) * min(part.p_against for part in parts))


def _two_sided(sides: tuple[float, float]) -> float:
    return min(1.0, 2 * min(sides))


def holm(p: list[float]) -> list[float]:
    """p-values corrected so that all verdicts at a level together err with at most that probability (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    factors = len(p) - np.arange(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(np.asarray(p)[order] * factors), 1.0)
    return corrected.tolist()


def _best(parts: Hypotheses) -> list[dict]:
    """For tests of the best: every cell's probability of being it, by the bootstrap, highest first."""
    found, measurements = [], parts.measurements
    for test in parts.claim.tests:
        if not isinstance(test, Best):
            continue
        for each in parts.combinations(test):
            cells = [
                cell for cell in parts.several(test, test.among | each) if len(measurements.values(cell, test.metric))
            ]
            found += _probabilities(cells, test, measurements) if len(cells) > 1 else []
    return found


def _probabilities(cells: list[Cell], test: Best, measurements: Measurements) -> list[dict]:
    values = [measurements.values(cell, test.metric) for cell in cells]
    seeds = sorted(set.intersection(*(set(one.index) for one in values)))
    if not seeds:
        return []
    right = [measurements.correct(cell, test.metric) for cell in cells]
    same = all(one is not None and one.same_rows(right[0]) for one in right)
    correct = np.stack([one.matrix(seeds) for one in right]) if same else None
    table = np.stack([one.loc[seeds].to_numpy() for one in values])
    shares = probability_of_best(table, correct, test.goal == "highest")
    ranked = sorted(zip(cells, shares, strict=True), key=lambda pair: -pair[1])
    return [{"folder": cell.folder.as_posix(), "probability": float(share)} for cell, share in ranked]
