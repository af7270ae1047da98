"""In worlds where a claim is false, at most 5 % confirm it, however hostile; in worlds where it is true, enough do."""

import numpy as np
import pytest
import yaml
from regrade.config import params
from regrade.config.looks import ERROR, Look
from regrade.statistics import looks, planning, verdicts
from regrade.statistics.estimate import Pooled
from scipy import stats
from support.project import ROOT
from support.simulation import WORLDS, confirmed, numbers, statement

# 5 % of this many worlds, and three standard errors of chance
WORLDS_EACH = 400
MOST = 0.05 + 3 * (0.05 * 0.95 / WORLDS_EACH) ** 0.5


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seeds", [2, 5])
def test_a_false_claim_is_hardly_ever_confirmed(name: str, seeds: int):
    assert confirmed(name, seeds, WORLDS_EACH) <= MOST


# What each of these finds with ten seeds; the others say too little with ten to be worth a test
POWER = {
    "greater, seeds vary little": 0.95,
    "best, seeds vary little": 0.9,
    "trend, seeds vary much": 0.5,
    "equivalent, seeds vary little": 0.9,
    "censored": 0.7,
    "two humps, runs": 0.95,
    "winner by rows": 0.9,
    "pooled, equal variances": 0.95,
}


@pytest.mark.parametrize("name", POWER)
def test_a_true_claim_is_found(name: str):
    assert confirmed(name, 10, 100, true=True) >= POWER[name]


def test_seeds_may_be_added_until_something_is_found():
    planned = params.parse(yaml.safe_load((ROOT / "params.yaml").read_text())).looks
    generator = np.random.default_rng(6)
    values, wrong = generator.normal(0, 1, (4000, 40)), np.zeros(4000, dtype=bool)
    for look in planned:
        wrong |= stats.ttest_1samp(values[:, : look.seeds], 0, axis=1, alternative="greater").pvalue <= look.error
    assert wrong.mean() <= ERROR
    assert looks.reached(planned, 4) is None
    assert looks.reached(planned, 19) == planned[1]
    assert looks.later(planned, 10) == planned[2:]


def test_all_parts_together_are_as_sure_as_the_least_sure_of_them():
    generator = np.random.default_rng(11)
    for count in (1, 3):
        parts = [statement(numbers(generator.normal(0.5, 1, 8)), low=0) for _ in range(count)]
        p_for, p_against = verdicts.together(parts)
        assert p_for == max(part.p_for for part in parts)
        assert p_against == min(1, count * min(part.p_against for part in parts))


def test_holm_is_what_its_definition_says():
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    corrected = verdicts.holm(p)
    order = sorted(range(5), key=p.__getitem__)
    for place, i in enumerate(order):
        expected = max((5 - rank) * p[j] for rank, j in enumerate(order[: place + 1]))
        assert corrected[i] == pytest.approx(min(1, expected))
    assert verdicts.holm([]) == []


def test_the_chance_of_a_verdict_is_about_what_more_seeds_give():
    generator = np.random.default_rng(7)
    later = [Look(seeds=20, error=0.05)]
    foretold, settled = [], []
    for _ in range(60):
        effect = generator.normal(0, 0.7)
        values = generator.normal(effect, 1, 20)
        foretold.append(planning.chances([statement(numbers(values[:5]), low=0)], later, among=1)[20])
        whole = statement(numbers(values), low=0)
        settled.append(min(whole.p_for, whole.p_against) <= 0.05)
    assert np.mean(foretold) == pytest.approx(np.mean(settled), abs=0.2)
    surest = np.argsort(foretold)[-20:]
    assert np.mean(np.array(settled)[surest]) > 0.7


# Samples of some numbers whose verdicts take more than a t-test of these
IMAGINED = {
    "plain": lambda values: numbers(values),
    "of a winner": lambda values: numbers(values, rotated=True),
    "pooled": lambda values: numbers(values, pooled=Pooled(4.0, 36.0, 36.0)),
    "pooled, but not fitting": lambda values: numbers(values, pooled=Pooled(0.01, 36.0, 36.0)),
    "of a share": lambda values: numbers(values / 10 + 0.7, bounds=(0.0, 1.0)),
    "not known": lambda values: numbers(values, np.where(values > 1.8, np.inf, values)),
}


@pytest.mark.parametrize("kind", IMAGINED)
@pytest.mark.parametrize("bounds", [{"low": 0.2}, {"high": 0.2}, {"low": -1.5, "high": 1.5}], ids=str)
def test_the_chance_of_a_verdict_is_how_often_runs_like_those_seen_have_one(kind: str, bounds: dict[str, float]):
    generator, look = np.random.default_rng(9), Look(seeds=10, error=0.05)
    for _ in range(4):
        seen = generator.normal(0.8, 1, 5)
        foretold = planning.chances([statement(IMAGINED[kind](seen), **bounds)], [look], among=2)[10]
        settled = []
        for drawn in planning._urns(5, 10):
            whole = statement(IMAGINED[kind](seen[drawn.like]), **bounds)
            settled.append(min(whole.p_for, whole.p_against) <= look.error / 2)
        assert foretold == pytest.approx(np.mean(settled))


def test_no_verdict_is_foretold_that_so_few_runs_cannot_give():
    shares = np.random.default_rng(10).normal(0.9, 0.01, (20, 10))
    few = [numbers(one[:5], bounds=(0.0, 1.0)) for one in shares]
    all_runs = [statement(numbers(one, bounds=(0.0, 1.0)), low=0.85) for one in shares]
    later = [Look(seeds=10, error=0.03)]
    assert min(one.p_for for one in all_runs) > 0.3
    assert {planning.chances([statement(one, low=0.85)], later, among=1)[10] for one in few} == {0.0}


def test_runs_that_were_all_alike_do_not_foretell_that_all_to_come_are():
    generator = np.random.default_rng(8)
    foretold, settled = [], []
    while len(settled) < 200:
        values = np.where(generator.random(10) < generator.beta(0.5, 0.5), 1.0, -1.0)
        if len(set(values[:5])) > 1:
            continue
        most = statement(numbers(values[:5]), low=0, about="runs")
        foretold.append(planning.chances([most], [Look(seeds=10, error=0.001)], among=1)[10])
        settled.append(len(set(values)) == 1)
    assert np.mean(foretold) == pytest.approx(np.mean(settled), abs=0.1)
