"""What runs that diverged, gave no number or divide by zero leave to be known, and which runs share a variance."""

import math

import numpy as np
import pandas as pd
import pytest
from regrade.bundle.manifest import BundledCell
from regrade.config.claims import Claim
from regrade.config.looks import Look
from regrade.statistics import robustness, verdicts
from regrade.statistics.comparison import Comparison
from regrade.statistics.hypotheses import Hypotheses
from regrade.statistics.measurements import Measurements
from regrade.statistics.sample import Sample

LOSS = "test_loss_last_epoch"
Runs = dict[int, float]


def measured(losses: dict[str, dict[str, Runs]], curves: pd.DataFrame | None = None) -> Measurements:
    """Cells by experiment and name with their losses by seed; a run without a loss diverged."""
    cells, rows = [], []
    for experiment, named in losses.items():
        for name, by_seed in named.items():
            cell = BundledCell(
                study="s", experiment=experiment, name=name, status="done", varying={"x": name}, settings={"x": name}
            )
            cells.append(cell)
            rows += [
                {"folder": cell.folder.as_posix(), "seed": seed, LOSS: loss}
                | {"status": "diverged" if math.isnan(loss) else "done", "epochs": 10}
                for seed, loss in by_seed.items()
            ]
    none = pd.DataFrame({"experiment": [], "cell": [], "seed": [], "epoch": []})
    return Measurements(cells, pd.DataFrame(rows), none if curves is None else curves)


def ratio(ours: Runs, base: Runs) -> Sample:
    found = measured({"e": {"a": ours, "b": base}})
    return found.ratio(*found.cells, LOSS)


def test_a_ratio_to_what_may_be_zero_may_be_anything():
    found = ratio({0: 1.0, 1: 4.0, 2: -3.0, 3: math.nan, 4: 1.0}, {0: 0.0, 1: 2.0, 2: -2.0, 3: 1.0, 4: math.nan})
    assert found.seeds == (0, 1, 2, 3, 4)
    np.testing.assert_array_equal(found.low, [-math.inf, 2, 1.5, -math.inf, -math.inf])
    np.testing.assert_array_equal(found.high, [math.inf, 2, 1.5, math.inf, math.inf])
    # None of them is left out, so that ten infinite ratios do not make the others "most"
    half = ratio(dict.fromkeys(range(20), 1.0), {seed: float(seed % 2) for seed in range(20)})
    assert len(half) == 20 and half.share(-math.inf, 1.5, closed=True).doing == 10


def test_a_ratio_of_bounds_has_the_limits_of_all_its_ends():
    cells = {"a": {0: math.inf, 1: 5.0}, "b": {0: 4.0, 1: math.inf}}
    found = measured({"e": cells})
    # Not converged in 10 epochs: 10 or more
    runs = found.runs.rename(columns={LOSS: "epochs_to_converge"}).assign(status="done")
    found = Measurements(found.cells, runs, found.curves).ratio(*found.cells, "epochs_to_converge")
    np.testing.assert_array_equal(found.low, [2.5, 0])
    np.testing.assert_array_equal(found.high, [math.inf, 0.5])


@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_a_run_whose_curve_gives_no_value_counts_as_unknown():
    """A rank correlation with what never changes is not defined."""
    histories = [
        {"experiment": "e", "cell": "a", "seed": seed, "epoch": epoch, "test_loss": -epoch}
        | {"test_accuracy": 0.1 if seed % 2 else 0.1 * epoch}
        for seed in range(4)
        for epoch in range(1, 6)
    ]
    found = measured({"e": {"a": dict.fromkeys(range(4), 1.0)}}, pd.DataFrame(histories))
    metric = {"measure": "rank_correlation", "of": "test_accuracy", "against": "test_loss"}
    sample = found.sample([(found.cells[0], 1.0)], metric)
    assert (len(sample), sample.known, sample.unknown) == (4, 2, 2)
    np.testing.assert_allclose(sample.low[[0, 2]], -1)
    # If no run has one, there is no such number
    constant = found.curves.assign(test_accuracy=0.1)
    assert len(Measurements(found.cells, found.runs, constant).sample([(found.cells[0], 1.0)], metric)) == 0


def test_seeds_beyond_a_look_do_not_replace_one_that_diverged():
    generator = np.random.default_rng(0)
    cells = {name: dict(enumerate(generator.normal(1, 0.1, 5))) for name in "abcdef"}
    for name in "cdef":
        cells[name][2] = math.nan
    before = measured({"e": cells})
    later = measured({"e": {name: runs | ({5: 9.0} if name in "cdef" else {}) for name, runs in cells.items()}})
    pooled = [
        found.sample([(found.cells[0], 1.0), (found.cells[1], -1.0)], LOSS, 5).pooled for found in (before, later)
    ]
    assert pooled[0] is not None and pooled[0] == pooled[1]


