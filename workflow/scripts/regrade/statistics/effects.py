"""What mattered in a grid: the main effect of each setting, and the share of the variance that each explains."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy
from numpy.typing import NDArray

from regrade.bundle.manifest import BundledCell
from regrade.config.types import Value
from regrade.statistics.estimate import LEVEL, NOISE, Estimate
from regrade.statistics.measurements import Measurements

INTERACTIONS = "interactions"
SEEDS = "seeds"


@dataclass(frozen=True)
class Explained:
    """Of all variance between single runs of a grid, what a source explains.

    `share`: an estimate without bias, so that it may be below 0. `chance`: what a source without any effect stays
    below in 95 % of experiments; NaN for the seeds, which are the noise that the others are compared with.
    """

    source: str
    share: float
    chance: float

    @property
    def beyond_chance(self) -> bool:
        """Whether more is explained than chance alone would."""
        return self.share > self.chance


@dataclass(frozen=True)
class Level:
    """A value of a setting, and how far the mean of its cells is from the mean of the grid."""

    value: Value
    effect: Estimate


@dataclass(frozen=True)
class Grid:
    """An experiment that tried every combination of some settings.

    `levels`: by setting, in the order of the experiment. `shares`: of each setting, of their interactions if there are
    several settings, and of the seeds. `values`: of the metric, an axis per setting, the seeds last. `spread`: the
    standard deviation of single runs of a cell.
    """

    experiment: str
    metric: str
    levels: dict[str, list[Level]]
    shares: list[Explained]
    values: NDArray[np.float64]
    spread: float

    @property
    def parts(self) -> dict[str, float]:
        """The shares as parts of a whole, by source: none is below 0, and the seeds' is what the others leave."""
        parts = {one.source: max(one.share, 0.0) for one in self.shares[:-1]}
        return parts | {SEEDS: max(1 - sum(parts.values()), 0.0)}

    @property
    def ranked(self) -> list[str]:
        """The settings, those that explain most first."""
        shares = {one.source: one.share for one in self.shares}
        return sorted(self.levels, key=lambda setting: -shares[setting])

    def map(self, first: str, second: str) -> NDArray[np.float64]:
        """Means by the values of two settings, over all other settings and the seeds: (first, second)."""
        names = list(self.levels)
        others = tuple(axis for axis, name in enumerate([*names, SEEDS]) if name not in (first, second))
        means: NDArray[np.float64] = self.values.mean(axis=others)
        return means if names.index(first) < names.index(second) else means.T


def grid(measurements: Measurements, experiment: str, metric: str) -> Grid | None:
    """The grid of an experiment; None where it is none, or two seeds or more are not known of every cell.

    A grid is every combination of the values of its settings. Only the seeds that are known of every cell count.
    """
    cells = measurements.find(experiment)
    levels = _levels(cells)
    if not levels or math.prod(map(len, levels.values())) != len(cells):
        return None
    by_settings = {tuple(cell.varying[name] for name in levels): cell for cell in cells}
    ordered = [by_settings.get(combination) for combination in product(*levels.values())]
    known = [measurements.values(cell, metric) for cell in ordered if cell]
    seeds = sorted(set.intersection(*(set(of_cell.index) for of_cell in known)))
    if len(known) < len(cells) or len(seeds) < 2:
        return None
    table = np.array([of_cell.loc[seeds].to_numpy() for of_cell in known])
    values = table.reshape(*map(len, levels.values()), len(seeds))
    effects = {
        name: [Level(value, _main_effect(measurements, cells, name, value, metric)) for value in of_setting]
        for name, of_setting in levels.items()
    }
    spread = math.sqrt(float(table.var(axis=1, ddof=1).mean()))
    return Grid(experiment, metric, effects, shares(values, list(levels)), values, spread)


def shares(values: NDArray[np.float64], names: Sequence[str]) -> list[Explained]:
    """The shares of the variance of `values` (an axis per setting of these names, the seeds last).

    Analysis of variance of a balanced design, with the seeds as blocks, as all cells have the same seeds. A share is ω²
    (Hays 1963): the sum of squares less what chance contributes to it, (SS − df · MS) / (SS of all + MS), where MS is
    the mean square of the residuals. What no setting explains is the seeds'.
    """
    seeds, cells = values.shape[-1], math.prod(values.shape[:-1])
    mean = values.mean()
    of_cells = seeds * float(np.square(values.mean(axis=-1) - mean).sum())
    of_seeds = cells * float(np.square(values.reshape(cells, seeds).mean(axis=0) - mean).sum())
    total = float(np.square(values - mean).sum())
    left = (cells - 1) * (seeds - 1)
    residual = max(total - of_cells - of_seeds, 0.0) / left
    sources = {name: (_main_sum(values, axis), values.shape[axis] - 1) for axis, name in enumerate(names)}
    if len(names) > 1:
        squares, degrees = (sum(part) for part in zip(*sources.values(), strict=True))
        sources[INTERACTIONS] = (of_cells - squares, cells - 1 - int(degrees))
    scale = total + residual
    if np.ptp(values) <= NOISE * np.abs(values).max():  # all runs are equal
        return [Explained(name, 0.0, 0.0) for name in sources] + [Explained(SEEDS, 0.0, math.nan)]
    found = [
        Explained(
            name, (squares - df * residual) / scale, df * (scipy.special.fdtri(df, left, LEVEL) - 1) * residual / scale
        )
        for name, (squares, df) in sources.items()
        if df
    ]
    return [*found, Explained(SEEDS, 1 - sum(one.share for one in found), math.nan)]


def _main_sum(values: NDArray[np.float64], axis: int) -> float:
    """The sum of squares of a setting's main effect."""
    others = tuple(one for one in range(values.ndim) if one != axis)
    means = values.mean(axis=others)
    return values.size / len(means) * float(np.square(means - values.mean()).sum())


def _levels(cells: Sequence[BundledCell]) -> dict[str, list[Value]]:
    """The values of each setting that has several, as they first appear; none where cells differ in what varies."""
    names = list(cells[0].varying) if cells else []
    if any(set(cell.varying) != set(names) for cell in cells):
        return {}
    levels = {name: list(dict.fromkeys(cell.varying[name] for cell in cells)) for name in names}
    return {name: values for name, values in levels.items() if len(values) > 1}


def _main_effect(
    measurements: Measurements, cells: Sequence[BundledCell], name: str, value: Value, metric: str
) -> Estimate:
    """The mean of the cells with this value minus that of all, paired by seed and by test row."""
    chosen = sum(cell.varying[name] == value for cell in cells)
    weights = [(cell, (cell.varying[name] == value) / chosen - 1 / len(cells)) for cell in cells]
    return measurements.contrast(weights, metric)
