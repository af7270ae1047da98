"""Grading a study: its reported numbers and its claims, beside what was measured, as two files of its report."""

import functools
import math
from dataclasses import dataclass

import pandas as pd

from regrade.config import claims
from regrade.config.params import Params
from regrade.core.files import atomic_write, sha256, write_json
from regrade.statistics import CLAIMS, GRADES, REPORTS, comparison, grades, repeatability, verdicts
from regrade.statistics.estimate import Estimate
from regrade.statistics.hypotheses import Hypothesis
from regrade.statistics.measurements import Measurements
from regrade.statistics.protocol import reduced
from regrade.statistics.verdicts import Judged


@dataclass(frozen=True)
class Grading:
    """The graded numbers (see `grades.table`), and the claims with all else that is said of the study, as JSON."""

    numbers: pd.DataFrame
    claims: dict


def grade(study: str, params: Params, measurements: Measurements) -> Grading:
    """Grade a study by its reported.csv and claims.yaml. UserError where these do not fit params.yaml."""
    compared = comparison.comparisons(study, measurements)
    at_less = functools.partial(reduced, params)
    judged = verdicts.judge(study, measurements, compared, at_less)
    numbers = grades.table(compared, at_less)
    stated = claims.read(study)
    price = repeatability.peeking(measurements.runs)
    return Grading(
        numbers,
        {
            "study": study,
            "scale": params.scale,
            "verdicts": {name: sum(one.verdict == name for one in judged) for name in verdicts.VERDICTS},
            "grades": numbers["grade"].value_counts().to_dict(),
            "claims": [_claim(one) for one in judged],
            "peeking": _numbers(price) if price else None,
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


def _claim(one: Judged) -> dict:
    part = one.decisive
    return {
        "id": one.claim.id,
        "claim": one.claim.claim,
        "origin": one.claim.origin,
        "place": one.claim.place,
        "kind": ", ".join(dict.fromkeys(test.kind for test in one.claim.tests)),
        "verdict": one.verdict,
        "p": one.p,
        "p_holm": one.p_holm,
        **(_numbers(part.estimate) if part else _numbers(None)),
        "unit": part.unit if part else "",
        "decisive": part.text if part else None,
        "seeds_needed": one.seeds_needed if one.verdict == verdicts.INCONCLUSIVE else None,
        "parts": [_part(part) for part in one.parts],
        "best": one.best,
        "figures": one.claim.figures,
        "note": one.claim.note,
    }


def _part(part: Hypothesis) -> dict:
    known = part.estimate is not None
    return {
        "text": part.text,
        "unit": part.unit,
        "cells": [cell.folder.as_posix() for cell in part.cells],
        "claimed": [_finite(part.low), _finite(part.high)],
        **_numbers(part.estimate),
        "p": part.p if known else None,
        "verdict": verdicts.alone(part),
    }


def _numbers(found: Estimate | None) -> dict:
    """An estimate as JSON: effect, 95 % interval, seeds."""
    if found is None:
        return {"effect": None, "low": None, "high": None, "seeds": 0}
    low, high = found.interval()
    return {"effect": _finite(found.value), "low": _finite(low), "high": _finite(high), "seeds": found.seeds}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
