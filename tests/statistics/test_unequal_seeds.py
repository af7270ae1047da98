"""Cells with unequal numbers of seeds: which runs count for what."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from regrade.bundle.manifest import BundledCell
from regrade.config.claims import Claim
from regrade.config.looks import Look
from regrade.config.reported import ReportedNumber
from regrade.statistics import planning, repeatability, robustness, verdicts
from regrade.statistics.comparison import Comparison
from regrade.statistics.hypotheses import Hypotheses, Hypothesis
from regrade.statistics.measurements import Measurements
from regrade.statistics.winners import Winner
from support.simulation import numbers, statement

LOOKS = [Look(seeds=2, error=0.01), Look(seeds=4, error=0.02), Look(seeds=8, error=0.02)]


def part(values: dict[int, float]) -> Hypothesis:
    """That a number, of which runs gave these values by seed, is above 0."""
    sample = replace(numbers(np.array(list(values.values()))), seeds=tuple(values))
    return statement(sample, low=0.0)


# The second part has a seed more at the front and two at the end
FEW, MANY = part({1: 1.0, 2: 1.1, 3: -1.0}), part({0: -1.0, 1: 1.0, 2: 1.2, 3: 1.1, 8: -1.0, 9: -1.0})


def judged(*parts: Hypothesis) -> verdicts.Judged:
    claim = Claim.model_construct(id="c", tests=[])
    (one,) = verdicts.decide([verdicts.Judged(claim, list(parts), [])], LOOKS)
    return one


def test_a_claim_is_judged_at_the_last_look_that_all_parts_have_reached():
    assert judged(MANY).look.seeds == 4
    both = judged(FEW, MANY)
    assert both.look.seeds == 2
    assert [one.sample.seeds for one in both.hypotheses] == [(1, 2), (0, 1)]


def test_single_runs_are_those_of_seeds_that_all_parts_have():
    assert robustness.single_runs([FEW, MANY]) == (2, 3)
    assert robustness.single_runs([MANY]) == (3, 6)
    assert robustness.single_runs([]) == (0, 0)
    assert [seed for seed, _ in robustness._without([FEW, MANY])] == [0, 1, 2, 3, 8, 9]


def test_the_chance_of_a_verdict_does_not_depend_on_seeds_that_one_part_has_alone():
    common = [{seed: one.sample.low[one.sample.seeds.index(seed)] for seed in (1, 2, 3)} for one in (FEW, MANY)]
    assert planning.chances([FEW, MANY], LOOKS[1:], 1) == planning.chances([*map(part, common)], LOOKS[1:], 1)


def test_further_seeds_of_a_cell_weigh_no_more_in_the_price_of_peeking():
    cells = {"a": {0: 0.01, 1: 0.02, 5: 0.5, 6: 0.5}, "b": {0: 0.03, 1: np.nan}}
    runs = pd.DataFrame(
        [{"folder": name, "seed": seed, "peeking": value} for name, of in cells.items() for seed, value in of.items()]
    )
    # Seed 1 of the second cell diverged
    assert repeatability.peeking(runs).value == pytest.approx((0.02 + 0.02) / 2)
    assert repeatability.peeking(runs[runs["folder"] == "a"]).seeds == 4


@pytest.mark.parametrize("by", ["accuracy", "score"])
def test_further_seeds_do_not_change_a_look_that_is_over(by: str):
    """Neither the winner of an experiment nor the variance that its cells share, also beside a stated number."""
    generator = np.random.default_rng(2)
    cells = [BundledCell(study="s", experiment="e", name=f"c{n}", status="done", varying={"n": n}) for n in range(6)]
    runs = pd.DataFrame(
        {"experiment": "e", "cell": cell.name, "folder": cell.folder.as_posix(), "seed": seed, "status": "done"}
        # The third cell is the best of few seeds, the fourth of many
        | {"accuracy": value + 0.3 * (cell.varying["n"] == (3 if seed > 3 else 2)), "score": value}
        for cell in cells
        for seed, value in enumerate(generator.normal(1, 0.5, 8))
    )
    curves = pd.DataFrame({"experiment": [], "cell": []})
    tests = [
        {"kind": "greater", "experiment": "e", "metric": "accuracy", "cell": {"winner": True}, "than": {"n": 0}},
        {"kind": "greater", "experiment": "e", "metric": by, "cell": {"n": 1}, "than": {"n": 0}},
        {"kind": "stated", "experiment": "e", "metric": by, "cells": {"n": 4}, "margin": 0.5, "estimand": "mean"},
    ]
    row: ReportedNumber = {"source": "t", "experiment": "e", "cell": {"n": 4}, "metric": by, "value": "1", "note": ""}
    about = {"id": "x", "claim": "c", "origin": "ours", "place": "p", "tests": tests}
    claim = Claim.model_validate(about)

    def parts(seeds: int) -> list[tuple[float, float]]:
        known = Measurements(cells, runs[runs["seed"] < seeds], curves)
        stated = Comparison(row, cells[4], 1.0, metric=by, sample=known.sample([(cells[4], 1.0)], by))
        one = verdicts._declared(Hypotheses("s", claim, known, [stated]), LOOKS[:2])
        assert len(one.hypotheses) == 3
        return [(part.p_for, part.p_against) for part in one.hypotheses]

    assert parts(4) == parts(5) == parts(7) == parts(8)
    assert parts(3) != parts(4)


def test_a_winner_has_no_analysis_about_most_runs():
    """As its runs are not independent, its mean is tested in any case."""
    cells = [BundledCell(study="s", experiment="e", name=f"c{n}", status="done", varying={"n": n}) for n in range(3)]
    runs = pd.DataFrame(
        {"experiment": "e", "cell": cell.name, "folder": cell.folder.as_posix(), "seed": seed, "status": "done"}
        | {"accuracy": cell.varying["n"] + 0.1 * seed}
        for cell in cells
        for seed in range(4)
    )
    known = Measurements(cells, runs, pd.DataFrame({"experiment": [], "cell": []}))

    def names(**cell: object) -> list[str]:
        test = {"kind": "greater", "experiment": "e", "metric": "accuracy", "cell": cell, "than": {"n": 0}}
        about = {"id": "x", "claim": "c", "origin": "ours", "place": "p", "tests": [test]}
        one = verdicts._declared(Hypotheses("s", Claim.model_validate(about), known, []), LOOKS[:2])
        return [analysis.name for analysis in robustness.analyses(one, "s", known, [])]

    without = [f"without seed {seed}" for seed in range(4)]
    assert names(n=2) == ["about most runs", *without]
    assert names(winner=True) == without


def test_a_winner_may_be_chosen_by_another_number_than_it_is_judged_by():
    cells = [BundledCell(study="s", experiment="e", name=f"c{n}", status="done", varying={"n": n}) for n in range(2)]
    runs = pd.DataFrame(
        {"experiment": "e", "cell": cell.name, "folder": cell.folder.as_posix(), "seed": seed, "status": "done"}
        | {"accuracy": float(place), "loss": 5.0 - place}
        for place, cell in enumerate(cells)
        for seed in range(3)
    )
    known = Measurements(cells, runs, pd.DataFrame({"experiment": [], "cell": []}))
    winner = Winner(tuple(cells), "accuracy")
    assert known.sample([(winner, 1.0)], "loss").low.tolist() == [4.0] * 3
