"""python -m benchmarks.replay FOLDER --hours 2: equal seeds against `snakemake settle`, on runs that there are.

FOLDER has a bundle per study (as `reference/` and `reports/*/bundle` do) whose cells have many seeds. Each way begins
with the first look's seeds of every trained cell, and is then given those that it asks for. A run does not depend on who
asked for it, so both see what they would have trained; but nothing is trained here: hours are forecasts for this
machine, the same for both. Equal seeds take the hours of all trained cells, also of those that lack the runs; what
these would settle is not known. `settle` tops up cells as far as they have runs. Give what you gave Snakemake: --config
scale=paper. Prints a table of sums and one of all claims, in Markdown.
"""

import argparse
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from regrade.bundle import bundle
from regrade.bundle.bundle import Bundle
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.commands import parameters
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.costs import forecasting, schedule
from regrade.costs.model import Forecasts
from regrade.reporting.number_format import formatted
from regrade.settle import waiting
from regrade.settle.plan import HOUR, Planner
from regrade.settle.waiting import Trained, Waiting

# Seeds of cells, by their folders in the bundles
Seeds = Mapping[str, set[int]]


def only(whole: Bundle, seeds: Seeds) -> Bundle:
    """The bundle with these seeds of its cells alone; those of cells that are not named stay."""

    def stays(folder: str, seed: int) -> bool:
        return folder not in seeds or seed in seeds[folder]

    folders = {(cell.experiment, cell.name): cell.folder.as_posix() for cell in whole.manifest.cells}
    runs, curves = whole.runs, whole.curves
    of_run = [stays(*key) for key in zip(runs["folder"], runs["seed"], strict=True)]
    keys = zip(curves["experiment"], curves["cell"], curves["seed"], strict=True)
    of_curve = [stays(folders[experiment, cell], seed) for experiment, cell, seed in keys]
    correct = {
        (folder, rule): type(one)(
            one.sample, {seed: right for seed, right in one.by_seed.items() if stays(folder, seed)}
        )
        for (folder, rule), one in whole.correct.items()
    }
    cells = [
        cell.model_copy(update={"seeds": [seed for seed in cell.seeds if stays(cell.folder.as_posix(), seed)]})
        for cell in whole.manifest.cells
    ]
    manifest = whole.manifest.model_copy(update={"cells": cells})
    return Bundle(manifest, runs[of_run].reset_index(drop=True), curves[of_curve].reset_index(drop=True), correct)


def _of_experiments(whole: Bundle, names: Container[str]) -> Bundle:
    """The bundle without the runs of other experiments."""
    others = [cell for cell in whole.manifest.cells if cell.experiment not in names]
    return only(whole, {cell.folder.as_posix(): set() for cell in others})


@dataclass
class Replay:
    """What there is to replay: runs of studies, and what they take. `had`: by study, the seeds that cells have, in order."""

    params: Params
    every: list[Cell]
    whole: Mapping[str, Bundle]
    forecasts: Forecasts
    at_once: int

    def __post_init__(self) -> None:
        self.had: dict[str, dict[str, list[int]]] = {}
        for study, one in self.whole.items():
            by_folder = one.runs.groupby("folder")["seed"]
            self.had[study] = {str(folder): sorted(map(int, seeds)) for folder, seeds in by_folder}

    def first(self, seeds: int) -> dict[str, dict[str, set[int]]]:
        """The first ones of each cell, as many as it has at most."""
        return {
            study: {folder: set(of_cell[:seeds]) for folder, of_cell in cells.items()}
            for study, cells in self.had.items()
        }

    def graded(self, seeds: Mapping[str, Seeds]) -> tuple[dict[str, Trained], list[Waiting]]:
        """By study, the cells with these seeds; and their claims as grading judges them then."""
        present = {study: only(one, seeds[study]) for study, one in self.whole.items()}
        trained = {study: Trained(one, self.every) for study, one in present.items()}
        looks = self.params.settle_looks
        return trained, [one for study in present for one in waiting.of_study(present[study], trained[study], looks)]

    def wall(self, trained: Mapping[str, Trained], further: Mapping[Path, list[int]]) -> float:
        """Hours of jobs side by side that train these seeds. UserError where a cell's are not known."""
        cells = {cell.folder: cell for _, _, cell in _cells(trained)}
        jobs = []
        for folder, seeds in further.items():
            seconds = self.forecasts.further(cells[folder], seeds) if seeds else 0.0
            if seconds is None:
                raise UserError(f"how long {folder} trains is not known: calibrate by `regrade cost`")
            jobs.append(seconds / HOUR)
        return schedule.wall([schedule.Job(hours) for hours in sorted(jobs, reverse=True)], self.at_once)

    def equally(self, seeds: int) -> tuple[float, dict[str, dict[str, set[int]]]]:
        """As many seeds for all cells that were trained: hours, and those of the seeds that there are."""
        trained, _ = self.graded(self.first(self.params.looks[0].seeds))
        further = {
            cell.folder: trained[study].lacks(cell, seeds)
            for study, folder, cell in _cells(trained)
            if folder in self.had[study]
        }
        return self.wall(trained, further), self.first(seeds)

    def settle(self, hours: float) -> tuple[float, dict[str, dict[str, set[int]]]]:
        """What the rounds of `snakemake settle` train within the hours: hours spent, and the seeds."""
        spent, seeds = 0.0, self.first(self.params.looks[0].seeds)
        while spent < hours:
            trained, claims = self.graded(seeds)
            planner = _Available(claims, trained, self.forecasts, self.at_once, self.had)
            try:
                steps = planner.first_steps(planner.plan(hours - spent))
            except UserError:
                break
            further = {
                folder: trained[planner.cells[folder].study].lacks(planner.cells[folder], to)
                for folder, to in steps.items()
            }
            spent += self.wall(trained, further)
            for study, folder, cell in _cells(trained):
                seeds[study].setdefault(folder, set()).update(further.get(cell.folder, ()))
        return spent, seeds


