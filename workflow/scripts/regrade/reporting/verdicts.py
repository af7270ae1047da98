"""What the grading of a study found: its claims with their verdicts, and a grade for each reported number."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from regrade.files import read_json
from regrade.reporting import CLAIMS, GRADES

VERDICTS = ("confirmed", "contradicted", "inconclusive", "not at full protocol", "not run")
GRADED = ("within", "above", "below", "exact", "differs", "not at full protocol", "not run")


@dataclass(frozen=True)
class Verdicts:
    """`claims` as in claims.json, `grades` as in grades.parquet, a dict per row; both empty where nothing is graded."""

    claims: list[dict]
    grades: list[dict]

    @property
    def by_verdict(self) -> dict[str, int]:
        """Claims by verdict, every verdict named."""
        counts = Counter(claim["verdict"] for claim in self.claims)
        return {verdict: counts[verdict] for verdict in VERDICTS}

    @property
    def by_grade(self) -> dict[str, int]:
        """Reported numbers by grade, every grade named."""
        counts = Counter(row["grade"] for row in self.grades)
        return {grade: counts[grade] for grade in GRADED}

    def of(self, folder: str) -> "Verdicts":
        """The claims that rest on the cell in this folder, and the grades of its numbers."""
        claims = [claim for claim in self.claims if any(folder in part["cells"] for part in claim["parts"])]
        return Verdicts(claims, [row for row in self.grades if row["folder"] == folder])


def read(study: Path) -> Verdicts:
    """The verdicts in a study's folder of the reports."""
    claims, grades = study / CLAIMS, study / GRADES
    return Verdicts(read_json(claims)["claims"] if claims.exists() else [], _rows(grades) if grades.exists() else [])


def _rows(path: Path) -> list[dict]:
    """The rows of a table; missing texts are empty, missing numbers NaN."""
    table = pd.read_parquet(path)
    texts = table.select_dtypes(exclude="number").columns
    return table.assign(**{name: table[name].fillna("") for name in texts}).to_dict("records")
