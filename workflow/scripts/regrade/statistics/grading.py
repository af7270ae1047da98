"""Grading a study: its reported numbers and its claims against what was measured, as two files of its report."""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from regrade.bundle.bundle import Bundle
from regrade.config import claims
from regrade.core.files import atomic_write, sha256, write_json
from regrade.statistics import (
    CLAIMS,
    GRADES,
    comparison,
    grades,
    possible,
    repeatability,
    robustness,
    verdicts,
)
from regrade.statistics.comparison import Comparison
from regrade.statistics.estimate import Estimate
from regrade.statistics.hypotheses import Hypotheses, Hypothesis, Statement
from regrade.statistics.measurements import Measurements, measured
from regrade.statistics.robustness import Analysis
from regrade.statistics.verdicts import Judged


@dataclass(frozen=True)
class Grading:
    """The graded numbers (see `grades.table`), and the claims with all else that is said about the study, as JSON."""

    numbers: pd.DataFrame
    claims: dict[str, object]


def grade(bundle: Bundle) -> Grading:
    """Grade a study by its reported.csv and claims.yaml. UserError where these do not fit the bundle."""
    study, measurements = bundle.manifest.study, measured(bundle)
    compared = comparison.comparisons(study, measurements)
    judged = verdicts.judge(study, measurements, compared, bundle.manifest.looks)
    numbers = grades.table(compared)
    stated = claims.read(study)
    peeking = repeatability.peeking(measurements.runs)
    return Grading(
        numbers,
        {
            "study": study,
            "scale": bundle.manifest.scale,
            "verdicts": {name: sum(one.verdict == name for one in judged) for name in verdicts.VERDICTS},
            "grades": numbers["grade"].value_counts().to_dict(),
            "claims": [_claim(one, _analyses(one, study, measurements, compared)) for one in judged],
            "peeking": _mean(peeking) if peeking else None,
            "repeated": [
                {
                    "folder": one.cell.folder.as_posix(),
                    "where": one.where,
                    "metric": one.metric,
                    "stated": one.stated,
                    "measured": one.measured,
                }
                for one in repeatability.repeated(compared, measurements)
            ],
            "possible": [table.described() for table in possible.tables(compared)],
            "departures": stated.departures,
            "discrepancies": stated.discrepancies,
        },
    )


def seeds_of_claims(bundle: Bundle) -> dict[str, int]:
    """By claim that can be tested, of how many seeds all of its parts are known; none of claims that need no seeds."""
    study, measurements = bundle.manifest.study, measured(bundle)
    compared = comparison.comparisons(study, measurements)
    declared = [
        Judged(claim, Hypotheses(study, claim, measurements, compared).all(), []) for claim in claims.read(study).claims
    ]
    return {one.claim.id: one.seeds for one in declared if one.tested and one.seeds}


def write(graded: Grading, folder: Path) -> None:
    """Write into a study's report the numbers as Parquet, then the claims as JSON, with the checksum of the numbers."""
    with atomic_write(folder / GRADES) as partial:
        graded.numbers.to_parquet(partial, index=False)
    write_json(folder / CLAIMS, graded.claims | {"sha256": {GRADES: sha256(folder / GRADES)}})


def _analyses(one: Judged, study: str, measurements: Measurements, compared: list[Comparison]) -> list[Analysis]:
    """Other analyses of a claim that has a verdict; none of a claim that depends on no seed."""
    decided = one.verdict in (verdicts.CONFIRMED, verdicts.CONTRADICTED)
    return robustness.analyses(one, study, measurements, compared) if decided and not one.exact else []


def _claim(one: Judged, other: list[Analysis]) -> dict[str, object]:
    decisive = one.decisive
    return {
        "id": one.claim.id,
        "claim": one.claim.claim,
        "origin": one.claim.origin,
        "place": one.claim.place,
        "quote": one.claim.quote,
        "kind": ", ".join(dict.fromkeys(test.kind for test in one.claim.tests)),
        "verdict": one.verdict,
        "why": one.why,
        "p_for": one.p_for,
        "p_against": one.p_against,
        "p_holm": one.p_holm,
        "among": one.among,
        "look": one.look.seeds if one.look else None,
        **_numbers(decisive),
        **_range(decisive),
        "decisive": decisive.text if decisive else None,
        "holds": decisive.holds if decisive else None,
        "chances": {str(seeds): chance for seeds, chance in one.chances.items()},
        "analyses": [{"name": analysis.name, "verdict": analysis.verdict} for analysis in other],
        "single_runs": list(robustness.single_runs(one.hypotheses)),
        "parts": [_part(part) for part in one.parts],
        "best": one.best,
        "figures": one.claim.figures,
        "note": one.claim.note,
        "presumes": one.claim.presumes,
        "amended": one.claim.amended,
    }


def _part(part: Statement) -> dict[str, object]:
    tested = part if isinstance(part, Hypothesis) else None
    return {
        "text": part.text,
        "cells": [cell.folder.as_posix() for cell in part.cells],
        **_range(part),
        **_numbers(tested),
        "p": tested.p if tested else None,
        "verdict": verdicts.alone(part),
    }


def _range(part: Statement | None) -> dict[str, object]:
    """In which range a part puts what number, as JSON; None for a bound that it does not set."""
    if part is None:
        return {"unit": "", "quantity": None, "claimed": [None, None]}
    return {"unit": part.unit, "quantity": part.quantity, "claimed": [_finite(part.low), _finite(part.high)]}


def _numbers(part: Hypothesis | None) -> dict[str, object]:
    """What was seen of a part, as JSON: mean and 95 % interval; what it is about; what is known of how many runs.

    `doing`, `undecided`: of how many runs it is true, and of how many it is not known.
    `known`: of how many runs the number itself is known. `at`: "least" or "most" where the mean is at least or at most
    the effect, as some runs are only known to be beyond a value. Where it may be either, the effect is of the runs of
    which the number is known.
    """
    if part is None:
        return (
            _mean(None)
            | dict.fromkeys(("about", "doing", "undecided", "known", "at"))
            | dict.fromkeys(("constant", "timed"), False)
        )
    share, sample = part.share, part.sample
    below, above = sample.may_be
    mean = _mean(sample.mean, least=0.0 if part.quantity == "ratio" else -math.inf)
    if below and above:
        mean["effect"] = _finite(sample.known_mean)
    # Of a mean that is only known to be beyond a value, one limit is known
    mean |= {end: None for end, unknown in (("low", below), ("high", above)) if unknown}
    return mean | {
        "about": part.about,
        "doing": share.doing,
        "undecided": share.runs - share.doing - share.not_doing,
        "seeds": len(sample),
        "known": sample.known,
        "at": "least" if above and not below else "most" if below and not above else None,
        "constant": sample.mean.constant and not sample.exact,
        "timed": part.timed,
    }


def _mean(estimate: Estimate | None, least: float = -math.inf) -> dict[str, object]:
    """An estimate as JSON: effect, 95 % interval, seeds. `least`: below which no value is possible."""
    if estimate is None:
        return {"effect": None, "low": None, "high": None, "seeds": 0}
    low, high = estimate.interval()
    return {
        "effect": _finite(estimate.value),
        "low": _finite(max(low, least)),
        "high": _finite(high),
        "seeds": estimate.seeds,
    }


def _finite(value: float) -> float | None:
    return float(value) + 0.0 if math.isfinite(value) else None  # without minus zero
