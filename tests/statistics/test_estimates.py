"""Means, shares of runs and their limits: against scipy, against simulation, and in the cases that are known exactly."""

import math
from dataclasses import replace

import numpy as np
import pytest
from regrade.statistics import pooling
from regrade.statistics.estimate import estimate
from regrade.statistics.intervals import mean_interval
from regrade.statistics.row_error import row_error
from regrade.statistics.sample import Sample
from regrade.statistics.share import p_most
from regrade.statistics.weighted import WeightedMean
from scipy import stats
from scipy.interpolate import BSpline
from support.simulation import LITTLE, MUCH, accuracies, coverage, numbers, predicted, statement

GENERATOR, OTHER = np.random.default_rng(5), np.random.default_rng(6)


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


@pytest.mark.parametrize("runs", [2, 3, 7, 40])
def test_a_weighted_mean_has_a_b_spline_for_its_density(runs: int):
    """Curry and Schoenberg 1966: its knots are the values, some of which are equal here."""
    values = np.sort(np.append(np.round(OTHER.uniform(0.7, 1, runs), 2), 0.0))
    degree = len(values) - 1
    knots = np.concatenate([np.full(degree + 1, -1.0), values, np.full(degree + 1, 2.0)])
    below = BSpline(knots, np.repeat([0.0, 1.0], degree + 1), degree)
    weighted = WeightedMean.of(values)
    for bound in np.linspace(0.02, values[-1] - 0.001, 20):
        assert weighted.p_below(bound) == pytest.approx(float(below(bound)), rel=1e-4)
        assert weighted.p_above(bound) == pytest.approx(1 - float(below(bound)), rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(("right", "rows"), [(700, 700), (699, 700), (3, 700), (0, 9), (24999, 25000), (12000, 25000)])
@pytest.mark.parametrize("tail", [0.3, 0.025, 1e-6, 1e-11])
def test_limits_of_right_and_wrong_answers_are_exact_at_any_level(right: int, rows: int, tail: float):
    error = row_error([(np.repeat([1.0, 0.0], [right, rows - right]), (0.0, 1.0))])
    low = stats.beta.ppf(tail, right, rows - right + 1) if right else 0.0
    high = stats.beta.isf(tail, right + 1, rows - right) if right < rows else 1.0
    # As long as the distance from 1 can be told at all
    assert 1 - (right / rows - error.distance(tail, -1)) == pytest.approx(1 - low, rel=1e-4)
    assert right / rows + error.distance(tail, 1) == pytest.approx(high, rel=1e-4)


@pytest.mark.parametrize("known", [1, 3, 10])
@pytest.mark.parametrize("tail", [0.025, 1e-3])
def test_limits_for_few_rows_that_disagree_are_exact(known: int, tail: float):
    """One cell knows a few rows of 700 that the other does not. Three gamma variables decide, two of them drawn here."""
    error = row_error([(np.repeat([1.0, 0.0], [known, 700 - known]), (-1.0, 1.0))])
    limit = known / 700 - error.distance(tail, -1)
    draws = (1 - limit) * OTHER.gamma(known, size=10**6) - limit * OTHER.gamma(700 - known, size=10**6)
    # The worst row, the third one, is larger than that
    below = np.exp(-np.maximum(draws, 0) / (1 + limit)).mean()
    assert below == pytest.approx(tail, rel=0.03)


def test_a_sum_over_samples_of_rows_is_no_surer_than_each_of_them():
    one = (np.repeat([1.0, 0.0], [690, 10]), (0.0, 1.0))
    both = row_error([one, one])
    for side in (-1, 1):
        for tail in (0.3, 0.01, 1e-6):
            assert both.distance(tail, side) >= math.sqrt(2) * row_error([one]).distance(tail, side) - 1e-12
            assert both.p_beyond(both.distance(tail, side), side) == pytest.approx(tail)


def test_p_values_and_limits_are_those_of_each_other():
    two_values = numbers(np.array([0.3, 0.3, 0.3, 0.5]))
    few_rows = accuracies(LITTLE.draw(OTHER, 4, (0.2, 0))[:, :, :50], (1, -1))
    of_share = accuracies(LITTLE.draw(OTHER, 9, (0.2,)), (1,))
    of_winner = replace(numbers(OTHER.normal(1, 1, 6)), rotated=True)
    for sample in (two_values, few_rows, of_share, of_winner):
        for tail in (0.2, 0.01, 1e-5):
            assert sample.mean.p_above(sample.mean.limit(tail, -1)) == pytest.approx(tail, rel=1e-4)
            assert sample.mean.p_below(sample.mean.limit(tail, 1)) == pytest.approx(tail, rel=1e-4)
        for part in (statement(sample, low=0), statement(sample, high=0.2), statement(sample, low=-0.2, high=0.7)):
            for level in (0.2, 0.01, 1e-4):
                assert part.shows(level) == (part.p_for <= level)
                assert part.shows_opposite(level) == (part.p_against <= level)


@pytest.mark.parametrize("runs", [5, 10, 20])
def test_few_runs_do_not_show_that_none_is_far_worse(runs: int):
    """Most runs are good and the others are at 0, so that the mean is at the bound: a claim that it is above."""
    level = 0.03 / 28
    for good in np.linspace(0.4, 0.98, 9):
        confirmed = 0.0
        for bad in (0, 1):
            values = np.append(OTHER.uniform(0.85, 0.99, (30, runs - bad)), np.zeros((30, bad)), axis=1)
            samples = [replace(numbers(one), bounds=(0.0, 1.0)) for one in values]
            p = [statement(one, low=good * 0.92, closed=True).p_for for one in samples]
            confirmed += stats.binom.pmf(bad, runs, 1 - good) * np.mean(np.array(p) <= level)
        assert confirmed <= level


def test_a_mean_is_not_what_most_runs_are():
    def seen(values: list[float], **claim: float):
        return statement(replace(numbers(np.array(values)), bounds=(0.0, 1.0)), closed=True, **claim)

    mostly = seen([1.0] * 9 + [0.4], low=0.95)
    assert mostly.p_for > 0.5 and not mostly.holds
    assert seen([0.2] * 9 + [1.0], high=0.25).p_for > 0.5
    assert seen([1.0] * 10, low=0.95).p_for == pytest.approx(0.95**10)
    # Losses have no worst value, so that runs are counted
    losses = statement(numbers(np.array([0.3] * 9 + [0.4])), high=0.5)
    assert losses.p_for == pytest.approx(2**-10)
    assert statement(numbers(np.array([0.3] * 9 + [0.9])), high=0.35).p_for > 0.5


@pytest.mark.parametrize("seeds", [2, 5, 10])
def test_seeds_that_agree_row_by_row_are_counted(seeds: int):
    right = np.ones((2, seeds, 700))
    right[1, :, :100] = 0
    assert statement(accuracies(right, (1, -1)), low=0).p_for == pytest.approx(2.0**-seeds)
    # What the rows leave open still counts
    right[1, :, 2:] = 1
    assert statement(accuracies(right, (1, -1)), low=0).p_for > 0.2


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


def test_equal_values_have_no_interval_wherever_it_is_asked_for():
    for values in ([2.3] * 5, [0.1, 0.1], [4.0]):
        assert mean_interval(values) == pytest.approx((values[0], math.nan, math.nan), nan_ok=True)
        assert estimate(values).interval() == pytest.approx((math.nan, math.nan), nan_ok=True)


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
