"""`snakemake settle`: train further seeds, grade, choose again, until the hours are over or no claim has a chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.cells.progress import configuration_of
from regrade.config.params import Params
from regrade.core.digits import significant
from regrade.core.errors import UserError
from regrade.core.files import write_json, write_text
from regrade.costs.model import Forecasts
from regrade.settle import ledger, overlay, reports
from regrade.settle.ledger import Ledger, Round
from regrade.settle.plan import HOUR, Plan, Planner
from regrade.settle.waiting import Trained, Waiting
from regrade.training.store import Store

# Trains cells with these `more_seeds` and reports. Given the seconds after which it stops, and what is to be told now
# and then how many have passed; whether it came to its end before
Train = Callable[[list[dict[str, Any]], float, Callable[[float], None]], bool]
# What further seeds take, as it is known by now
Forecasting = Callable[[Sequence[Cell]], Forecasts]


class Settling:
    """The rounds within the hours that `settle.hours` of params.yaml gives.

    `at_once`: how many jobs train side by side.
    """

    def __init__(self, params: Params, at_once: int, forecasting: Forecasting, train: Train):
        assert params.settle.hours, "the workflow asks for them"
        self.params, self.budget, self.at_once = params, params.settle.hours, at_once
        self.every = expansion.expand(params)
        self._forecasting, self._train = forecasting, train

    def run(self, output: Path) -> None:
        """Train and grade until there is no more to do, and write the summary. Hours of earlier calls count."""
        with ledger.opened(self.every) as spent:
            while True:
                trained, claims = self._graded(spent)
                planner = Planner(claims, trained, self._forecasting(self.every), self.at_once)
                try:
                    plan = planner.plan(self.budget - spent.hours) if spent.hours < self.budget else None
                except UserError as error:
                    return self._write(output, spent, claims, str(error))
                if plan is None:
                    return self._write(output, spent, claims, f"the {self.budget:g} h are over")
                self._round(spent, planner, plan)

    def _graded(self, spent: Ledger) -> tuple[Mapping[str, Trained], list[Waiting]]:
        """What is known by the present reports, noted in the ledger and in the overlay of all further seeds."""
        trained, claims = reports.claims(reports.bundles(self.params.studies), self.every, self.params)
        if spent.rounds and spent.rounds[-1].after is None:
            spent.rounds[-1].after = _with_verdict(claims)
            spent.write()
        further = overlay.entries({}, trained.values(), self.params)
        about = [
            f"Written by {overlay.SETTLE}: the further seeds that cells have. Nothing in this folder needs it;",
            "given to Snakemake as --configfile, it trains the same seeds elsewhere, or again after a change.",
        ]
        write_text(overlay.OF_SETTLE, overlay.text(further, about))
        return trained, claims

    def _round(self, spent: Ledger, planner: Planner, plan: Plan) -> None:
        to, left = planner.first_steps(plan), (self.budget - spent.hours) * HOUR
        lacking = {folder: self._lacks(planner, folder, seeds) for folder, seeds in to.items()}
        runs = sum(map(len, lacking.values()))
        spent.rounds.append(Round(0, plan.verdicts, len(to), runs, _with_verdict(planner.claims)))
        hours = significant(left / HOUR, 2)
        print(f"{hours} h left: {runs} runs of {len(to)} cells, towards {len(plan.lines)} claims", flush=True)

        def passed(seconds: float) -> None:
            spent.rounds[-1].hours = seconds / HOUR
            spent.write()

        if not self._train(self._more_seeds(planner, lacking), left, passed):
            print("The hours are over. Cells keep the looks for which all runs are done", flush=True)
            done = {folder: self._done(planner, folder, seeds) for folder, seeds in to.items()}
            self._train(self._more_seeds(planner, done), float("inf"), lambda seconds: None)

    def _more_seeds(self, planner: Planner, further: Mapping[Path, Sequence[int]]) -> list[dict[str, Any]]:
        return overlay.entries(further, planner.trained.values(), self.params)

    def _lacks(self, planner: Planner, folder: Path, seeds: int) -> list[int]:
        cell = planner.cells[folder]
        return planner.trained[cell.study].lacks(cell, seeds)

    def _done(self, planner: Planner, folder: Path, most: int) -> list[int]:
        """The further seeds of a cell up to the last look for which all are trained.

        Not the others: which runs are done first may depend on their results, as those that diverge end early.
        """
        configuration = configuration_of(planner.cells[folder])
        if configuration is None:
            return []
        store = Store(configuration.hash, configuration.code)
        done: list[int] = []
        for look in self.params.looks:
            lacking = self._lacks(planner, folder, look.seeds)
            if look.seeds > most or not all(map(store.is_done, lacking)):
                break
            done = lacking
        return done

    def _write(self, output: Path, spent: Ledger, claims: Sequence[Waiting], ended: str) -> None:
        print(f"Ended: {ended}", flush=True)
        summary = {"hours": spent.hours, "of": self.budget, "ended": ended}
        open_claims = [f"{one.study} {one.claim}" for one in claims if not one.settled]
        write_json(output, summary | {"rounds": [asdict(one) for one in spent.rounds], "open": open_claims})


def _with_verdict(claims: Sequence[Waiting]) -> list[str]:
    return [f"{one.study} {one.claim}" for one in claims if one.settled]
