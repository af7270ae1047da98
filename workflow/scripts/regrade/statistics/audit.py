"""The grader audits itself: how often it would be wrong about a study's claims, and how often right, in made-up worlds.

Nothing of this depends on results, only on the study as designed: its cells, claims, reported numbers, seeds and looks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.bundle import describe
from regrade.bundle.manifest import Standing
from regrade.cells.cell import Cell
from regrade.config import claims, studies
from regrade.config.claims import Claim
from regrade.config.looks import ERROR, Look
from regrade.config.params import Params
from regrade.core import fingerprints, integrity
from regrade.core.files import short_hash, write_json
from regrade.statistics import AUDIT, REPORTS, comparison, looks, made_up, truths, verdicts
from regrade.statistics.comparison import Comparison
from regrade.statistics.hypotheses import Hypotheses, Hypothesis, Statement
from regrade.statistics.made_up import NOTHING, World
from regrade.statistics.measurements import Measurements
from regrade.statistics.share import Share
from regrade.statistics.truths import Truths
from regrade.statistics.verdicts import CONFIRMED, Judged

# The share of worlds in which a claim is false; in the others it is true
FALSE = 0.5


@dataclass
class _Audited:
    """A claim, and by world: whether it was false, its p at the first look, and at which looks it was confirmed."""

    study: str
    claim: Claim
    truths: Truths
    designed: Measurements
    stated: list[Comparison]
    false: list[bool] = field(default_factory=list)
    p: list[float] = field(default_factory=list)
    confirmed: list[list[bool]] = field(default_factory=list)

    def draw(self, generator: np.random.Generator, false: bool, seeds: int) -> Hypotheses | None:
        """It in a world of its own; None where it depends on no chance, or no values make it false."""
        if not self.truths.by_chance:
            return None
        values = self.truths.false(generator) if false else self.truths.true()
        if values is None:
            return None
        world = World(
            self.designed.cells,
            NOTHING,
            NOTHING,
            seeds,
            values,
            self.truths.about,
            self.truths.calm,
            generator,
            experiments=self.designed.experiments,
        )
        compared = truths.with_samples(self.stated, world, self.claim)
        return Hypotheses(self.study, self.claim, world, compared)

    def add(self, false: bool, at_looks: Sequence[Judged]) -> bool:
        """Note its verdicts at the looks in one world; whether any of them was a false confirmation."""
        if (p := at_looks[0].p_for) is None:
            return False
        self.false.append(false)
        self.p.append(p)
        self.confirmed.append([one.verdict == CONFIRMED for one in at_looks])
        return false and any(self.confirmed[-1])


def audit(study: str, params: Params, every: Iterable[Cell], worlds: int) -> dict[str, Any]:
    """The audit of a study, as JSON; rates are shares of worlds with 95 % intervals, None where there are no worlds.

    In each world, half of the claims, drawn by chance, are false by a hair, the others clearly true. Each has runs of
    its own, since what makes one false may make another true. All are judged together, as results are: at the look that
    the seeds of params.yaml have reached, and at the one after. UserError where the claims do not fit params.yaml.
    """
    planned, audited, wrong = _looks(params), _claims(study, params, every), []
    for number in range(worlds):
        generator = np.random.default_rng([0, number])
        false = [bool(one) for one in generator.random(len(audited)) < FALSE]
        drawn = [one.draw(generator, is_false, planned[-1].seeds) for one, is_false in zip(audited, false, strict=True)]
        by_claim = zip(*(_judged(audited, drawn, look, params.looks) for look in planned), strict=True)
        falsely = [one.add(is_false, at) for one, is_false, at in zip(audited, false, by_claim, strict=True)]
        wrong.append(any(falsely))
    return {
        "study": study,
        "design": design(study, params, every, worlds),
        "worlds": worlds,
        "looks": [look.seeds for look in planned],
        "any_false": _rate(wrong),
        **_rates(audited, planned),
        "claims": [{"id": one.claim.id, "parts": len(one.truths.parts), **_rates([one], planned)} for one in audited],
        "assumed": {
            "clear": truths.CLEAR,
            "accuracy": made_up.ACCURACY,
            "deviation": made_up.spread("test_accuracy_last_epoch", made_up.ACCURACY),
            "relative": made_up.RELATIVE,
            "relative_count": made_up.RELATIVE_COUNT,
            "rows": made_up.ROWS,
        },
    }


def design(study: str, params: Params, every: Iterable[Cell], worlds: int) -> str:
    """A short hash of all that an audit depends on but its code.

    The cells' names say what is trained under the present scale, but made-up runs are as long, and on as many rows, as
    the experiments ask for without it. Nothing may count that is known of a cell only later, such as its winner.
    """
    cells = [
        [
            cell.folder.as_posix(),
            [describe.asked_rows(cell, split) for split in describe.SPLITS],
            describe.asked_epochs(cell),
            cell.template.experiments[cell.experiment].names,
        ]
        for cell in every
        if cell.study == study
    ]
    experiments = {
        name: one.model_dump(mode="json", exclude={"title"})
        for name, one in describe.experiments(study, params).items()
    }
    planned = [look.model_dump() for look in params.looks]
    stated = fingerprints.content(studies.folder(study))
    return short_hash([stated, cells, experiments, params.seeds, planned, worlds])


def write(study: str, params: Params, every: Iterable[Cell]) -> None:
    """Write the audit of a study with as many worlds as params.yaml says, as JSON."""
    write_json(REPORTS / study / AUDIT, audit(study, params, every, params.present_audit_worlds))


def is_current(study: str, params: Params, every: Iterable[Cell]) -> bool:
    """Whether the audit of a study is there, and is one of its present design. UserError when it is damaged."""
    path = REPORTS / study / AUDIT
    return path.exists() and integrity.read(path)["design"] == design(study, params, every, params.present_audit_worlds)


def _claims(study: str, params: Params, every: Iterable[Cell]) -> list[_Audited]:
    """The claims of a study, each with the cells of the experiments that it is about."""
    # In what follows it is as if every cell was run as in the source
    cells = [describe.described(cell, lambda _: Standing()) for cell in every if cell.study == study]
    experiments = describe.experiments(study, params)
    whole = Measurements(cells, NOTHING, NOTHING, experiments=experiments)
    stated = comparison.comparisons(study, whole)
    audited = []
    for claim in claims.read(study).claims:
        of_claim = Truths(study, claim, whole, stated)
        names = {test.experiment for test in claim.tests} | of_claim.experiments
        own = [cell for cell in cells if cell.experiment in names]
        designed = Measurements(own, NOTHING, NOTHING, experiments=experiments)
        audited.append(_Audited(study, claim, of_claim, designed, stated))
    return audited


def _looks(params: Params) -> list[Look]:
    """The look that the seeds of params.yaml have reached, if any, and the next, if any."""
    seeds = len(params.seeds)
    now = looks.reached(params.looks, seeds)
    return [*([now] if now else []), *looks.later(params.looks, seeds)[:1]]


def _judged(
    audited: list[_Audited], drawn: list[Hypotheses | None], look: Look, planned: Sequence[Look]
) -> list[Judged]:
    """All claims, judged by the runs that there are at a look."""
    declared = [
        Judged(one.claim, _parts(parts, look.seeds) if parts else [], [])
        for one, parts in zip(audited, drawn, strict=True)
    ]
    return verdicts.decide(declared, planned)


def _parts(drawn: Hypotheses, seeds: int) -> list[Statement]:
    return [part.first(seeds) for part in drawn.at(seeds).all() if isinstance(part, Hypothesis)]


def _rates(audited: list[_Audited], planned: Sequence[Look]) -> dict[str, object]:
    """Over all worlds of these claims, how often a false one was confirmed, and a true one at each look.

    `alone`: had there been no other claim and no other look.
    """
    false = np.array([one for claim in audited for one in claim.false], dtype=bool)
    p = np.array([one for claim in audited for one in claim.p])
    confirmed = np.array([one for claim in audited for one in claim.confirmed], dtype=bool).reshape(-1, len(planned))
    return {
        "alone": _rate(p[false] <= ERROR),
        "false": _rate(confirmed[false].any(axis=1)),
        "power": {str(look.seeds): _rate(confirmed[~false, at]) for at, look in enumerate(planned)},
    }


def _rate(happened: "Sequence[bool] | NDArray[np.bool]") -> dict[str, float] | None:
    """In what share of worlds something happened, with exact 95 % limits."""
    if not len(happened):
        return None
    count = int(np.sum(happened))
    low, high = Share(len(happened), count, len(happened) - count).interval()
    return {"worlds": len(happened), "share": count / len(happened), "low": low, "high": high}
