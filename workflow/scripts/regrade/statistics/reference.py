"""The reference run, a bundle for each study that comes with the project, beside a run of one's own."""

from pathlib import Path

from regrade.bundle import MANIFEST, bundle
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import FINISHED
from regrade.core.errors import UserError
from regrade.core.files import write_json
from regrade.statistics import REFERENCE, agreement, grading
from regrade.statistics.grading import Grading
from regrade.statistics.measurements import measured

# Within the project: a folder for each study that has a reference run
FOLDER = Path("reference")


def write(ours: Bundle, graded: Grading, folder: Path) -> None:
    """Write into a study's report what the reference run says of it, as JSON; an empty object where there is none.

    UserError for what is wrong with the bundle of the reference run.
    """
    of_study = FOLDER / ours.manifest.study
    write_json(folder / REFERENCE, described(ours, graded, of_study) if (of_study / MANIFEST).exists() else {})


def described(ours: Bundle, graded: Grading, folder: Path) -> dict[str, object]:
    """The verdicts and grades of the reference run in this folder, where it comes from, and how both runs agree."""
    theirs = bundle.read(folder)
    if theirs.manifest.study != ours.manifest.study:
        raise UserError(
            f"{folder / MANIFEST}: the runs are of {theirs.manifest.study!r}; move them to their own folder"
        )
    of_reference = grading.grade(theirs)
    verdicts = [_verdicts(one) for one in (graded, of_reference)]
    compared = agreement.compare(measured(ours), measured(theirs))
    finished = theirs.runs[theirs.runs["status"].isin(FINISHED)]
    return {
        "claims": verdicts[1],
        "verdicts": of_reference.claims["verdicts"],
        "grades": of_reference.claims["grades"],
        "scale": theirs.manifest.scale,
        "cells": sum(cell.trained for cell in theirs.manifest.cells),
        "seeds": int(finished.groupby("folder").size().max()) if len(finished) else 0,
        "commits": [commit[:10] for commit in theirs.manifest.commits],
        "devices": sorted({str(device) for device in finished.get("device", ()) if isinstance(device, str)}),
        "opposite": agreement.verdicts_that_differ(*verdicts),
        "compared": len(compared),
        "same": sum(one.p is None for one in compared),
        "differing": [
            {"folder": one.cell.folder.as_posix(), "ours": one.ours, "theirs": one.theirs, "p": one.p}
            for one in compared
            if one.differs
        ],
    }


def _verdicts(graded: Grading) -> dict[str, str]:
    claims = graded.claims["claims"]
    assert isinstance(claims, list), "grading makes a list"
    return {str(claim["id"]): str(claim["verdict"]) for claim in claims}
