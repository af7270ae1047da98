"""Verdicts and grades: against scipy, against the bootstrap that they stand for, and in worlds where nothing is true."""

import numpy as np
import pandas as pd
import pytest
from regrade.config import claims
from regrade.core.files import read_json
from regrade.datasets import registry
from regrade.datasets.sources import dbpedia
from regrade.statistics import verdicts
from regrade.statistics.bootstrap import means, probability_of_best
from regrade.statistics.estimate import Estimate, estimate
from regrade.statistics.hypotheses import Hypothesis
from scipy import stats
from support.expanded import expanded
from support.project import Project
from support.simulation import LEAST_WORLDS, World, false_verdicts, study_errors

GENERATOR = np.random.default_rng(5)


def test_without_test_rows_a_difference_is_students_paired_t_test():
    first, second = GENERATOR.normal(0.8, 0.02, 6), GENERATOR.normal(0.78, 0.03, 6)
    ours = estimate(first - second)
    both = stats.ttest_rel(first, second)
    one_sided = stats.ttest_rel(first, second, alternative="greater")
    assert ours.p_above(0) == pytest.approx(one_sided.pvalue)
    assert ours.p_below(0) == pytest.approx(1 - one_sided.pvalue)
    assert ours.interval() == pytest.approx(both.confidence_interval())
    part = Hypothesis("", "", [], ours, low=0)
    assert part.p == pytest.approx(both.pvalue)


def test_equivalence_is_two_one_sided_tests():
    difference = GENERATOR.normal(0.002, 0.004, 5)
    part = Hypothesis("", "", [], estimate(difference), low=-0.01, high=0.01)
    lower = stats.ttest_1samp(difference, -0.01, alternative="greater").pvalue
    upper = stats.ttest_1samp(difference, 0.01, alternative="less").pvalue
    assert part.p_for == pytest.approx(max(lower, upper))
    assert part.p_against == pytest.approx(min(1, 2 * min(1 - lower, 1 - upper)))


def test_one_more_run_lies_in_the_prediction_interval_as_often_as_it_says():
    draws = GENERATOR.normal(0.7, 0.02, (20_000, 6))
    hits = 0
    for seen in draws:
        low, high = estimate(seen[:5]).prediction(own_rows=False)
        hits += low <= seen[5] <= high
    assert hits / len(draws) == pytest.approx(0.95, abs=0.005)


def test_one_more_run_on_rows_of_its_own_lies_in_a_wider_interval():
    # Seeds that hardly differ, on 200 rows that were drawn once for us and once for the source
    skill, hits = GENERATOR.normal(0.8, 0.005, (4000, 6)), {False: 0, True: 0}
    for own in skill:
        hardness = GENERATOR.random((2, 200))
        correct = (hardness[0] < own[:5, None]).astype(float)
        ours, source = estimate(correct.mean(axis=1), [correct]), (hardness[1] < own[5]).mean()
        intervals = {own_rows: ours.prediction(own_rows) for own_rows in hits}
        assert intervals[True][0] < intervals[False][0] <= intervals[False][1] < intervals[True][1]
        for own_rows, (low, high) in intervals.items():
            hits[own_rows] += low <= source <= high
    assert hits[True] / len(skill) >= 0.95
    assert hits[False] / len(skill) < 0.8


def test_the_rows_of_the_source_are_ours_only_where_they_were_published():
    every = expanded()
    rows = {
        (cell.experiment, cell.data.dataset): registry.own_rows(cell.data, bool(cell.settings.get("validation_rows")))
        for cell in every
    }
    own = {dataset for (_, dataset), others in rows.items() if others}
    assert own == {
        "moons",
        "circles",
        "classification",
        "palindromes",
        "ndfa",
        "brackets",
        "tiny_toy",
        "dbpedia",
        "imdb",
    }
    # Of film reviews, those that are held out; of MNIST these are the source's
    of_reviews = {experiment for (experiment, dataset), others in rows.items() if dataset == "imdb" and others}
    assert of_reviews == {"q3_candidates", "q1_tuning"}

    def coursework(config: dict) -> None:
        files = {name: {"urls": ["file:///own"], "sha256": "1" * 64} for name in (dbpedia.TRAIN, dbpedia.TEST)}
        config["datasets"]["dbpedia"]["files"].update(files)

    assert not any(
        registry.own_rows(cell.data, held_out=False) for cell in expanded(coursework) if cell.data.dataset == "dbpedia"
    )
    files = {file for name in registry.NAMES for one in registry.module(name).ALTERNATIVES for file in one}
    assert files >= registry.DRAWN_FROM and set(registry.NAMES) >= registry.SHUFFLED


