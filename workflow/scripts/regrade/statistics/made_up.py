"""Made-up runs of a study's cells, with true values that are given: the worlds in which the grader audits itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from regrade.bundle.answers import Correct
from regrade.bundle.manifest import BundledCell
from regrade.bundle.units import COUNTED
from regrade.config.claims import Estimand
from regrade.statistics.measurements import Measurements, Metric
from regrade.statistics.units import possible, unit

# What the audit assumes, which the page names; nobody has measured it when a study is designed. Runs of one cell differ
# as those of small networks on a few thousand rows do: an accuracy of 80 % by 1.5 percentage points
SKILL = 0.1
# Rows differ much in how hard they are, so that two cells mostly fail on the same ones
HARDNESS = 1.5
# Losses, times and sizes differ between seeds by a tenth of their value, numbers of epochs by a quarter
RELATIVE = 0.1
RELATIVE_COUNT = 0.25
# Numbers that may be negative, such as a gain or a gap: by unit, about as much as the curve that they are measured of
ABSOLUTE = {"share": 0.015, "nats": 0.05}
ABSOLUTE_OTHER = 0.1
# Most test rows that are simulated. Fewer than there are make tests weaker, never wrong more often
ROWS = 1000
# True values where the source reports none: an accuracy, how far a curve fluctuates, what has no natural size, a count
ACCURACY, FLUCTUATION, SIZE, COUNT = 0.8, 0.02, 1.0, 100.0

# A cell's folder, and a metric
Key = tuple[str, str]
# In place of tables of runs and curves
NOTHING = pd.DataFrame({"folder": [], "status": [], "experiment": [], "cell": []})
_COLUMNS = pd.Index(["low", "high"])


def key(cell: BundledCell, metric: Metric) -> Key:
    """What a true value is kept under."""
    return cell.folder.as_posix(), str(metric)


def is_share(metric: Metric) -> bool:
    """Whether runs differ in this number as accuracies do."""
    return unit(metric) == "share" and possible(metric)[0] >= 0


def is_count(metric: Metric) -> bool:
    """Whether it is a whole number."""
    return unit(metric) in COUNTED


def split_of_answers(cell: BundledCell, metric: Metric) -> str:
    """The split whose rows the metric is an accuracy over, row by row; empty where single answers are not kept."""
    split, _, which = metric.partition("_accuracy_") if isinstance(metric, str) else ("", "", "")
    kept = split in ("test", "validation") and which in ("best_epoch", "cross_fitted", "last_epoch")
    return split if kept and not cell.language else ""


def grain(cell: BundledCell, metric: Metric) -> float:
    """What the metric is rounded to: a whole number, or a share of `ROWS` rows; 0 where it is not rounded."""
    if is_count(metric):
        return 1.0
    rounded = unit(metric) == "share" and possible(metric) == (0, 1) and not split_of_answers(cell, metric)
    return 1 / ROWS if rounded else 0.0


def usual(cell: BundledCell, metric: Metric) -> float:
    """A value that a cell may have where nothing is known."""
    if is_share(metric):
        spread = isinstance(metric, dict) and str(metric["measure"]).startswith(("fluctuation", "deviation"))
        return FLUCTUATION if spread else ACCURACY
    if possible(metric)[0] < 0:
        return 0.0
    if unit(metric) == "epochs":
        return epochs(cell) / 2
    return COUNT if is_count(metric) else SIZE


def spread(metric: Metric, value: float) -> float:
    """The standard deviation between seeds of a metric that has about this value."""
    if is_share(metric):
        at = scipy.special.ndtri(min(max(value, 1e-3), 1 - 1e-3))
        return float(SKILL / math.hypot(1, HARDNESS) * math.exp(-(at**2) / 2) / math.sqrt(2 * math.pi))
    if is_count(metric):
        return RELATIVE_COUNT * (abs(value) or SIZE)
    return RELATIVE * (abs(value) or SIZE) if possible(metric)[0] >= 0 else ABSOLUTE.get(unit(metric), ABSOLUTE_OTHER)


def epochs(cell: BundledCell) -> float:
    """How many epochs the experiment asks for at full protocol."""
    return cell.asked_epochs or COUNT


@dataclass(frozen=True)
class World(Measurements):
    """Runs that are drawn: `seeds` of each cell, with the true values `truth` where these say something.

    `about`: by metric, whether a true value is the mean of all runs or their median. `calm`: a factor of how far runs
    differ, for each metric.
    """

    seeds: int
    truth: Mapping[Key, float]
    about: Mapping[str, Estimand]
    calm: float
    generator: np.random.Generator = field(compare=False)

    def of(self, cell: BundledCell) -> pd.DataFrame:
        """Its seeds; there is nothing else to be known of made-up runs."""
        return self._all_seeds

    @cached_property
    def _all_seeds(self) -> pd.DataFrame:
        return pd.DataFrame({"seed": range(self.seeds)})

    def correct(self, cell: BundledCell, metric: Metric) -> Correct | None:
        """As of real runs, drawn when it is first asked for."""
        if not (split := split_of_answers(cell, metric)):
            return None
        return self.once(("correct", *key(cell, metric)), lambda: self._answers(cell, metric, split))

    def _value(self, cell: BundledCell, metric: Metric) -> float:
        return self.truth.get(key(cell, metric), usual(cell, metric))

    def _of_runs(self, metric: Metric) -> bool:
        return self.about.get(str(metric)) == "runs"

    def _bounds(self, cell: BundledCell, metric: Metric) -> pd.DataFrame:
        answers = self.correct(cell, metric)
        if answers is not None:
            low = answers.matrix(list(range(self.seeds))).mean(axis=1)
        elif is_share(metric):
            low = scipy.special.ndtr(self._skills(cell, metric) / math.hypot(1, HARDNESS))
            if step := grain(cell, metric):
                low = np.round(low / step) * step
        elif is_count(metric):
            return self._counts(cell, metric)
        elif possible(metric)[0] >= 0:
            low = self._lognormal(cell, metric, RELATIVE)
        else:
            deviation = self.calm * spread(metric, 0.0)
            low = np.clip(self.generator.normal(self._value(cell, metric), deviation, self.seeds), *possible(metric))
        return _table(low, low)

    def _skills(self, cell: BundledCell, metric: Metric) -> NDArray[np.float64]:
        """Of each run: it answers a row correctly where its skill exceeds the row's hardness by chance."""
        of_seeds = self.calm * SKILL
        # Over all rows, a run is right with the probability Φ(skill / √(1 + HARDNESS²))
        scale = math.hypot(1, HARDNESS) if self._of_runs(metric) else math.hypot(1, HARDNESS, of_seeds)
        skill = scipy.special.ndtri(self._value(cell, metric)) * scale
        return self.generator.normal(skill, of_seeds, self.seeds)

    def _answers(self, cell: BundledCell, metric: Metric, split: str) -> Correct:
        rows = min(cell.rows.get(split, ROWS), ROWS)
        shape = (cell.dataset, str(rows))
        hardness = self.once(("hardness", *shape), lambda: self.generator.normal(0, HARDNESS, rows))
        chance = self.generator.standard_normal((self.seeds, rows), dtype=np.float32)
        correct = chance < self._skills(cell, metric)[:, None] - hardness
        return Correct("-".join(shape), dict(enumerate(correct)))

    def _lognormal(self, cell: BundledCell, metric: Metric, relative: float) -> NDArray[np.float64]:
        variance = math.log1p((self.calm * relative) ** 2)
        median = self._value(cell, metric) * (1 if self._of_runs(metric) else math.exp(-variance / 2))
        return median * np.exp(self.generator.normal(0, math.sqrt(variance), self.seeds))

    def _counts(self, cell: BundledCell, metric: Metric) -> pd.DataFrame:
        count = np.round(self._lognormal(cell, metric, RELATIVE_COUNT))
        if unit(metric) != "epochs":
            return _table(count, count)
        last = epochs(cell)
        low = np.clip(count, 0, last)
        # A run that was not there after its last epoch may need any number of them
        return _table(low, np.where((count > last) & (metric == "epochs_to_converge"), math.inf, low))


def _table(low: NDArray[np.float64], high: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame(np.stack([low, high], axis=1), columns=_COLUMNS)
