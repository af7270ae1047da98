"""Verdicts on claims: what their parts say together, corrected for the number of claims and for planned looks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from regrade.bundle.manifest import FULL, NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL, Standing
from regrade.config import claims
from regrade.config.claims import Claim
from regrade.config.looks import ERROR, Look
from regrade.statistics import looks, planning
from regrade.statistics.best_set import Candidate, could_be_best
from regrade.statistics.comparison import Comparison
from regrade.statistics.hypotheses import Hypotheses, Hypothesis, Statement
from regrade.statistics.measurements import Measurements

CONFIRMED, CONTRADICTED, INCONCLUSIVE = "confirmed", "contradicted", "inconclusive"
NOT_RUN = "not run"
VERDICTS = (CONFIRMED, CONTRADICTED, INCONCLUSIVE, NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL, NOT_RUN)


@dataclass
class Judged:
    """A claim with its parts and what they say.

    `p_for`, `p_against`: one-sided, of the parts together. `p_holm`: of the side to which the claim leans, corrected
    for the `among` claims of the study, and scaled so that 5 % is what the look may spend. `why`: what deviates from
    the protocol, or why trained cells are not compared.
    """

    claim: Claim
    parts: list[Statement]
    best: list[list[Candidate]]
    look: Look | None = None
    among: int = 1
    verdict: str = NOT_RUN
    why: str = ""
    p_for: float | None = None
    p_against: float | None = None
    p_holm: float | None = None
    chances: dict[int, float] = field(default_factory=dict)

    @property
    def hypotheses(self) -> list[Hypothesis]:
        """The parts that can be tested."""
        return [part for part in self.parts if isinstance(part, Hypothesis)]

    @property
    def tested(self) -> bool:
        """Whether all of its parts can be tested, and there are any."""
        return bool(self.parts) and len(self.hypotheses) == len(self.parts)

    @property
    def seeds(self) -> int:
        """How many seeds all parts have, without parts that are the same for every seed; 0 where all are."""
        return min((len(part.sample) for part in self.hypotheses if not part.sample.exact), default=0)

    @property
    def exact(self) -> bool:
        """Whether it depends on no seed: there is nothing to estimate."""
        return self.tested and not self.seeds

    @property
    def decisive(self) -> Hypothesis | None:
        """The part that the verdict hangs on: the weakest if all seem to hold, else the one that fails most clearly."""
        tested = self.hypotheses
        if not tested:
            return None
        against = [part for part in tested if not part.holds]
        return min(against, key=lambda part: part.p_against) if against else max(tested, key=lambda part: part.p_for)


def judge(
    study: str,
    measurements: Measurements,
    comparisons: list[Comparison],
    planned: Sequence[Look],
) -> list[Judged]:
    """A verdict on each claim of a study

    A claim is confirmed when all of its parts are: by the intersection-union test (Berger 1982) its p is the largest of
    theirs. It is contradicted when one part is: Bonferroni over the parts. `planned` says how many seeds are looked at,
    and what error each look may make; the last look that a claim's runs have reached decides. Holm's (1979) procedure
    corrects for all claims that the study declares, whether they ran or not: once for confirmations, once for
    contradictions, so that in at most 5 % of studies any claim is falsely confirmed, and in at most 5 % any is falsely
    contradicted.
    """
    declared = [Hypotheses(study, claim, measurements, comparisons) for claim in claims.read(study).claims]
    judged = decide([_declared(one, planned) for one in declared], planned)
    for one in judged:
        if not one.tested:
            one.why = next((part.why for part in one.parts if part.why), "")
            continue
        if (of_claim := _standing(one)).name != FULL:
            one.verdict, one.why = of_claim.name, of_claim.why
        elif one.verdict == INCONCLUSIVE:
            rest = looks.later(planned, one.look.seeds if one.look else 0)
            one.chances = planning.chances(one.hypotheses, rest, one.among)
    return judged


def _declared(parts: Hypotheses, planned: Sequence[Look]) -> Judged:
    """A claim with its parts, made from the runs of the look that they have reached: later ones must not change it."""
    one = Judged(parts.claim, parts.all(), could_be_best(parts))
    if look := looks.reached(planned, one.seeds):
        one.parts = parts.at(look.seeds).all()
    return one


def decide(declared: list[Judged], planned: Sequence[Look]) -> list[Judged]:
    """All claims of a study with their p-values and verdicts, were every cell run as in the source; see `judge`."""
    judged = [_at_look(one, planned) for one in declared]
    for one in judged:
        if one.tested:
            one.p_for, one.p_against = together(one.hypotheses)
    sides = [_holm(judged, lambda one: one.p_for), _holm(judged, lambda one: one.p_against)]
    for one, of_for, of_against in zip(judged, *sides, strict=True):
        one.among = len(judged)
        if not one.tested:
            continue
        one.p_holm = min(of_for, of_against)
        if one.p_holm > ERROR:
            one.verdict = INCONCLUSIVE
        else:
            one.verdict = CONFIRMED if of_for <= of_against else CONTRADICTED
    return judged


def _standing(one: Judged) -> Standing:
    """That of the first of the claim's cells that is run at less than the protocol, or else otherwise."""
    metrics = [test.metric for test in one.claim.tests]
    cells = {cell.folder: cell for part in one.parts for cell in part.cells}
    of_cells = [cell.standing.of(*metrics) for cell in cells.values()]
    for name in (NOT_AT_FULL_PROTOCOL, OTHER_PROTOCOL):
        for of_cell in of_cells:
            if of_cell.name == name:
                return of_cell
    return Standing()


def alone(part: Statement) -> str:
    """The verdict on a part by itself, not corrected for other tests and looks."""
    if not isinstance(part, Hypothesis):
        return NOT_RUN
    return of_parts([part])


def of_parts(parts: list[Hypothesis]) -> str:
    """The verdict on several parts together, not corrected for other tests and looks."""
    p_for, p_against = together(parts)
    if min(p_for, p_against) > ERROR:
        return INCONCLUSIVE
    return CONFIRMED if p_for <= p_against else CONTRADICTED


def together(parts: list[Hypothesis]) -> tuple[float, float]:
    """The p-values of several parts for and against all of them together."""
    return max(part.p_for for part in parts), min(1.0, len(parts) * min(part.p_against for part in parts))


def holm(p: list[float]) -> list[float]:
    """p-values corrected so that the chance of any wrong rejection at a level is at most that level (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    factors = len(p) - np.arange(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(np.asarray(p)[order] * factors), 1.0)
    return [float(value) for value in corrected]


def _at_look(one: Judged, planned: Sequence[Look]) -> Judged:
    """The claim with the runs of the last look that it has reached; with all of its runs before the first."""
    one.look = looks.reached(planned, one.seeds)
    if one.look:
        count = one.look.seeds
        one.parts = [part.first(count) if isinstance(part, Hypothesis) else part for part in one.parts]
    return one


def _holm(judged: list[Judged], p: Callable[[Judged], float | None]) -> list[float]:
    """Corrected p-values of one side; 1 for claims without one, and for those before their first look."""
    scaled = []
    for one in judged:
        value = p(one)
        if one.exact and value is not None:
            scaled.append(value)
        else:
            scaled.append(1.0 if value is None or one.look is None else min(1.0, value * ERROR / one.look.error))
    return holm(scaled)
