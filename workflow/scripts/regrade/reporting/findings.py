"""What the verdicts of a study say at a glance: what surprises most, and what would settle what is open."""

import math
from dataclasses import dataclass
from functools import cached_property

from regrade.config.looks import ERROR
from regrade.reporting.graded import OURS, Verdicts
from regrade.statistics import units
from regrade.statistics.grades import ABOVE, BELOW, DIFFERS, SAME, WITHIN
from regrade.statistics.share import p_most
from regrade.statistics.verdicts import CONFIRMED, CONTRADICTED, INCONCLUSIVE

# Grades of numbers that one more run would not have given
OUTSIDE = (ABOVE, BELOW, DIFFERS)
# An agreement says little where the range of one more run is at least this part of all that a number can be, and at
# most this part of the runs are as far out as the stated number
WIDE, FEW = 0.5, 0.2


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

    @property
    def hardly_agreeing(self) -> list[dict]:
        """The numbers that agree because runs differ widely, as where training has two outcomes; few runs are so.

        Without those that no run could have disagreed with.
        """
        within = [row for row in self.verdicts.grades if row["grade"] == WITHIN and not _covers_all(row)]
        return [row for row in within if _is_wide(row) and row["reached"] <= FEW * row["seeds"]]

    @cached_property
    def farthest(self) -> dict | None:
        """The reported number farthest outside the range of one more run, in widths of it; None where none is."""
        outside = [row for row in self._outside if _beyond(row) is not None]
        return max(outside, key=lambda row: _beyond(row) or 0.0, default=None)

    def disagreements(self, most: int) -> list[Disagreement]:
        """The largest disagreements, the largest first, at most `most`; times are left out, see `_outside`."""
        claims = [Disagreement(_off(claim), claim=claim) for claim in self._contradicted if not claim["timed"]]
        numbers = [Disagreement(_distance(row), number=row) for row in self._outside]
        return sorted([*claims, *numbers], key=lambda one: -one.distance)[:most]

    @property
    def _outside(self) -> list[dict]:
        """The numbers that one more run would not have given, without times.

        A ratio of times says as much about the machine as about what was trained, so that it surprises nobody.
        """
        rows = [row for row in self.verdicts.grades if row["grade"] in OUTSIDE]
        return [row for row in rows if not row["metric"].endswith("_seconds_ratio")]

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
    if claim["look"] is None:
        if claim["timed"]:
            return "too few jobs were timed on one kind of device (seeds that were trained together share one time)"
        return "fewer seeds than the first look needs"
    if min(claim["p_for"], claim["p_against"]) <= ERROR:
        alone = CONFIRMED if claim["p_for"] < claim["p_against"] else CONTRADICTED
        return f"{alone} if judged alone, but not with {claim['seeds']} seeds among {claim['among']} claims"
    return _why_runs(claim) if claim["about"] == "runs" else _why_mean(claim)


def _why_runs(claim: dict) -> str:
    """Why the number of runs that are as claimed does not decide a claim."""
    seeds, doing, undecided, parts = claim["seeds"], claim["doing"], claim["undecided"], len(claim["parts"])
    others = seeds - doing - undecided

    def enough(runs: int, tests: int) -> bool:
        """Whether so many runs would decide, if test rows left no doubt of any."""
        return tests * p_most(seeds, runs, ()) <= ERROR

    one_sided = not (doing and others)
    if undecided and (one_sided or enough(doing + undecided, 1) or enough(others + undecided, parts)):
        if undecided == seeds:
            return f"none of {seeds} runs got far enough to tell"
        return f"{undecided} of {seeds} runs did not get far enough to tell"
    if doing and others:
        return "some runs are as claimed, others are not"
    if doing:
        if enough(doing, 1):
            return "all runs are as claimed, but so narrowly that it may be chance in their test rows"
        return f"all runs are as claimed, but {seeds} are too few"
    if enough(others, parts):
        return "no run is as claimed, but so narrowly that it may be chance in their test rows"
    return f"no run is as claimed, but {seeds} runs are too few to contradict {_one_of(parts)}"


def _why_mean(claim: dict) -> str:
    """Why the mean over the runs does not decide a claim."""
    (least, most), parts = claim["claimed"], len(claim["parts"])
    if claim["low"] is None and claim["high"] is None:
        return "too little is known of the mean"
    low = -math.inf if claim["low"] is None else claim["low"]
    high = math.inf if claim["high"] is None else claim["high"]
    outside = (least is not None and high < least) or (most is not None and low > most)
    if outside and claim["p_against"] <= parts * ERROR:
        return f"one comparison would contradict it if judged alone, but that may be chance among {parts}"
    if outside or ((least is None or low > least) and (most is None or high < most)):
        return "so few runs cannot rule out others that are quite different"
    return "the mean may be as claimed or not"


def _one_of(parts: int) -> str:
    return f"a claim of {parts} comparisons" if parts > 1 else "a claim"


def _covers_all(row: dict) -> bool:
    """Whether the range of one more run is all that the metric can be, so that no number lies outside."""
    least, most = units.possible(row["metric"])
    return row["predicted_low"] <= least and row["predicted_high"] >= most


def _is_wide(row: dict) -> bool:
    """Whether the range of one more run is a large part of all that the metric can be; never where that has no end."""
    least, most = units.possible(row["metric"])
    return math.isfinite(most - least) and row["predicted_high"] - row["predicted_low"] >= WIDE * (most - least)


def _beyond(row: dict) -> float | None:
    """How far a reported number is from the range of one more run, in widths of the range; None where there is none."""
    try:
        reported, mean = float(str(row["reported"]).removeprefix("≥ ")), float(row["mean"])
    except ValueError:
        return None
    low, high = row["predicted_low"], row["predicted_high"]
    # A range without an end is at least as wide on that side as on the other
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
