"""The pages of all studies and the front page, each written whole or not at all."""

import math
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from regrade.config.claims import ORIGINS
from regrade.core.files import write_text
from regrade.reporting import CELLS, COMPARE, FIGURES, FINDINGS, HISTORIES, PAGE, TABLES, downsample, graded, mattered
from regrade.reporting.citation import Citation
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import files
from regrade.reporting.figures.agreement import agreement
from regrade.reporting.figures.forest import forest
from regrade.reporting.figures.repeated import noise
from regrade.reporting.findings import Findings
from regrade.reporting.pages import cells, contents, histories, numbers, study_page
from regrade.reporting.pages.places import places
from regrade.reporting.pages.rendering import render
from regrade.reporting.sections import grouped

# The file of a folder with nothing else in it
EMPTY = ".empty"
# Claims of a verdict that the front page lists before one has to ask for more
SHOWN = 5
MOST_DISAGREEMENTS = 10


def write_study(evidence: Evidence, target: Path) -> None:
    """Write a study's pages with all that they show into `target`; what was there stays until all of it is ready.

    What the grading found is read from there. UserError when the study's template is missing or wrong.
    """
    verdicts = graded.read(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{evidence.name}.", dir=target.parent) as name:
        folder = Path(name)
        parts = (TABLES, FIGURES, HISTORIES, CELLS)
        for part in parts:
            (folder / part).mkdir()
        body = study_page.body(evidence, folder)
        drawn = _draw(verdicts, folder / FIGURES)
        mattering = mattered.write(evidence, folder / FIGURES, folder / TABLES)
        of_cells = {cell.folder.as_posix(): numbers.of_cell(evidence, cell) for cell in evidence.cells}
        trained = histories.write(evidence, of_cells, folder / HISTORIES)
        cells.write(evidence, verdicts, trained, of_cells, folder / CELLS)
        write_text(folder / COMPARE, render("compare.html.j2", "../", evidence=evidence, experiments=trained))
        audit = graded.audit(target)
        shows = _shown(evidence, verdicts, audit, bool(trained))
        sections = grouped(verdicts.claims)
        text = render(
            "study.html.j2",
            "../",
            evidence=evidence,
            facts=evidence.facts(),
            verdicts=verdicts,
            disagreements=Findings(verdicts).disagreements(MOST_DISAGREEMENTS),
            most_disagreements=MOST_DISAGREEMENTS,
            infinity=math.inf,
            sections=sections,
            section_anchor=contents.section_anchor,
            contents=contents.of_study(evidence, verdicts, shows, list(sections), mattering, body.headings),
            audit=audit,
            shows=shows,
            reference=graded.reference(target),
            drawn=drawn,
            labels={cell.folder.as_posix(): cell for cell in evidence.cells},
            mattered=mattering,
            places=places(evidence),
            anchors=set(re.findall(r"id='([^']+)'", body.html)),
            explorer={"root": "", "experiments": [{"name": one["name"], "title": one["title"]} for one in trained]},
            most=downsample.MOST,
            body=body.html,
            citation=Citation(evidence),
        )
        write_text(folder / PAGE, text)
        target.mkdir(parents=True, exist_ok=True)
        for part in parts:
            if not any((folder / part).iterdir()):
                write_text(folder / part / EMPTY, "This folder is empty. DVC would not keep it without a file.\n")
        for part in (*parts, PAGE, COMPARE):
            old = target / part
            if old.is_dir():
                shutil.rmtree(old)
            (folder / part).replace(old)


def _shown(evidence: Evidence, verdicts: graded.Verdicts, audit: dict, curves: bool) -> dict[str, bool]:
    """Which parts a study's page has. Empty ones say what is still to come; of runs from elsewhere, nothing is."""
    parts = {
        "possible": any(table["rows"] for table in verdicts.beside.get("possible", [])),
        "noise": any(verdicts.beside.get(key) for key in ("peeking", "repeated", "discrepancies")),
        "explorer": curves,
        "audit": bool(audit),
    }
    return {name: full or evidence.at_hand for name, full in parts.items()}


def _draw(verdicts: graded.Verdicts, folder: Path) -> set[str]:
    """Draw what the grading found; the names of the figures, without those that have nothing to show."""
    figures = {
        "figure-claims": forest(verdicts.effects),
        "figure-numbers": agreement(verdicts.grades),
        "figure-noise": noise(verdicts.beside.get("repeated", [])),
    }
    drawn = {stem: figure for stem, figure in figures.items() if figure}
    for stem, figure in drawn.items():
        files.write(figure, folder, stem)
    return set(drawn)


@dataclass(frozen=True)
class _Card:
    """What the front page shows of a study."""

    evidence: Evidence
    facts: dict
    verdicts: graded.Verdicts
    findings: Findings
    reference: dict


def write_findings(findings: str, target: Path) -> None:
    """Write a page of findings in words, from Markdown."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = (
        markdown.render(findings).replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    )
    write_text(target, render("findings.html.j2", "", body=Markup(body)))


def write_front(studies: list[Evidence], target: Path) -> None:
    """Write the front page over all studies, whose pages are beside it: what holds, what does not, what is open."""
    cards = []
    for evidence in studies:
        verdicts = graded.read(target.parent / evidence.name)
        reference = graded.reference(target.parent / evidence.name)
        cards.append(_Card(evidence, evidence.facts(), verdicts, Findings(verdicts), reference))
    every = graded.Verdicts(
        [claim for card in cards for claim in card.verdicts.claims],
        [row for card in cards for row in card.verdicts.grades],
        {},
    )
    scales: dict[str, list[_Card]] = {}
    for card in cards:
        scales.setdefault(card.facts["scale"], []).append(card)
    text = render(
        "front.html.j2",
        "",
        studies=cards,
        shown=SHOWN,
        judged=every.judged > 0,
        every=every,
        total_numbers=len(every.grades),
        judged_numbers=Findings(every).judged_numbers,
        agreeing=every.by_grade["within"] + every.by_grade["same"],
        scales=scales,
        in_words=(target.parent / FINDINGS).exists(),
        by_origin={origin: every.by(origin).by_verdict for origin in ORIGINS},
        total=sum(path.stat().st_size for path in target.parent.rglob("*") if path.is_file() and path != target),
    )
    write_text(target, text)
