"""What mattered in a grid, and what is the best of it, in worlds in which we know it."""

import math

import numpy as np
import pandas as pd
import pytest
from regrade.bundle.manifest import BundledCell
from regrade.config.claims import Claim
from regrade.statistics import effects
from regrade.statistics.best_set import could_be_best
from regrade.statistics.hypotheses import Hypotheses
from regrade.statistics.measurements import Measurements
from regrade.statistics.winners import Seen, rotated
from scipy import stats

WORLDS = 400
NAMES = ["rate", "units"]


def world(generator: np.random.Generator, rate=(), units=(), both=0.0, seed=0.5, noise=1.0) -> np.ndarray:
    """Runs of a grid of 3 × 4 cells with 5 seeds, which all cells share."""
    effect = np.add.outer(np.resize([*rate, 0, 0, 0][:3], 3), np.resize([*units, 0, 0, 0, 0][:4], 4))
    effect[0, 0] += both
    return effect[..., None] + seed * generator.normal(size=5) + noise * generator.normal(size=(3, 4, 5))


def many(**truth) -> dict[str, np.ndarray]:
    """By source, share and chance in many worlds: (worlds, 2)."""
    generator = np.random.default_rng(8)
    worlds = [effects.shares(world(generator, **truth), NAMES) for _ in range(WORLDS)]
    return {
        one[0].source: np.array([(share.share, share.chance) for share in one]) for one in zip(*worlds, strict=True)
    }


def test_where_nothing_matters_nothing_is_found_but_by_chance():
    for source, found in many().items():
        share, chance = found.T
        if source == effects.SEEDS:
            assert share.mean() == pytest.approx(1, abs=0.01)
        else:
            assert abs(share.mean()) < 0.005
            assert stats.binomtest((share > chance).sum(), WORLDS, 0.05).pvalue > 0.01


def test_known_shares_are_recovered():
    truth = {"rate": (0, 1, 2), "units": (0, 0, 0, 3), "both": 6.0}
    effect = world(np.random.default_rng(0), **truth, seed=0, noise=0)[..., 0]
    rates, units = effect.mean(axis=1) - effect.mean(), effect.mean(axis=0) - effect.mean()
    parts = {
        "rate": rates.var(),
        "units": units.var(),
        effects.INTERACTIONS: (effect - effect.mean() - rates[:, None] - units).var(),
        # Of one draw of five seeds, whose mean is unknown, four fifths remain
        effects.SEEDS: 1 + 0.25 * 4 / 5,
    }
    expected = {source: part / sum(parts.values()) for source, part in parts.items()}
    found = {source: one[:, 0].mean() for source, one in many(**truth).items()}
    assert found == pytest.approx(expected, abs=0.015)


def test_a_grid_has_the_effects_that_its_cells_were_given():
    generator = np.random.default_rng(2)
    runs = 0.5 + 0.01 * world(generator, rate=(0, 6, 12), units=(0, 0, 0, 3))
    cells, rows = [], []
    for (i, j), of_cell in ((place, runs[place]) for place in np.ndindex(3, 4)):
        varying = {"rate": 0.1**i, "units": 2**j}
        about = {"experiment": "grid", "name": f"{i}{j}", "status": "done", "varying": varying}
        cells.append(BundledCell(study="s", **about))
        rows += [
            {"experiment": "grid", "cell": f"{i}{j}", "folder": cells[-1].folder.as_posix(), "seed": seed}
            | {"status": "done", "valid_f1": value}
            for seed, value in enumerate(of_cell)
        ]

    def grid(kept: list[BundledCell], runs: pd.DataFrame) -> effects.Grid | None:
        return effects.grid(Measurements(kept, runs, pd.DataFrame({"experiment": [], "cell": []})), "grid", "valid_f1")

    found = grid(cells, pd.DataFrame(rows))
    assert found.ranked == ["rate", "units"]
    assert sum(found.parts.values()) == pytest.approx(1) and min(found.parts.values()) >= 0
    assert found.map("units", "rate") == pytest.approx(runs.mean(axis=2).T)
    assert found.spread == pytest.approx(np.sqrt(runs.var(axis=2, ddof=1).mean()))
    for setting, axis in (("rate", (1, 2)), ("units", (0, 2))):
        means = runs.mean(axis=axis) - runs.mean()
        assert [level.effect.value for level in found.levels[setting]] == pytest.approx(means)
    for level, truth in zip(found.levels["rate"], (-0.06, 0, 0.06), strict=True):
        low, high = level.effect.interval()
        assert low < truth < high < low + 0.04
    # A combination that is missing, or has one seed only, makes it none
    assert grid(cells[1:], pd.DataFrame(rows[5:])) is None
    assert grid(cells, pd.DataFrame(rows[4:])) is None


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 0.9123, 0.0])
def test_runs_that_are_all_equal_have_nothing_to_share(value: float):
    assert {one.share for one in effects.shares(np.full((3, 4, 5), value), NAMES)} == {0.0}


def test_equally_good_candidates_win_in_their_order():
    generator = np.random.default_rng(3)
    for _ in range(200):
        counts = generator.integers(560, 600, 6)
        # The same accuracies of the other seeds in another order
        accuracies = [counts / 700, np.append(counts[0], generator.permutation(counts[1:])) / 700]
        seen = [Seen("", pd.DataFrame({"low": one, "high": one + place}), None) for place, one in enumerate(accuracies)]
        assert (rotated(seen, seen, highest=True).bounds["high"].iloc[0]) == accuracies[0][0]


def test_a_cell_whose_runs_all_diverged_cannot_be_the_best():
    means = [0.9, 0.8, 0.7, None, 0.6, 0.1, 0.2]
    cells, rows, generator = [], [], np.random.default_rng(0)
    for place, mean in enumerate(means):
        status = "diverged" if mean is None else "done"
        cell = BundledCell(study="s", experiment="e", name=f"c{place}", status=status, varying={"place": place})
        losses = [math.nan] * 5 if mean is None else mean + 0.01 * generator.normal(size=5)
        about = {"experiment": "e", "cell": cell.name, "folder": cell.folder.as_posix(), "status": status}
        cells.append(cell)
        rows += [about | {"seed": seed, "epochs": 5, "test_loss_best": loss} for seed, loss in enumerate(losses)]
    test = {"kind": "best", "experiment": "e", "metric": "test_loss_best", "goal": "lowest", "cell": {"place": 0}}
    claim = Claim.model_validate({"id": "x", "claim": "c", "origin": "ours", "place": "p", "tests": [test]})
    curves = pd.DataFrame({"experiment": [], "cell": []})
    (found,) = could_be_best(Hypotheses("s", claim, Measurements(cells, pd.DataFrame(rows), curves), []))
    assert len(found) == 6
    assert [one["folder"] for one in found if one["possible"]] == [cells[5].folder.as_posix()]
