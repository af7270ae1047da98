"""The table of contents of a study's page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from regrade.reporting.evidence import Evidence
from regrade.reporting.findings import Findings
from regrade.reporting.graded import Verdicts
from regrade.reporting.mattered import Mattered


@dataclass(frozen=True)
class Entry:
    """A place in the page, and the places below it."""

    anchor: str
    text: str
    below: list["Entry"] = field(default_factory=list)


def slug(text: str) -> str:
    """The text as an anchor: lower-case words joined by hyphens."""
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    return "-".join(words)


def section_anchor(section: str) -> str:
    """The anchor of the claims of a section of the source."""
    return f"claims-{slug(section)}"


def of_study(
    evidence: Evidence,
    verdicts: Verdicts,
    shows: dict[str, bool],
    sections: Iterable[str],
    grids: Sequence[Mattered],
    headings: Sequence[tuple[int, str, str]],
) -> list[Entry]:
    """The contents of a study's page. `shows`: parts that it may lack; `sections`: of the source, with claims."""
    claims = [Entry(section_anchor(section), section) for section in sections]
    mattered = [Entry(f"mattered-{one.grid.experiment}", one.title) for one in grids]
    parts = [
        (Entry("disagreements", "Largest disagreements"), bool(Findings(verdicts).disagreements(1))),
        (Entry("departures", "Departures"), bool(verdicts.beside.get("departures"))),
        (Entry("claims", "Claims", claims), True),
        (Entry("numbers", "Reported numbers"), True),
        (Entry("possible", "Are they possible?"), shows["possible"]),
        (Entry("noise", "Noise"), shows["noise"]),
        (Entry("mattered", "What mattered", mattered), bool(grids)),
        (Entry("explorer", "Explorer"), shows["explorer"]),
        (Entry("report", "Tables and figures", _nested(headings)), bool(headings)),
        (Entry("assumptions", "Assumptions"), bool(evidence.study.assumptions)),
        (Entry("audit", "How sure is the grader?"), shows["audit"]),
        (Entry("reading", "How to read the numbers"), True),
        (Entry("citation", "How to cite"), True),
        (Entry("cells", "Cells"), True),
    ]
    return [entry for entry, is_there in parts if is_there]


def _nested(headings: Sequence[tuple[int, str, str]]) -> list[Entry]:
    """Headings (level, anchor, text) as entries: the first level, and the second below it; deeper ones are left out."""
    entries: list[Entry] = []
    top = min((level for level, _, _ in headings), default=0)
    for level, anchor, text in headings:
        if level == top:
            entries.append(Entry(anchor, text))
        elif level == top + 1 and entries:
            entries[-1].below.append(Entry(anchor, text))
    return entries
