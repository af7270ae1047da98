"""What mattered in a study's grids: computed, drawn, and written as tables."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from regrade.bundle.manifest import BundledCell
from regrade.core.files import write_text
from regrade.reporting.evidence import Evidence, accuracy_metrics
from regrade.reporting.figures import effects as figures
from regrade.reporting.figures import files
from regrade.statistics import effects
from regrade.statistics.effects import Grid


@dataclass(frozen=True)
class Mattered:
    """The grid of an experiment; `stems`: the names of its figures, by what they show; `table`: that of its table."""

    grid: Grid
    cells: list[BundledCell]
    title: str
    stems: dict[str, str]
    table: str


def write(evidence: Evidence, pictures: Path, tables: Path) -> list[Mattered]:
    """Draw what mattered in each grid into `pictures`, and write the effects into `tables`."""
    return [_write(grid, evidence, pictures, tables) for grid in grids(evidence)]


def grids(evidence: Evidence) -> list[Grid]:
    """The grids among the experiments, by the accuracy that sources report."""
    metrics = {name: accuracy_metrics(cells[0])[0] for name in evidence.experiments if (cells := evidence.find(name))}
    every = [effects.grid(evidence, name, metric) for name, metric in metrics.items()]
    return [grid for grid in every if grid]


def _write(grid: Grid, evidence: Evidence, pictures: Path, tables: Path) -> Mattered:
    drawn = {"effects": figures.main_effects(grid), "shares": figures.shares(grid), "map": figures.heat_map(grid)}
    stems = {}
    for kind, figure in drawn.items():
        if figure:
            stems[kind] = f"figure-{kind}-{grid.experiment}"
            files.write(figure, pictures, stems[kind])
    table = f"table-effects-{grid.experiment}"
    write_text(tables / f"{table}.csv", _table(grid).to_csv(index=False))
    return Mattered(grid, evidence.find(grid.experiment), evidence.experiments[grid.experiment].title, stems, table)


def _table(grid: Grid) -> pd.DataFrame:
    """A row per value of each setting: its effect with the 95 % interval, and the share of its setting."""
    shares = {one.source: one.share for one in grid.shares}
    rows = []
    for setting, levels in grid.levels.items():
        for level in levels:
            low, high = level.effect.interval()
            numbers = {"effect": level.effect.value, "low": low, "high": high, "share": shares[setting]}
            rows.append({"setting": setting, "value": level.value, **numbers})
    return pd.DataFrame(rows)
