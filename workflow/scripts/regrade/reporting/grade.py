"""Grading runs from anywhere: a study's claims and numbers against a bundle or a table of runs."""

import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from regrade.bundle import MANIFEST, bundle, named, tabular
from regrade.bundle.bundle import Bundle
from regrade.checking import references
from regrade.config import claims, description, reported, studies
from regrade.config.looks import ERROR, Look
from regrade.core.errors import UserError
from regrade.core.files import write_text
from regrade.core.targets import can_be_written
from regrade.reporting import ASSETS, FINDINGS, PAGE, evidence
from regrade.reporting.evidence import Evidence
from regrade.reporting.graded import Verdicts
from regrade.reporting.graded import read as read_verdicts
from regrade.reporting.pages import assets, site
from regrade.statistics import BUNDLE, grading, reference
from regrade.statistics.grades import GRADES
from regrade.statistics.verdicts import VERDICTS

# Where a project has its studies
IN_PROJECT = Path("workflow/studies")
# In a folder that has been written here
MARK = ".graded"
# How folders are called in which it is made; a killed process may leave one
SCRATCH = ".regrade."
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def read(study: Path, runs: list[Path], seed: str) -> tabular.Read:
    """The runs of the study in this folder: a bundle, or tables with a column `seed`; and what of them is left out.

    UserError, in one sentence, for what is wrong with them or with the study.
    """
    _find(study)
    name = study.resolve().name
    misnamed = list(
        studies.misnamed(name, [path(name).name for path in (claims.path, reported.path, description.path)])
    )
    if not named.experiments(name):
        advice = "; ".join(misnamed) or "add some"
        raise UserError(f"{study} has no claims and no reported numbers, so nothing to grade; {advice}")
    of_tables = len(runs) > 1 or not runs[0].is_dir()
    if not of_tables and seed != "seed":
        raise UserError(f"--seed is for tables, but {runs[0]} is a bundle, which has its seeds; leave it out")
    given = tabular.read(runs, name, seed) if of_tables else _of_bundle(runs[0], name)
    checked = tabular.Read(given.bundle, misnamed + given.notes + references.check_bundle(given.bundle))
    return checked if checked.bundle.manifest.looks_planned else _with_a_look(checked)


def _with_a_look(given: tabular.Read) -> tabular.Read:
    """The runs with a single look, as nobody has planned any: at as many seeds as each claim has that can be judged."""
    seeds = {claim: count for claim, count in grading.seeds_of_claims(given.bundle).items() if count > 1}
    if not seeds:
        return given
    shortest = min(seeds, key=lambda claim: seeds[claim])
    look = Look(seeds=seeds[shortest], error=ERROR)
    manifest = given.bundle.manifest.model_copy(update={"looks": [look]})
    note = (
        f"claims are judged by the first {look.seeds} seeds, as the cells of {shortest} have no more in common; add "
        "runs to them, or say in study.yaml which looks were planned"
    )
    further = [note] if max(seeds.values()) > look.seeds else []
    return tabular.Read(replace(given.bundle, manifest=manifest), given.notes + further)


def _of_bundle(folder: Path, name: str) -> tabular.Read:
    """The bundle in a folder, if it is of the study of this name, with the looks of study.yaml if it has none."""
    of_bundle, looks = bundle.read(folder), description.read(name).looks
    if of_bundle.manifest.study != name:
        raise UserError(
            f"{folder / MANIFEST}: the runs are of {of_bundle.manifest.study!r}, but the study is {name!r}; give the "
            "folder of that study, or name it so"
        )
    if looks and not of_bundle.manifest.looks_planned:
        manifest = of_bundle.manifest.model_copy(update={"looks": looks, "looks_planned": True})
        of_bundle = replace(of_bundle, manifest=manifest)
    return tabular.Read(of_bundle, [])


def has_reference(study: Path, runs: list[Path]) -> bool:
    """Whether a study is one of the project at hand, whose reference run these runs can be compared with."""
    name = study.resolve().name
    return (
        study.resolve() == (IN_PROJECT / name).resolve()
        and (reference.FOLDER / name / MANIFEST).exists()
        and runs[0].resolve() != (reference.FOLDER / name).resolve()
    )


def write(
    studies: Sequence[Bundle],
    target: Path,
    in_words: Callable[[list[Verdicts]], str] | None = None,
    beside_reference: bool = False,
) -> list[Verdicts]:
    """Write into `target` the front page, and in a folder of each study its pages, tables, figures and verdicts.

    Return the verdicts of each study. `in_words`: makes Markdown of them, for a page of its own. `beside_reference`:
    show what the project's reference run says of each study. All of it is written, or nothing. UserError where a
    study's claims or numbers do not fit the runs, and where `target` has files of somebody else.
    """
    with _beside(target) as ready:
        every = [_write_study(runs, ready / runs.manifest.study, beside_reference) for runs in studies]
        assets.write(ready / ASSETS)
        verdicts = [read_verdicts(ready / one.name) for one in every]
        if in_words:
            site.write_findings(in_words(verdicts), ready / FINDINGS)
        site.write_front(every, ready / PAGE)
        write_text(ready / MARK, "Written by `regrade`, which may replace its files in this folder.\n")
        with can_be_written(target), _uninterrupted():
            target.mkdir(parents=True, exist_ok=True)
            # First, so that whatever a killed process has left half-moved is known as ours
            (ready / MARK).replace(target / MARK)
            for one in every:
                _move(ready / one.name, target / one.name)
                (ready / one.name).rmdir()
            _move(ready, target)
    return verdicts


def check_target(target: Path) -> None:
    """UserError where something else than what was graded before might be lost in the folder `target`."""
    place = next(place for place in (target, *target.parents) if place.exists())
    if not place.is_dir():
        raise UserError(f"--to: {place} is a file; give a new folder")
    theirs = (path for path in place.iterdir() if not path.name.startswith(SCRATCH))
    if place == target and any(theirs) and not (target / MARK).exists():
        raise UserError(f"--to: {target} has files that regrade did not write; give a new or an empty folder")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """An empty folder on the disk of `target`, which need not exist yet; deleted in the end."""
    with can_be_written(target):
        check_target(target)
        # Neither the target nor a parent of it is made before all is ready: none is left where it fails
        place = next(place for place in (target.resolve(), *target.resolve().parents) if place.exists())
        scratch = tempfile.TemporaryDirectory(prefix=SCRATCH, dir=place)
    with scratch as folder:
        yield Path(folder)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C for the moment that moving takes: either all of it is written, or nothing."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write_study(runs: Bundle, folder: Path, beside_reference: bool) -> Evidence:
    """Write the bundle of a study, its verdicts and its pages into a folder."""
    runs.write(folder / BUNDLE)
    of_study = evidence.of(runs, at_hand=False)
    graded = grading.grade(runs)
    grading.write(graded, folder)
    if beside_reference:
        reference.write(runs, graded, folder)
    site.write_study(of_study, folder)
    return of_study


def _move(source: Path, target: Path) -> None:
    """Move what is in one folder into another, in the place of what has the same name there."""
    target.mkdir(parents=True, exist_ok=True)
    for part in source.iterdir():
        old = target / part.name
        if old.is_dir():
            shutil.rmtree(old)
        part.replace(old)


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
        f"{row['metric']} {row['reported']}, here {_known(row['mean'])}"
        for row in verdicts.grades
    ]
    return [*of_claims, *of_numbers]


def _known(mean: str) -> str:
    return "not known" if mean in ("", "nan") else mean
