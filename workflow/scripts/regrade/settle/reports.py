"""What the last reports tell of claims and cells."""

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from regrade.bundle import MANIFEST, bundle
from regrade.bundle.bundle import Bundle
from regrade.cells.cell import Cell
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.settle import waiting
from regrade.settle.waiting import Trained, Waiting
from regrade.statistics import BUNDLE, REPORTS


def bundles(studies: Iterable[str], source: Path | None = None, needed: Iterable[str] = ()) -> dict[str, Bundle]:
    """The bundles of the studies that have any, with runs; of the last reports, or in `source`, a folder per study.

    UserError where none has, or one that is `needed` has none.
    """
    folders = {study: source / study if source else REPORTS / study / BUNDLE for study in studies}
    present = {study: bundle.read(folder) for study, folder in folders.items() if (folder / MANIFEST).exists()}
    trained = {study: one for study, one in present.items() if len(one.runs)}
    first = "train and report first, for runs tell how much runs differ"
    if not trained:
        raise UserError(f"No study has a bundle with runs, such as {next(iter(folders.values()))}; {first}")
    for study in needed:
        if study not in trained:
            raise UserError(f"--study: {study} has no bundle with runs in {folders[study]}; {first}")
    return trained


def claims(
    present: Mapping[str, Bundle], every: Sequence[Cell], params: Params, studies: Container[str] | None = None
) -> tuple[dict[str, Trained], list[Waiting]]:
    """By study, which seeds its cells have; and what further seeds may do for the claims of `studies`, all if None."""
    trained = {study: Trained(one, every) for study, one in present.items()}
    chosen = [study for study in present if studies is None or study in studies]
    return trained, [
        claim for study in chosen for claim in waiting.of_study(present[study], trained[study], params.settle_looks)
    ]
