"""Two runs of the same cells agree where they should, and a difference is noticed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from regrade.bundle.bundle import Bundle
from regrade.cells import expansion
from regrade.config import params
from regrade.core.files import read_json
from regrade.statistics import REFERENCE, agreement, grading, reference
from regrade.statistics.measurements import measured
from support.bundles import made_up
from support.expanded import CONFIG

PARAMETERS = params.parse(CONFIG | {"scale": "paper"})
METRIC = "test_accuracy_last_epoch"


@pytest.fixture(scope="module")
def whole() -> Bundle:
    return made_up("cs324", PARAMETERS, expansion.expand(PARAMETERS), seeds=5)


def drawn(given: Bundle, seed: int, shift: float = 0.0) -> Bundle:
    """The bundle with other accuracies; those of its first cell are higher by `shift`."""
    generator = np.random.default_rng(seed)
    values = generator.normal(0.8, 0.02, len(given.runs))
    first = given.runs["folder"] == given.runs["folder"].iloc[0]
    return replace(given, runs=given.runs.assign(**{METRIC: values + shift * first}))


def test_runs_that_differ_by_chance_agree(whole: Bundle):
    worlds = [
        agreement.compare(measured(drawn(whole, seed)), measured(drawn(whole, seed + 1000))) for seed in range(60)
    ]
    assert {len(compared) for compared in worlds} == {len(whole.manifest.cells)}
    wrong = sum(any(one.differs for one in compared) for compared in worlds)
    assert wrong <= 60 * 0.05 + 3 * (60 * 0.05 * 0.95) ** 0.5


def test_a_cell_that_has_changed_is_found(whole: Bundle):
    found = [
        [
            one.cell
            for one in agreement.compare(measured(drawn(whole, seed)), measured(drawn(whole, seed + 9, 0.3)))
            if one.differs
        ]
        for seed in range(20)
    ]
    first = whole.manifest.cells[0]
    assert sum(first in cells for cells in found) >= 18
    assert sum(len(cells) > 1 for cells in found) <= 4


def test_equal_runs_are_the_same_and_constant_ones_say_nothing(whole: Bundle):
    ours = measured(whole)
    reordered = measured(replace(whole, runs=whole.runs.iloc[::-1]))
    for theirs in (ours, reordered):
        assert all(one.p is None for one in agreement.compare(ours, theirs))
    constant = [replace(whole, runs=whole.runs.assign(**{METRIC: value})) for value in (0.8, 0.9)]
    assert agreement.compare(*map(measured, constant)) == []
    # The same in all runs of both, though with other seeds
    later = replace(constant[0], runs=constant[0].runs.assign(seed=constant[0].runs["seed"] + 100))
    compared = agreement.compare(measured(constant[0]), measured(later))
    assert len(compared) == len(whole.manifest.cells) and all(one.p is None for one in compared)


def test_cells_that_share_their_runs_are_compared_once(whole: Bundle):
    first, *others = whole.manifest.cells
    twins = [cell.model_copy(update={"same_as": "one"}) for cell in (first, others[0])]
    cells = [*twins, *others[1:]]
    ours = replace(whole, manifest=whole.manifest.model_copy(update={"cells": cells}))
    compared = agreement.compare(measured(ours), measured(whole))
    assert [one.cell.folder for one in compared] == [cell.folder for cell in (first, *others[1:])]


def test_cells_that_were_not_run_as_in_the_source_are_not_compared(whole: Bundle):
    cells = [
        cell.model_copy(update={"standing": cell.standing.model_copy(update={"name": "other protocol"})})
        for cell in whole.manifest.cells
    ]
    other = replace(whole, manifest=whole.manifest.model_copy(update={"cells": cells}))
    assert agreement.compare(measured(whole), measured(other)) == []


def test_only_opposite_verdicts_differ():
    ours = {"a": "confirmed", "b": "confirmed", "c": "contradicted", "d": "inconclusive"}
    theirs = {"a": "contradicted", "b": "inconclusive", "c": "contradicted", "e": "confirmed"}
    assert agreement.verdicts_that_differ(ours, theirs) == ["a"]


def test_the_reference_run_stands_beside_ours(whole: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    graded = grading.grade(whole)
    reference.write(whole, graded, Path("out"))
    assert read_json(Path("out") / REFERENCE) == {}
    drawn(whole, 3, 0.1).write(reference.FOLDER / "cs324")
    reference.write(whole, graded, Path("out"))
    said = read_json(Path("out") / REFERENCE)
    assert said["cells"] == 26 and said["seeds"] == 5 and said["compared"] == 26
    assert said["claims"].keys() == {claim["id"] for claim in graded.claims["claims"]}
    assert sum(said["verdicts"].values()) == len(said["claims"])
    assert all(one["p"] <= 0.05 for one in said["differing"])
