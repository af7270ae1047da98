"""Means, shares of runs and their limits: against scipy, against simulation, and in the cases that are known exactly."""

import math

import numpy as np
import pytest
from regrade.statistics import pooling
from regrade.statistics.estimate import estimate
from regrade.statistics.row_error import row_error
from regrade.statistics.sample import Sample
from regrade.statistics.share import p_most
from scipy import stats
from support.simulation import LITTLE, MUCH, accuracies, coverage, numbers, predicted, statement

GENERATOR = np.random.default_rng(5)


def test_without_test_rows_a_difference_is_students_paired_t_test():
    first, second = GENERATOR.normal(0.8, 0.02, 6), GENERATOR.normal(0.78, 0.03, 6)
    ours = estimate(first - second)
    one_sided = stats.ttest_rel(first, second, alternative="greater")
    assert ours.p_above(0) == pytest.approx(one_sided.pvalue, rel=1e-4)
    assert ours.p_below(0) == pytest.approx(1 - one_sided.pvalue, rel=1e-4)
    assert ours.interval() == pytest.approx(stats.ttest_rel(first, second).confidence_interval())


def test_equivalence_is_two_one_sided_tests():
    difference = GENERATOR.normal(0.002, 0.004, 5)
    part = statement(numbers(difference), low=-0.01, high=0.01)
    lower = stats.ttest_1samp(difference, -0.01, alternative="greater").pvalue
    upper = stats.ttest_1samp(difference, 0.01, alternative="less").pvalue
    assert part.p_for == pytest.approx(max(lower, upper), rel=1e-4)
    assert part.p_against == pytest.approx(min(1, 2 * min(1 - lower, 1 - upper)), rel=1e-4)


@pytest.mark.parametrize(
    ("right", "rows", "bound"), [(700, 700, 0.999), (690, 700, 0.97), (560, 700, 0.75), (3, 9, 0.1)]
)
def test_limits_of_right_and_wrong_answers_are_those_of_the_binomial(right: int, rows: int, bound: float):
    answers = np.repeat([1.0, 0.0], [right, rows - right])
    exact = stats.binomtest(right, rows, bound, alternative="greater").pvalue
    assert row_error([(answers, (0.0, 1.0))]).p_beyond(answers.mean() - bound) == pytest.approx(exact, rel=0.1)
    low, high = stats.binomtest(right, rows).proportion_ci(0.95)
    error = row_error([(answers, (0.0, 1.0))])
    assert right / rows - error.distance(0.025, -1) == pytest.approx(low, abs=0.01 if rows > 99 else 0.05)
    assert right / rows + error.distance(0.025, 1) == pytest.approx(high, abs=0.01 if rows > 99 else 0.05)


def test_most_runs_is_an_exact_binomial_test():
    for runs in (1, 5, 10):
        for successes in range(runs + 1):
            exact = stats.binomtest(successes, runs, alternative="greater").pvalue
            assert p_most(runs, successes, ()) == pytest.approx(exact)
    # Runs that only just seem to succeed on their rows are not counted
    assert p_most(5, 5, (1e-9,) * 5) < 0.05 < p_most(5, 5, (1e-9, 1e-9, 1e-9, 1e-9, 0.3))


def test_equal_values_at_a_closed_bound_are_within_it():
    two = numbers(np.full(5, 2.0))
    assert two.share(2, 4, closed=True).doing == 5
    assert two.share(2, 4, closed=False).not_doing == 5
    perfect = accuracies(np.ones((1, 5, 700)), (1,))
    assert statement(perfect, low=1.0, closed=True).p_against == 1
    assert statement(perfect, low=1.0, closed=True, about="runs").p_against == 1


def test_what_is_not_known_speaks_neither_way():
    never = numbers(np.full(40, 100.0), np.full(40, math.inf))
    assert statement(never, high=200, about="runs").p_for == 1
    assert statement(never, high=200, about="runs").p_against == 1
    assert statement(never, high=99, about="runs").p_against < 1e-9
    assert statement(never, high=200).p_for == 1
    assert never.known == 0


def test_a_mean_may_lie_where_what_is_not_known_of_some_runs_puts_it():
    def mean(low: list[float], high: list[float]) -> tuple[float, tuple[bool, bool]]:
        sample = numbers(np.array(low), np.array(high))
        return sample.mean.value, sample.may_be

    assert mean([10, 30, 20], [10, 30, 20]) == (20, (False, False))
    assert mean([10, 30, 50], [10, 30, math.inf]) == (30, (False, True))
    assert mean([-math.inf, 30, 50], [10, 30, 50]) == (30, (True, False))
    assert mean([-math.inf, 30, 50], [10, 30, math.inf]) == (30, (True, True))
    # Of the last run nothing is known, so it does not count
    assert mean([10, 30, -math.inf], [10, 30, math.inf]) == (20, (True, True))


def test_variances_are_pooled_only_where_they_are_alike():
    alike = [GENERATOR.normal(0, 1, 5) for _ in range(20)]
    ours = pooling.pooled(alike)
    assert ours is not None
    assert ours.variance == pytest.approx(np.mean([one.var(ddof=1) for one in alike]))
    assert ours.df > 20
    unlike = [*alike, *(30 * one for one in alike)]
    assert pooling.pooled(unlike) is None
    assert pooling.pooled(alike[:3]) is None
    assert pooling.pooled([*alike, np.zeros(5)]) is None
    # What is pooled never makes a cell surer than its own spread would, if that is the larger
    spread = np.array([-3.0, 3.0, -1.0, 1.0, 2.0])
    assert estimate(spread, pooled=ours).error >= estimate(spread).error


@pytest.mark.parametrize("skills", [LITTLE, MUCH], ids=["seeds vary little", "seeds vary much"])
@pytest.mark.parametrize("seeds", [3, 10])
def test_intervals_hold_the_truth_as_often_as_they_say(skills, seeds: int):
    worlds = 600
    slack = 3 * (0.05 * 0.95 / worlds) ** 0.5
    assert coverage(skills, seeds, worlds) >= 0.95 - slack
    assert predicted(skills, seeds, worlds, own_rows=False) >= 0.95 - slack
    assert predicted(skills, seeds, worlds, own_rows=True) >= 0.95 - slack


def test_a_sample_of_some_runs_is_what_those_runs_alone_would_be():
    correct = LITTLE.draw(GENERATOR, 6, (0, 0))
    whole, part = accuracies(correct, (1, -1)), accuracies(correct[:, 1:4], (1, -1))
    ours: Sample = whole.take([1, 2, 3])
    assert ours.mean.interval() == pytest.approx(part.mean.interval())
    assert ours.seeds == (1, 2, 3)
