"""How much a verdict depends on the way of looking: the same claim in other analyses, and in single runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regrade.config.claims import Claim, Test
from regrade.statistics.comparison import Comparison
from regrade.statistics.hypotheses import Hypotheses, Hypothesis, on_common_seeds
from regrade.statistics.measurements import Measurements
from regrade.statistics.verdicts import Judged, of_parts

# The accuracies of a run, by the ends of their names
ACCURACIES = ("best_epoch", "cross_fitted", "last_epoch")
MARGINS = {"half": 0.5, "twice": 2.0}
# How analyses about the other estimand are called
ABOUT = "about "


@dataclass(frozen=True)
class Analysis:
    """The verdict that a claim has if one thing is done otherwise, at 5 % and not corrected for other claims."""

    name: str
    verdict: str


def analyses(one: Judged, study: str, measurements: Measurements, comparisons: list[Comparison]) -> list[Analysis]:
    """The claim under the other accuracies, with other margins, about the other estimand, and without each seed."""
    done = []
    for name, claim in _variants(one.claim):
        look = one.look.seeds if one.look else None
        parts = Hypotheses(study, claim, measurements, comparisons, look).all()
        tested = [part for part in parts if isinstance(part, Hypothesis)]
        # Of a winner, the mean is tested in any case
        same = name.startswith(ABOUT) and all(part.sample.rotated for part in tested)
        # Runs from elsewhere may have one of the accuracies only, or not all of them
        enough = not look or all(part.sample.exact or len(part.sample) >= look for part in tested)
        if tested and len(tested) == len(parts) and enough and not same:
            done.append(
                Analysis(name, of_parts([part.first(one.look.seeds) for part in tested] if one.look else tested))
            )
    return done + [Analysis(f"without seed {seed}", verdict) for seed, verdict in _without(one.hypotheses)]


def single_runs(parts: list[Hypothesis]) -> tuple[int, int]:
    """In how many of the seeds all parts hold, and of how many: what single runs of each cell would have shown.

    The seeds that all parts have count.
    """
    inside = [part.sample.within(part.low, part.high, part.closed)[0] for part in on_common_seeds(parts)]
    return (int(np.logical_and.reduce(inside).sum()), len(inside[0])) if inside else (0, 0)


def _variants(claim: Claim) -> Iterator[tuple[str, Claim]]:
    for ending in ACCURACIES:
        changes = [_by(test, ending) for test in claim.tests]
        yield from _changed(claim, f"by the {ending.replace('_', '-')} accuracy", changes)
    for name, factor in MARGINS.items():
        yield from _changed(claim, f"with {name} the margin", [_with_margin(test, factor) for test in claim.tests])
    other = {"mean": "runs", "runs": "mean"}
    names = " and ".join(sorted({"the mean" if test.about == "runs" else "most runs" for test in claim.tests}))
    yield from _changed(claim, f"{ABOUT}{names}", [{"estimand": other[test.about]} for test in claim.tests])


def _changed(claim: Claim, name: str, changes: list[dict[str, object]]) -> Iterator[tuple[str, Claim]]:
    """The claim with its tests changed; none where nothing changes."""
    if any(changes):
        tests = [test.model_copy(update=update) for test, update in zip(claim.tests, changes, strict=True)]
        yield name, claim.model_copy(update={"tests": tests})


def _by(test: Test, ending: str) -> dict[str, object]:
    """What makes a test one of another accuracy of the runs; nothing where it is of none, or of this one."""
    if not isinstance(test.metric, str) or test.kind == "stated":
        return {}
    stem = next((test.metric.removesuffix(one) for one in ACCURACIES if test.metric.endswith(f"accuracy_{one}")), None)
    return {"metric": stem + ending} if stem and stem + ending != test.metric and "train" not in stem else {}


def _with_margin(test: Test, factor: float) -> dict[str, object]:
    margin = getattr(test, "margin", 0.0)
    return {"margin": margin * factor} if margin else {}


def _without(parts: list[Hypothesis]) -> Iterator[tuple[int, str]]:
    """Each seed of any part, and the verdict without it."""
    for seed in sorted({seed for part in parts if not part.sample.exact for seed in part.sample.seeds}):
        yield seed, of_parts([part if part.sample.exact else _other_seeds(part, seed) for part in parts])


def _other_seeds(part: Hypothesis, seed: int) -> Hypothesis:
    return part.take([at for at, other in enumerate(part.sample.seeds) if other != seed])
