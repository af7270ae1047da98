"""What the verdicts of a study say at a glance: what surprises most, and what would settle what is open."""

import math
from dataclasses import dataclass
from functools import cached_property

from regrade.config.claims import Origin
from regrade.config.looks import ERROR
from regrade.reporting.graded import Verdicts
from regrade.statistics import units
from regrade.statistics.grades import ABOVE, BELOW, DIFFERS, SAME, WITHIN
from regrade.statistics.verdicts import CONFIRMED, CONTRADICTED, INCONCLUSIVE

# The origin of hypotheses that the source does not state
OURS: Origin = "ours"
# Grades of numbers that one more run would not have given
OUTSIDE = (ABOVE, BELOW, DIFFERS)


@dataclass(frozen=True)
class Outlook:
    """How many claims are open, and by a number of seeds, how many of these would get a verdict, in expectation."""

    open: int
    expected: dict[int, float]


@dataclass(frozen=True)
class Disagreement:
    """Where source and runs disagree: a contradicted claim, or a number outside the range of one more run.

    `distance`: from what the source says to the nearest end of our interval, in widths of that interval. It is infinite
    where nothing varies, such as a count of parameters.
    """

    distance: float
    claim: dict | None = None
    number: dict | None = None


@dataclass(frozen=True)
class Findings:
    """What the verdicts on a study's claims and numbers come to."""

    verdicts: Verdicts

    def claims(self, verdict: str) -> list[dict]:
        """The claims with this verdict, the clearest first."""
        chosen = [claim for claim in self.verdicts.claims if claim["verdict"] == verdict]
        return sorted(chosen, key=lambda claim: 1.0 if claim["p_holm"] is None else claim["p_holm"])

    @property
    def judged_claims(self) -> int:
        """How many of the claims were run as in the source, so that they have a verdict or are open."""
        return sum(self.verdicts.by_verdict[verdict] for verdict in (CONFIRMED, CONTRADICTED, INCONCLUSIVE))

    @property
    def judged_numbers(self) -> int:
        """How many of the reported numbers have a grade that says something of them."""
        return len(self.verdicts.grades) - self.verdicts.unjudged

    @cached_property
    def contradicted(self) -> dict | None:
        """The claim of the source that the runs contradict most clearly; None where they contradict none."""
        return next(iter(self._contradicted), None)

    @property
    def _contradicted(self) -> list[dict]:
        """Without hypotheses of ours, of which the source says nothing."""
        return [claim for claim in self.claims(CONTRADICTED) if claim["origin"] != OURS]

    @property
    def equal(self) -> int:
        """How many numbers are texts or counts that are equal in both."""
        return self.verdicts.by_grade[SAME]

    @property
    def surely_within(self) -> int:
        """How many numbers agree only because one more run may give any value at all."""
        return sum(row["grade"] == WITHIN and _covers_all(row) for row in self.verdicts.grades)

    @cached_property
    def farthest(self) -> dict | None:
        """The reported number farthest outside the range of one more run, in widths of it; None where none is."""
        outside = [row for row in self.verdicts.grades if row["grade"] in OUTSIDE and _beyond(row) is not None]
        return max(outside, key=lambda row: _beyond(row) or 0.0, default=None)

    def disagreements(self, most: int) -> list[Disagreement]:
        """The largest disagreements, the largest first, at most `most`."""
        claims = [Disagreement(_off(claim), claim=claim) for claim in self._contradicted]
        outside = [row for row in self.verdicts.grades if row["grade"] in OUTSIDE]
        numbers = [Disagreement(_distance(row), number=row) for row in outside]
        return sorted([*claims, *numbers], key=lambda one: -one.distance)[:most]

    @cached_property
    def outlook(self) -> Outlook:
        """What more seeds are expected to settle, from the chances of the open claims at later looks."""
        undecided = self.claims(INCONCLUSIVE)
        expected: dict[int, float] = {}
        for claim in undecided:
            for seeds, chance in claim["chances"].items():
                expected[int(seeds)] = expected.get(int(seeds), 0.0) + chance
        return Outlook(len(undecided), dict(sorted(expected.items())))


def why_open(claim: dict) -> str:
    """Why an inconclusive claim has no verdict, in a few words: its interval alone may seem to decide it."""
    seeds, doing, known = claim["seeds"], claim["doing"], claim["known"]
    of_runs = claim["about"] == "runs"
    if claim["look"] is None:
        return "fewer seeds than the first look needs"
    if of_runs and known < seeds:
        return f"{f'only {known}' if known else 'none'} of {seeds} runs got far enough to tell"
    if min(claim["p_for"], claim["p_against"]) <= ERROR:
        alone = CONFIRMED if claim["p_for"] < claim["p_against"] else CONTRADICTED
        return f"{alone} if judged alone, but not with {seeds} seeds among {claim['among']} claims"
    if of_runs and 0 < doing < seeds:
        return f"it holds in {doing} of {seeds} runs"
    return "chance in seeds and test rows may have decided it" if of_runs else "the mean may lie on either side"


def _covers_all(row: dict) -> bool:
    """Whether the range of one more run is all that the metric can be, so that no number lies outside."""
    least, most = units.possible(row["metric"])
    return row["predicted_low"] <= least and row["predicted_high"] >= most


def _beyond(row: dict) -> float | None:
    """How far a reported number is from the range of one more run, in widths of the range; None where there is none."""
    try:
        reported = float(str(row["reported"]).removeprefix("≥ "))
    except ValueError:
        return None
    low, high = row["predicted_low"], row["predicted_high"]
    # A range without an end is at least as wide on that side as on the other
    mean = float(row["mean"])
    low, high = (2 * mean - high if low == -math.inf else low), (2 * mean - low if high == math.inf else high)
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return None
    return max(low - reported, reported - high, 0.0) / (high - low)


def _distance(row: dict) -> float:
    beyond = _beyond(row)
    return math.inf if beyond is None else beyond


def _off(claim: dict) -> float:
    """How far the range that a claim states is from the 95 % interval of its effect, in widths of the interval."""
    low, high, effect = claim["low"], claim["high"], claim["effect"]
    # Where one end is not known, the interval is at least as wide on that side as on the other
    if low is None and high is not None:
        low = 2 * effect - high
    elif high is None and low is not None:
        high = 2 * effect - low
    if low is None or high is None or low == high:
        return math.inf
    least, most = claim["claimed"]
    gaps = [0.0 if least is None else least - high, 0.0 if most is None else low - most]
    return max(*gaps, 0.0) / (high - low)
