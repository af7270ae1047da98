"""Grading a study: its reported numbers and its claims against what was measured, as two files of its report."""

import functools
import math
from dataclasses import dataclass

import pandas as pd

from regrade.config import claims
from regrade.config.params import Params
from regrade.core.files import atomic_write, sha256, write_json
from regrade.statistics import CLAIMS, GRADES, REPORTS, comparison, grades, possible, repeatability, verdicts
from regrade.statistics.estimate import Estimate
from regrade.statistics.hypotheses import Hypothesis, Statement
from regrade.statistics.measurements import Measurements
from regrade.statistics.protocol import reduced
from regrade.statistics.verdicts import Judged


@dataclass(frozen=True)
class Grading:
    """The graded numbers (see `grades.table`), and the claims with all else that is said about the study, as JSON."""

    numbers: pd.DataFrame
    claims: dict[str, object]


def grade(study: str, params: Params, measurements: Measurements) -> Grading:
    """Grade a study by its reported.csv and claims.yaml. UserError where these do not fit params.yaml."""
    compared = comparison.comparisons(study, measurements)
    at_less = functools.partial(reduced, params)
    judged = verdicts.judge(study, measurements, compared, at_less)
    numbers = grades.table(compared, at_less)
    stated = claims.read(study)
    peeking = repeatability.peeking(measurements.runs)
    return Grading(
        numbers,
        {
            "study": study,
            "scale": params.scale,
            "verdicts": {name: sum(one.verdict == name for one in judged) for name in verdicts.VERDICTS},
            "grades": numbers["grade"].value_counts().to_dict(),
            "claims": [_claim(one) for one in judged],
            "peeking": _numbers(peeking) if peeking else None,
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


def write(study: str, graded: Grading) -> None:
    """Write the numbers as Parquet, then the claims as JSON, with the checksum of the numbers."""
    folder = REPORTS / study
    with atomic_write(folder / GRADES) as partial:
        graded.numbers.to_parquet(partial, index=False)
    write_json(folder / CLAIMS, graded.claims | {"sha256": {GRADES: sha256(folder / GRADES)}})


def _claim(one: Judged) -> dict[str, object]:
    decisive = one.decisive
    return {
        "id": one.claim.id,
        "claim": one.claim.claim,
        "origin": one.claim.origin,
        "place": one.claim.place,
        "kind": ", ".join(dict.fromkeys(test.kind for test in one.claim.tests)),
        "verdict": one.verdict,
        "p": one.p,
        "p_holm": one.p_holm,
        **_numbers(decisive.estimate if decisive else None),
        "unit": decisive.unit if decisive else "",
        "decisive": decisive.text if decisive else None,
        "seeds_needed": one.seeds_needed if one.verdict == verdicts.INCONCLUSIVE else None,
        "parts": [_part(part) for part in one.parts],
        "best": one.best,
        "figures": one.claim.figures,
        "note": one.claim.note,
    }


def _part(part: Statement) -> dict[str, object]:
    tested = part if isinstance(part, Hypothesis) else None
    return {
        "text": part.text,
        "unit": part.unit,
        "cells": [cell.folder.as_posix() for cell in part.cells],
        "claimed": [_finite(part.low), _finite(part.high)],
        **_numbers(tested.estimate if tested else None),
        "p": tested.p if tested else None,
        "verdict": verdicts.alone(part),
    }


def _numbers(estimate: Estimate | None) -> dict[str, float | None]:
    """An estimate as JSON: effect, 95 % interval, seeds."""
    if estimate is None:
        return {"effect": None, "low": None, "high": None, "seeds": 0}
    low, high = estimate.interval()
    return {"effect": _finite(estimate.value), "low": _finite(low), "high": _finite(high), "seeds": estimate.seeds}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