def test_cells_of_two_experiments_have_no_variance_in_common():
    generator = np.random.default_rng(1)
    cells = {
        experiment: {name: dict(enumerate(generator.normal(1, 0.1, 5))) for name in "abcd"} for experiment in ("e", "f")
    }
    found = measured(cells)
    (one, same, *_), (other, *_) = found.find("e"), found.find("f")
    assert found.sample([(one, 1.0), (same, -1.0)], LOSS).pooled is not None
    for first, second in ((one, other), (other, one)):
        assert found.sample([(first, 1.0), (second, -1.0)], LOSS).pooled is None


@pytest.mark.parametrize("bound", [0.9, 0.8, 0.1])
def test_a_number_in_single_precision_is_the_number_that_was_stored(bound: float):
    stored = np.array([np.float32(bound)] * 3, dtype=float)
    assert (stored != bound).all()
    sample = Sample((0, 1, 2), stored, stored)
    for low, high in ((bound, math.inf), (-math.inf, bound)):
        assert sample.within(low, high, closed=True)[0].all()
        assert not sample.within(low, high, closed=False)[0].any()


def test_a_cell_of_no_weight_in_a_slope_has_no_part_in_it():
    """The middle one of three, whose weight rounding may leave a little off 0; its run that diverged does not count."""
    losses = {"e": {name: {seed: 1.0 + at + seed / 10 for seed in range(3)} for at, name in enumerate("123")}}
    losses["e"]["2"][1] = math.nan
    found = measured(losses)
    cells = [cell.model_copy(update={"varying": {"x": int(cell.name)}}) for cell in found.cells]
    found = Measurements(cells, found.runs, found.curves)
    test = {"kind": "trend", "experiment": "e", "metric": LOSS, "over": ["x"], "scale": "linear", "direction": "up"}
    claim = Claim.model_validate({"id": "c", "claim": "x", "origin": "ours", "place": "p", "tests": [test]})
    (part,) = Hypotheses("s", claim, found, []).all()
    assert part.sample.known == 3
    np.testing.assert_allclose(part.sample.low, 2)


def test_an_accuracy_that_only_few_runs_have_is_no_analysis():
    """A claim by the best epoch, of which one cell has no last-epoch accuracy but of the run that diverged."""
    found = measured({"e": {"a": dict.fromkeys(range(5), 0.2), "b": dict.fromkeys(range(4), 0.6) | {4: math.nan}}})
    folder = found.runs["folder"]
    is_b = folder == folder.iloc[-1]
    best = np.where(is_b, 0.5, 0.9) + 0.001 * found.runs["seed"]
    last = np.where(is_b, math.nan, 0.8)
    runs = found.runs.assign(test_accuracy_best_epoch=best, test_accuracy_last_epoch=last)
    found = Measurements(found.cells, runs, found.curves)
    test = {"kind": "greater", "experiment": "e", "cell": {"x": "a"}, "than": {"x": "b"}}
    claim = Claim.model_validate({"id": "c", "claim": "x", "origin": "ours", "place": "p", "tests": [test]})
    looks = [Look(seeds=5, error=0.05)]
    parts = Hypotheses("s", claim, found, []).all()
    (judged,) = verdicts.decide([verdicts.Judged(claim, parts, [])], looks)
    assert judged.verdict == "confirmed"
    assert "by the last-epoch accuracy" not in {one.name for one in robustness.analyses(judged, "s", found, [])}


@pytest.mark.parametrize(("at_least", "share"), [(True, 5), (False, 0)])
def test_a_number_that_is_stated_as_at_least_has_no_upper_end(at_least: bool, share: int):
    found = measured({"e": {"a": dict.fromkeys(range(5), 0.99)}})
    row = {"experiment": "e", "cell": {}, "metric": LOSS, "value": "0.95", "source": "table 1", "note": ""}
    sample = found.sample([(found.cells[0], 1.0)], LOSS)
    line = Comparison(row, found.cells[0], 0.95, at_least, metric=LOSS, sample=sample)
    test = {"kind": "stated", "experiment": "e", "metric": LOSS, "margin": 0.01}
    claim = Claim.model_validate({"id": "c", "claim": "x", "origin": "ours", "place": "p", "tests": [test]})
    (part,) = Hypotheses("s", claim, found, [line]).all()
    assert part.share.doing == share
