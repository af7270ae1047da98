"""Grading runs from anywhere: a study's claims and numbers against a bundle or a table of runs."""

import re
from pathlib import Path

from regrade.bundle import MANIFEST, bundle, tabular
from regrade.bundle.bundle import Bundle
from regrade.config import studies
from regrade.core.errors import UserError
from regrade.reporting import ASSETS, PAGE, evidence
from regrade.reporting.evidence import Evidence
from regrade.reporting.graded import Verdicts
from regrade.reporting.graded import read as read_verdicts
from regrade.reporting.pages import assets, site
from regrade.statistics import BUNDLE, grading
from regrade.statistics.grades import GRADES
from regrade.statistics.verdicts import VERDICTS

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def read(study: Path, runs: list[Path], seed: str) -> tabular.Read:
    """The runs of the study in this folder: a bundle, or tables with a column `seed`; and what of them is left out.

    UserError, in one sentence, for what is wrong with them or with the study.
    """
    _find(study)
    name = study.resolve().name
    if len(runs) > 1 or not runs[0].is_dir():
        return tabular.read(runs, name, seed)
    of_bundle = bundle.read(runs[0])
    if of_bundle.manifest.study != name:
        raise UserError(
            f"{runs[0] / MANIFEST}: the runs are of {of_bundle.manifest.study!r}, but the study is {name!r}; give the "
            "folder of that study, or name it so"
        )
    return tabular.Read(of_bundle, [])


def write(runs: Bundle, target: Path) -> Verdicts:
    """Write into `target` the front page, and in a folder of the study its pages, tables, figures and verdicts.

    The verdicts, too. UserError where the study's claims or numbers do not fit the runs.
    """
    folder = target / runs.manifest.study
    graded = grading.grade(runs)  # before anything is written
    runs.write(folder / BUNDLE)
    grading.write(graded, folder)
    of_study: Evidence = evidence.of(runs, at_hand=False)
    site.write_study(of_study, folder)
    assets.write(target / ASSETS)
    site.write_front([of_study], target / PAGE)
    return read_verdicts(folder)


def _find(study: Path) -> None:
    """Take the study's files from this folder from now on. UserError where it cannot be the folder of a study."""
    if not study.is_dir():
        raise UserError(f"{study} is no folder; give the one with the study's claims.yaml and reported.csv")
    if not NAME.fullmatch(study.resolve().name):
        raise UserError(
            f"{study}: a study has the name of its folder, in lower-case letters, digits and _, beginning with a "
            "letter; rename the folder"
        )
    studies.FOLDER = study.resolve().parent


def as_text(verdicts: Verdicts) -> list[str]:
    """The verdict on each claim and the grade of each number, as lines for the terminal."""
    width = max((len(word) for word in (*VERDICTS, *GRADES)), default=0)
    of_claims = [f"{claim['verdict']:{width}}  {claim['id']}: {claim['claim']}" for claim in verdicts.claims]
    of_numbers = [
        f"{row['grade']:{width}}  {row['experiment']}{', ' if row['settings'] else ''}{row['settings']}: "
        f"{row['metric']} {row['reported']}, here {row['mean'] or 'not known'}"
        for row in verdicts.grades
    ]
    return [*of_claims, *of_numbers]
