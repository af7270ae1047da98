"""The rounds of `settle` with made-up runs: hours, ends, and what is kept."""

from pathlib import Path

import pytest
import yaml
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.config import overlays, params, studies
from regrade.core.errors import UserError
from regrade.core.files import read_json
from regrade.costs import forecasting
from regrade.settle import ledger
from regrade.settle.plan import HOUR
from regrade.settle.rounds import Settling
from regrade.settle.summary import told
from regrade.training.state import RunState
from regrade.training.store import Store
from support import undecided
from support.tiny import STUDY

SUMMARY = Path("reports/settle.json")


class Rounds:
    """Settles in the working directory; `asked`: of each round, how many seeds cells have then, and its seconds."""

    def __init__(self, hours: float):
        self.params = params.parse(overlays.merged([], [f"settle={{hours: {hours}}}"]))
        self.every = expansion.expand(self.params)
        self.asked: list[tuple[dict[int, int], float]] = []
        # How many seconds a round takes, and whether it comes to its end
        self.takes, self.ends = 600.0, True

    def cell(self, width: int) -> Cell:
        return next(cell for cell in self.every if cell.varying["width"] == width)

    def train(self, more_seeds: list[dict], seconds: float, tell) -> bool:
        seeds = {entry["cells"]["width"]: 6 + len(entry["seeds"]) for entry in more_seeds}
        self.asked.append((seeds, seconds))
        tell(self.takes)
        # A round without a limit only reports what there is
        if self.ends or seconds == float("inf"):
            undecided.report(self.params, self.every, seeds)
            return True
        return False

    def run(self) -> dict:
        Settling(self.params, 2, lambda every: forecasting.forecasts(self.params, every)[1], self.train).run(SUMMARY)
        return read_json(SUMMARY)


@pytest.fixture(autouse=True)
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is a project whose last report was of six runs of three cells."""
    undecided.project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path / "workflow/studies")
    rounds = Rounds(1)
    undecided.report(rounds.params, rounds.every, {})


def test_rounds_go_on_until_nothing_is_left_and_are_not_repeated():
    rounds = Rounds(3)
    summary = rounds.run()
    # A cell stops where its claim is likely settled; as runs are stacked, others go all the way in one job
    assert rounds.asked == [({2: 12, 3: 24, 4: 24}, 3 * HOUR)]
    (only,) = summary["rounds"]
    assert (only["cells"], only["runs"], only["before"], only["after"]) == (3, 42, [], ["tiny near"])
    assert summary["open"] == ["tiny like-it", "tiny hopeless", "tiny untrained"]
    assert summary["ended"].startswith("No open claim has a chance of 0.1 of a verdict at a planned look: ")
    assert told(summary).splitlines()[2].split()[:4] == ["1", "0.17", "42", "3"]
    assert told(summary).splitlines()[2].endswith("0 → 1")
    overlay = yaml.safe_load(Path("settle.yaml").read_text())["more_seeds"]
    assert {entry["cells"]["width"]: entry["seeds"][-1] for entry in overlay} == {2: 11, 3: 23, 4: 23}
    for hours in (3, 5):
        again = Rounds(hours)
        assert again.run()["rounds"] == summary["rounds"] and not again.asked


def test_when_the_hours_are_over_cells_keep_the_looks_for_which_all_runs_are_done():
    rounds = Rounds(2)
    rounds.takes, rounds.ends = 2 * HOUR, False
    done = {2: range(6, 12), 3: [seed for seed in range(6, 24) if seed != 15], 4: [7]}
    for width, seeds in done.items():
        configuration = rounds.cell(width).configuration()
        store = Store(configuration.hash, configuration.code)
        for seed in seeds:
            store.write(RunState(seed, finished=True))
    summary = rounds.run()
    assert rounds.asked == [({2: 12, 3: 24, 4: 24}, 2 * HOUR), ({2: 12, 3: 12}, float("inf"))]
    assert summary["ended"] == "the 2 h are over" and summary["hours"] == 2
    assert summary["rounds"][0]["after"] == ["tiny near"]
    again = Rounds(2)
    assert again.run() == summary and not again.asked
    # With more of them it goes on from there
    more = Rounds(3)
    more.run()
    assert more.asked[0][1] == pytest.approx(HOUR)


def test_hours_of_an_interrupted_round_count_for_the_same_cells(monkeypatch: pytest.MonkeyPatch):
    rounds = Rounds(3)

    def interrupted(more_seeds: list[dict], seconds: float, tell) -> bool:
        tell(HOUR)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rounds, "train", interrupted)
        rounds.run()
    assert rounds.run()["hours"] == pytest.approx(1 + 600 / HOUR)
    assert rounds.asked == [({2: 12, 3: 24, 4: 24}, pytest.approx(2 * HOUR))]
    with ledger.opened(rounds.every[1:]) as of_others:
        assert of_others.hours == 0


def test_without_reports_it_is_one_sentence():
    (Path("reports") / STUDY / "bundle/manifest.json").unlink()
    with pytest.raises(UserError, match="No study has a bundle with runs"):
        Rounds(1).run()
