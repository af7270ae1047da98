"""The claims of a study, and which further seeds of which cells each waits for."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import FINISHED, BundledCell
from regrade.cells.cell import Cell
from regrade.config.looks import Look
from regrade.statistics import comparison, looks, planning, verdicts
from regrade.statistics.measurements import measured
from regrade.statistics.units import unit
from regrade.statistics.verdicts import Judged

SETTLED = (verdicts.CONFIRMED, verdicts.CONTRADICTED)


@dataclass(frozen=True)
class Waiting:
    """A claim and what further seeds may do for it.

    `verdict`: the present one. `seeds`: those that all its cells have. `chances`: that of a verdict at each look to
    come by itself, by the look's seeds; none where further seeds cannot settle it, which `why` explains.
    """

    study: str
    claim: str
    verdict: str
    seeds: int = 0
    cells: tuple[Cell, ...] = ()
    chances: Mapping[int, float] = field(default_factory=dict)
    why: str = ""

    @property
    def settled(self) -> bool:
        """Whether it is confirmed or contradicted."""
        return self.verdict in SETTLED


class Trained:
    """Which seeds the cells of a study have, by the cells of the parameters."""

    def __init__(self, bundle: Bundle, every: Iterable[Cell]):
        study, runs = bundle.manifest.study, bundle.runs
        finished = runs[runs["status"].isin(FINISHED)]
        by_folder = {folder: {int(seed) for seed in of_cell} for folder, of_cell in finished.groupby("folder")["seed"]}
        asked = {_key(cell): cell for cell in every if cell.study == study}
        pairs = [(one, asked.get(_key(one))) for one in bundle.manifest.cells]
        # By the bundle's folders, and by those that the cells have now
        self.cells = {one.folder: cell for one, cell in pairs if cell}
        self.seeds = {cell.folder: by_folder.get(one.folder.as_posix(), set()) for one, cell in pairs if cell}
        # Cells are paired by their seeds, so all are topped up in the same order
        known = sorted(set().union(*by_folder.values()))
        self._order = (known, known[-1] + 1 if known else 0)

    def lacks(self, cell: Cell, seeds: int) -> list[int]:
        """The seeds that a cell lacks of the first ones, in the order in which all cells get them."""
        known, following = self._order
        order = [*known, *islice(count(following), max(seeds - len(known), 0))]
        return [seed for seed in order[:seeds] if seed not in self.seeds[cell.folder]]


def _key(cell: Cell | BundledCell) -> tuple[str, frozenset[tuple[str, object]]]:
    """What a cell is called whatever its hash: a bundle from elsewhere may be of other archives."""
    return cell.experiment, frozenset(cell.varying.items())


def of_study(bundle: Bundle, trained: Trained, allowed: Container[int]) -> list[Waiting]:
    """All claims of a study that depend on seeds, judged by the bundle as grading does.

    `allowed`: seeds of the looks that cells may be topped up to.
    """
    study, measurements = bundle.manifest.study, measured(bundle)
    planned = bundle.manifest.looks
    compared = comparison.comparisons(study, measurements)
    judged = verdicts.judge(study, measurements, compared, planned)
    later = {one.seeds: [look for look in looks.later(planned, one.seeds) if look.seeds in allowed] for one in judged}
    over = {seeds: not looks.later(planned, seeds) for seeds in later}
    return [_waiting(one, study, trained, later[one.seeds], over[one.seeds]) for one in judged if not one.exact]


def _waiting(one: Judged, study: str, trained: Trained, later: Sequence[Look], over: bool) -> Waiting:
    """`later`: the looks to come that are allowed; `over`: whether none is planned, either."""
    claim, verdict = one.claim.id, one.verdict
    if verdict == verdicts.NOT_RUN:
        return Waiting(study, claim, verdict, why=one.why or "not all of its cells are trained")
    if verdict not in (*SETTLED, verdicts.INCONCLUSIVE):
        return Waiting(study, claim, verdict, why=verdict)
    if any(unit(test.metric) == "seconds" for test in one.claim.tests):
        return Waiting(study, claim, verdict, one.seeds, why="seeds that are trained together give one time")
    bundled = {cell.folder: cell for part in one.hypotheses if not part.sample.exact for cell in part.cells}
    cells = tuple(trained.cells[folder] for folder in bundled if folder in trained.cells)
    if len(cells) < len(bundled):
        return Waiting(study, claim, verdict, why="params.yaml has not all of its cells; give the same --config")
    if not later:
        why = "the last planned look is over" if over else "settle.looks has none of the looks to come"
        return Waiting(study, claim, verdict, one.seeds, cells, why=why)
    later = [look for look in later if any(trained.lacks(cell, look.seeds) for cell in cells)]
    if not later:
        return Waiting(study, claim, verdict, one.seeds, cells, why="some of its runs do not give the number")
    # Each look by itself: seeds beyond a look are not looked at there, so that a verdict given before may be lost
    simulated = [planning.chances(one.hypotheses, [look], one.among) for look in later]
    chances = {seeds: chance for of_look in simulated for seeds, chance in of_look.items()}
    few = f"fewer than {planning.LEAST_SEEDS} independent runs, too few to simulate more"
    return Waiting(study, claim, verdict, one.seeds, cells, chances, "" if chances else few)