def test_the_error_is_that_of_the_hierarchical_bootstrap():
    skill, hardness = GENERATOR.normal(0, 0.3, (2, 6, 1)), GENERATOR.normal(-0.8, 1.2, (1, 1, 400))
    correct = (GENERATOR.normal(size=(2, 6, 400)) < skill - hardness).astype(float)
    values = correct.mean(axis=2)
    ours = estimate(values[0] - values[1], [correct[0] - correct[1]])
    drawn = means(values, correct, draws=20_000)
    variance = (drawn[:, 0] - drawn[:, 1]).var()
    # Drawing with replacement, the bootstrap has n in place of n - 1, and counts what seeds and rows do together twice
    seeds, rows = ours.seed_variance * 5 / 6 / 6, ours.row_variance * 399 / 400
    both = (correct[0] - correct[1]) - (values[0] - values[1])[:, None]
    both = (both - both.mean(axis=0)).var() / (6 * 400)
    assert variance == pytest.approx(seeds + rows + both, rel=0.03)
    assert drawn.mean(axis=0) == pytest.approx(values.mean(axis=1), abs=2e-3)


def test_the_probability_of_being_best_is_shared_among_equals_and_sees_paired_seeds():
    values = np.tile(GENERATOR.normal(0.8, 0.05, 5), (3, 1))
    assert probability_of_best(values, None) == pytest.approx([1 / 3] * 3)
    values[1] += 0.001  # better with every seed, though seeds differ by far more
    assert probability_of_best(values, None) == pytest.approx([0, 1, 0])
    assert probability_of_best(values, None, highest=False) == pytest.approx([0.5, 0, 0.5])


def test_holm_is_what_its_definition_says():
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    found = verdicts.holm(p)
    order = sorted(range(5), key=p.__getitem__)
    for place, i in enumerate(order):
        expected = max((5 - rank) * p[j] for rank, j in enumerate(order[: place + 1]))
        assert found[i] == pytest.approx(min(1, expected))
    assert verdicts.holm([]) == []


def test_the_planned_number_of_seeds_has_the_power_that_it_promises():
    seen = Estimate(value=0.01, seeds=3, seed_variance=0.012**2)
    planned = seen.seeds_to_tell(0)
    worlds = GENERATOR.normal(0.01, 0.012, (4000, planned))
    told = stats.ttest_1samp(worlds, 0, axis=1).pvalue < 0.05
    assert told.mean() + 0.02 >= 0.8
    fewer = stats.ttest_1samp(worlds[:, :-2], 0, axis=1).pvalue < 0.05
    assert fewer.mean() < 0.8
    # No number of seeds helps where the test rows are too few
    assert Estimate(0.01, 3, 0.012**2, row_variance=0.02**2, row_df=99).seeds_to_tell(0) is None


KINDS = ("greater", "best", "equivalent", "trend", "threshold")


# Seeds that vary little beside the rows, and few seeds that vary much: there Satterthwaite's t would err too often
@pytest.mark.parametrize(("kind", "seeds", "spread"), [(kind, n, s) for kind in KINDS for n, s in ((5, 0.1), (2, 0.3))])
def test_with_nothing_to_find_hardly_a_claim_is_confirmed(kind: str, seeds: int, spread: float):
    errors = false_verdicts(kind, World(seeds=seeds, rows=400, of_seeds=spread), worlds=LEAST_WORLDS)
    # 5 % of this many worlds, and three standard errors of chance
    assert errors["confirmed"] <= 0.05 + 3 * (0.05 * 0.95 / LEAST_WORLDS) ** 0.5


def test_a_whole_study_errs_as_rarely():
    errors = study_errors(World(seeds=5, rows=400), claims=10, worlds=LEAST_WORLDS // 2)
    assert errors <= 0.05 + 3 * (0.05 * 0.95 / (LEAST_WORLDS // 2)) ** 0.5


def test_a_reduced_run_is_graded_as_reduced(finished: Project):
    found = read_json(finished.folder / "reports/ce4042/claims.json")
    assert len(found["claims"]) == len(claims.read("ce4042").claims)
    assert {claim["verdict"] for claim in found["claims"]} == {"not at full protocol", "not run"}
    ran = [claim for claim in found["claims"] if claim["verdict"] == "not at full protocol"]
    assert ran
    assert all(claim["seeds"] == 2 and claim["low"] <= claim["effect"] <= claim["high"] for claim in ran)
    numbers = pd.read_parquet(finished.folder / "reports/ce4042/data/grades.parquet")
    assert len(numbers) == 66
    assert set(numbers["grade"]) == {"not at full protocol", "not run"}
    assert numbers.loc[numbers["grade"] == "not at full protocol", "mean"].notna().all()