class _Available(Planner):
    """A planner that can choose only seeds that were trained."""

    def __init__(self, claims, trained, forecasts, at_once, had):
        super().__init__(claims, trained, forecasts, at_once)
        there = {cell.folder: set(had[study].get(folder, ())) for study, folder, cell in _cells(trained)}
        self.costs = {
            folder: {
                seeds: cost
                for seeds, cost in of_cell.items()
                if there[folder].issuperset(trained[self.cells[folder].study].lacks(self.cells[folder], seeds))
            }
            for folder, of_cell in self.costs.items()
        }


def _cells(trained: Mapping[str, Trained]) -> list[tuple[str, str, Cell]]:
    """Each study's cells, with their folders in its bundle."""
    return [
        (study, folder.as_posix(), cell)
        for study, of_study in trained.items()
        for folder, cell in of_study.cells.items()
    ]


def _runs(seeds: Mapping[str, Seeds]) -> int:
    return sum(len(of_cell) for of_study in seeds.values() for of_cell in of_study.values())


def main() -> None:
    """Replay both, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--study", nargs="+", default=[])
    parser.add_argument("--experiment", nargs="+", help="the only ones that count as trained; all if absent")
    parameters.add_cores(parser)
    parameters.add(parser)
    options = parser.parse_args()
    params = parameters.read(options)
    every = expansion.expand(params)
    names = options.study or params.studies
    places = {study: options.folder / study for study in names}
    whole = {
        study: bundle.read(place / "bundle" if (place / "bundle").exists() else place)
        for study, place in places.items()
        if place.exists()
    }
    if options.experiment:
        whole = {study: _of_experiments(one, options.experiment) for study, one in whole.items()}
    _, forecasts = forecasting.forecasts(params, every)
    replay = Replay(params, every, whole, forecasts, forecasting.at_once(params, options.cores))
    begin = replay.first(params.looks[0].seeds)
    first, *later = params.looks
    ways = {
        f"{first.seeds} seeds": (0.0, begin),
        f"settle, {options.hours:g} h given": replay.settle(options.hours),
        **{f"{look.seeds} seeds for all": replay.equally(look.seeds) for look in later},
    }
    judged = {name: replay.graded(seeds)[1] for name, (_, seeds) in ways.items()}
    print(f"A replay: hours with {replay.at_once} jobs at once, as forecast for this machine\n")
    print("| | hours | further runs | claims with a verdict |\n|---|---:|---:|---:|")
    for name, (hours, seeds) in ways.items():
        settled = sum(one.settled for one in judged[name])
        print(f"| {name} | {formatted(hours, '.2f')} | {_runs(seeds) - _runs(begin)} | {settled} |")
    print(f"\n| study, claim | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
    for of_claim in zip(*judged.values(), strict=True):
        if not of_claim[-1].seeds:
            continue
        said = [f"{one.verdict} ({one.seeds})" if one.seeds else one.verdict for one in of_claim]
        print(f"| {of_claim[0].study} {of_claim[0].claim} | {' | '.join(said)} |")


if __name__ == "__main__":
    main()
