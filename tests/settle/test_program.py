"""The choice of cells against trying out every choice, on small made-up problems."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from regrade.settle.program import Costs, Stake, choose, spent

A, B, C = (Path(name) for name in "abc")


def worth(stakes: list[Stake], costs: Costs, seeds: Mapping[Path, int], budget: float, least: float) -> float:
    """What is maximised: verdicts expected beyond those of now, less what their hours must bring."""
    return sum(one.chance(seeds) - one.now for one in stakes) - least * spent(costs, seeds) / budget


def exhaustive(stakes: list[Stake], costs: Costs, had: Mapping[Path, int], budget: float, least: float) -> float:
    """The best of all choices."""
    further = [[seeds for seeds in costs[cell] if seeds >= had[cell]] for cell in costs]
    choices = (dict(zip(costs, seeds, strict=True)) for seeds in itertools.product(*further))
    return max(worth(stakes, costs, seeds, budget, least) for seeds in choices if spent(costs, seeds) <= budget)


def test_no_choice_is_better():
    generator, busy = np.random.default_rng(0), 0
    for _ in range(100):
        cells = [Path(str(number)) for number in range(generator.integers(2, 6))]
        had = {cell: int(generator.choice([5, 5, 10])) for cell in cells}
        # Seeds that are trained together cost less than one by one
        costs = {
            cell: {seeds: max(seeds - had[cell], 0) ** 0.8 * hours for seeds in (5, 10, 20)}
            for cell, hours in zip(cells, generator.uniform(0.02, 0.5, len(cells)).tolist(), strict=True)
        }
        stakes = []
        for _ in range(generator.integers(1, 6)):
            needed = generator.choice(len(cells), generator.integers(1, min(4, len(cells) + 1)), replace=False)
            looks = {10: float(generator.random()), 20: float(generator.random())}
            # A claim that has a verdict may lose it
            stakes.append(Stake(frozenset(cells[at] for at in needed), float(generator.random() < 0.2), looks))
        chosen = choose(stakes, costs, 3.0, 0.1)
        assert spent(costs, chosen) <= 3
        busy += bool(chosen)
        assert worth(stakes, costs, had | chosen, 3, 0.1) == pytest.approx(
            exhaustive(stakes, costs, had, 3, 0.1), abs=0.005
        )
    assert busy > 50


def test_claims_that_share_a_dear_cell_are_weighed_together():
    costs = {A: {5: 0, 10: 3.0}, B: {5: 0, 10: 0.4}, C: {5: 0, 10: 1.9}}
    shared = [Stake(frozenset({A}), 0, {10: 0.5}) for _ in range(4)]
    small = [Stake(frozenset({B}), 0, {10: 0.05}), Stake(frozenset({C}), 0, {10: 0.9})]
    assert choose([*shared[:1], *small], costs, 3.0, 0.01) == {B: 10, C: 10}
    assert choose([*shared, *small], costs, 3.0, 0.01) == {A: 10}
    # Hours that hope for less than they must bring stay unused
    assert choose(small, costs, 3.0, 0.6) == {C: 10}
    assert choose([Stake(frozenset({A, B}), 1, {10: 0.4}), *shared], costs, 3.4, 0.01) == {A: 10}
    assert choose(shared, {A: {5: 0}}, 3.0, 0.01) == {}
