"""The reference run as a whole: its site, its findings in words, and its verdicts on record."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from regrade.bundle import MANIFEST, bundle
from regrade.bundle.bundle import Bundle
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.core.files import write_bytes, write_json, write_text
from regrade.reporting import evidence, grade
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import files
from regrade.reporting.figures.agreement import agreement as agreement_of_numbers
from regrade.reporting.findings import Findings, why_open
from regrade.reporting.graded import Verdicts, of_grading
from regrade.reporting.pages.rendering import environment
from regrade.reporting.spent import Spent
from regrade.statistics import agreement, grading
from regrade.statistics.agreement import Compared
from regrade.statistics.measurements import measured
from regrade.statistics.reference import FOLDER
from regrade.statistics.verdicts import INCONCLUSIVE, NOT_RUN

# Within FOLDER: bundles of cells that were trained a second time
AGAIN = "again"
# What the record consists of
FINDINGS, PICTURE, VERDICTS = Path("docs/findings.md"), Path("docs/images/findings.png"), FOLDER / "verdicts.json"
TEMPLATE = "findings.md.j2"
NOTE = "Written by `regrade reference --record` from the bundles in reference/. A test fails when it is behind."
# Disagreements of a study that its findings name
SURPRISES = 3


@dataclass(frozen=True)
class Shipped:
    """A study of the reference run, graded. `again`: the runs of cells that were trained a second time, if any."""

    evidence: Evidence
    verdicts: Verdicts
    spent: Spent
    again: Bundle | None

    @cached_property
    def findings(self) -> Findings:
        """What the verdicts come to."""
        return Findings(self.verdicts)

    @cached_property
    def facts(self) -> dict:
        """How it was run."""
        return self.evidence.facts()

    @property
    def pytorch(self) -> list[str]:
        """The versions of PyTorch that trained it."""
        versions = self.evidence.runs["versions"].dropna().unique()
        return sorted({json.loads(each)["torch"] for each in versions})

    @property
    def seeds(self) -> dict[int, int]:
        """How many cells were trained with how many seeds, most seeds first."""
        return dict(sorted(Counter(len(cell.seeds) for cell in self.evidence.cells if cell.trained).items())[::-1])

    @property
    def again_facts(self) -> dict:
        """How the second time was run; empty where there was none."""
        return evidence.of(self.again, at_hand=False).facts() if self.again else {}

    @property
    def open_by_reason(self) -> dict[str, list[dict]]:
        """The open claims by why they are."""
        reasons: dict[str, list[dict]] = {}
        for claim in self.findings.claims(INCONCLUSIVE):
            reasons.setdefault(why_open(claim), []).append(claim)
        return reasons

    @property
    def refused(self) -> dict[str, list[dict]]:
        """The claims whose trained cells are not compared, by why."""
        reasons: dict[str, list[dict]] = {}
        for claim in self.findings.claims(NOT_RUN):
            if claim["why"]:
                reasons.setdefault(claim["why"], []).append(claim)
        return reasons

    @property
    def impossible(self) -> list[dict]:
        """The tables of the source with accuracies that their number of rows cannot give."""
        return [table for table in self.verdicts.beside["possible"] if table["not_possible"]]

    @property
    def arithmetic(self) -> dict[str, int]:
        """How many accuracies could be tested to be shares of rows; and could not, by why."""
        tables = self.verdicts.beside["possible"]
        tested, known = (sum(table[key] for table in tables if table["rows"]) for key in ("tested", "numbers"))
        unknown = sum(table["numbers"] for table in tables if not table["rows"])
        return {"tested": tested, "any": known - tested, "unknown": unknown}

    @property
    def missing(self) -> dict[str, dict[str, int]]:
        """Of experiments that are not trained in full: how many cells there are, and how many are not trained."""
        counts = Counter(cell.experiment for cell in self.evidence.unfinished)
        every = Counter(cell.experiment for cell in self.evidence.cells)
        return {name: {"missing": count, "all": every[name]} for name, count in counts.items()}

    @cached_property
    def repeated(self) -> list[Compared]:
        """The cells that were trained again, compared with the first time."""
        return agreement.compare(measured(self.again), self.evidence) if self.again else []


def bundles() -> list[Bundle]:
    """The bundles of the reference run. UserError where there is none, or what is wrong with one."""
    every = [bundle.read(path.parent) for path in sorted(FOLDER.glob(f"*/{MANIFEST}"))]
    if not every:
        raise UserError(f"{FOLDER}/ has no folder with a {MANIFEST}; run this in a clone of the project")
    return every


def write_site(target: Path, params: Params) -> None:
    """Write the pages of all its studies, and a page with its findings, into the folder `target`."""
    grade.check_target(target)  # reading the bundles takes a while
    every = bundles()

    def in_words(of_all: list[Verdicts]) -> str:
        studies = [shipped(runs, of_study, params) for runs, of_study in zip(every, of_all, strict=True)]
        return text(studies, linked=True)

    grade.write(every, target, in_words)


def record(params: Params) -> None:
    """Write the findings and the verdicts into the project, where a change of the statistics is seen in review."""
    every = [shipped(runs, of_grading(grading.grade(runs)), params) for runs in bundles()]
    write_text(FINDINGS, f"<!-- {NOTE} -->\n\n{text(every)}")
    write_json(VERDICTS, verdicts(every))
    of_study = [row | {"source": f"{one.evidence.name}, {row['source']}"} for one in every for row in rows([one])]
    if figure := agreement_of_numbers(of_study):
        write_bytes(PICTURE, files.png(figure))


def shipped(runs: Bundle, of_study: Verdicts, params: Params) -> Shipped:
    """A study of the reference run with all that its findings are made of."""
    folder = FOLDER / AGAIN / runs.manifest.study
    return Shipped(
        evidence.of(runs, at_hand=False),
        of_study,
        Spent.of(runs, params),
        bundle.read(folder) if (folder / MANIFEST).exists() else None,
    )


def verdicts(studies: Sequence[Shipped]) -> dict[str, object]:
    """By study: the verdict on each claim, and how many reported numbers have which grade."""
    return {
        one.evidence.name: {
            "claims": {claim["id"]: claim["verdict"] for claim in one.verdicts.claims},
            "numbers": {name: count for name, count in one.verdicts.by_grade.items() if count},
        }
        for one in studies
    }


def rows(studies: Sequence[Shipped]) -> list[dict]:
    """The graded numbers of all studies."""
    return [row for one in studies for row in one.verdicts.grades]


def text(studies: Sequence[Shipped], linked: bool = False) -> str:
    """The findings as Markdown; every number in it is computed from the bundles.

    `linked`: with links to the pages of the studies, for a page beside them.
    """
    every = Verdicts(
        [claim for one in studies for claim in one.verdicts.claims],
        rows(studies),
        {},
    )
    filled = (
        environment(escaped=False)
        .get_template(TEMPLATE)
        .render(
            studies=studies,
            linked=linked,
            every=every,
            findings=Findings(every),
            spent=Spent.total(one.spent for one in studies),
            repeated=[compared for one in studies for compared in one.repeated],
            again=[one for one in studies if one.again],
            largest=max((abs(one.ours - one.theirs) for study in studies for one in study.repeated), default=0.0),
            surprises=SURPRISES,
        )
    )
    # Loops and conditions leave blank lines
    return re.sub(r"\n{3,}", "\n\n", filled).strip() + "\n"
