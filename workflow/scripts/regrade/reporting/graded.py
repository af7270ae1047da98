"""What the grading of a study found: its claims with their verdicts, and a grade for each reported number."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from regrade.config.claims import ORIGINS, Origin
from regrade.core import integrity
from regrade.statistics import AUDIT, CLAIMS, GRADES, REFERENCE, grades
from regrade.statistics.estimate import LEVEL
from regrade.statistics.grading import Grading
from regrade.statistics.verdicts import CONFIRMED, CONTRADICTED, INCONCLUSIVE, VERDICTS

# The origin of hypotheses that the source does not state; the others are the report's claims
OURS: Origin = "ours"


@dataclass(frozen=True)
class Verdicts:
    """`claims` as in claims.json, `grades` as in grades.parquet, a dict per row; both empty where nothing is graded.

    `beside`: what else claims.json says: departures, which numbers are possible, the price of peeking, repeated
    configurations, discrepancies.
    """

    claims: list[dict]
    grades: list[dict]
    beside: dict

    @property
    def effects(self) -> list[dict]:
        """The claims of which anything is known: those with an effect."""
        return [claim for claim in self.claims if claim["effect"] is not None]

    @property
    def by_verdict(self) -> dict[str, int]:
        """Claims by verdict, every verdict named."""
        counts = Counter(claim["verdict"] for claim in self.claims)
        return {verdict: counts[verdict] for verdict in VERDICTS}

    @property
    def judged(self) -> int:
        """How many of the claims were run as in the source, so that they have a verdict or are open."""
        return sum(self.by_verdict[verdict] for verdict in (CONFIRMED, CONTRADICTED, INCONCLUSIVE))

    @property
    def presuming(self) -> dict[str, int]:
        """Claims by verdict whose verdict rests on what the source does not state, or leaves in doubt."""
        return Verdicts([claim for claim in self.claims if claim["presumes"]], [], {}).by_verdict

    @property
    def by_origin(self) -> dict[str, int]:
        """Claims by origin, every origin named."""
        counts = Counter(claim["origin"] for claim in self.claims)
        return {origin: counts[origin] for origin in ORIGINS}

    @property
    def by_grade(self) -> dict[str, int]:
        """Reported numbers by grade, every grade named."""
        counts = Counter(row["grade"] for row in self.grades)
        return {grade: counts[grade] for grade in grades.GRADES}

    @property
    def predicted(self) -> int:
        """How many of the reported numbers were compared with where one more run lies."""
        return sum(self.by_grade[grade] for grade in grades.PREDICTED)

    @property
    def outside_by_chance(self) -> float:
        """How many of these would lie outside by chance alone if one more run of ours had given each: 5 % at most."""
        return (1 - LEVEL) * self.predicted

    @property
    def unjudged(self) -> int:
        """How many of the reported numbers have a grade that says nothing of them."""
        return sum(self.by_grade[grade] for grade in grades.UNJUDGED)

    def by(self, origin: Origin) -> "Verdicts":
        """The claims of this origin alone."""
        return Verdicts([claim for claim in self.claims if claim["origin"] == origin], [], {})

    @property
    def reports(self) -> "Verdicts":
        """The report's own claims alone."""
        return Verdicts([claim for claim in self.claims if claim["origin"] != OURS], [], {})

    @property
    def ours(self) -> "Verdicts":
        """Our hypotheses alone."""
        return self.by(OURS)

    def of(self, folder: str) -> "Verdicts":
        """The claims that rest on the cell in this folder, and the grades of its numbers."""
        claims = [claim for claim in self.claims if any(folder in part["cells"] for part in claim["parts"])]
        return Verdicts(claims, [row for row in self.grades if row["folder"] == folder], {})


def read(study: Path) -> Verdicts:
    """The verdicts in a study's folder of the reports. UserError on damage; what is damaged is deleted then."""
    path, table = study / CLAIMS, study / GRADES
    content = integrity.read(path) if path.exists() else {"claims": []}
    integrity.verify_files({study / name: checksum for name, checksum in content.pop("sha256", {}).items()})
    return Verdicts(content.pop("claims"), _rows(pd.read_parquet(table)) if table.exists() else [], content)


def of_grading(grading: Grading) -> Verdicts:
    """The same of what was graded just now."""
    beside = {name: value for name, value in grading.claims.items() if name != "claims"}
    claims = grading.claims["claims"]
    assert isinstance(claims, list), "grading makes a list"
    return Verdicts(claims, _rows(grading.numbers), beside)


def audit(study: Path) -> dict:
    """The audit in a study's folder of the reports; empty where there is none. UserError on damage: it is deleted."""
    path = study / AUDIT
    return integrity.read(path) if path.exists() else {}


def reference(study: Path) -> dict:
    """What the reference run says of a study; empty where there is none. UserError on damage: it is deleted."""
    path = study / REFERENCE
    return integrity.read(path) if path.exists() else {}


def _rows(table: pd.DataFrame) -> list[dict]:
    """The rows of a table, each with an anchor; missing texts are empty, missing numbers NaN."""
    texts = table.select_dtypes(exclude="number").columns
    anchors = {"anchor": [f"number-{line}" for line in range(1, len(table) + 1)]}
    return table.assign(**{name: table[name].fillna("") for name in texts}, **anchors).to_dict("records")
