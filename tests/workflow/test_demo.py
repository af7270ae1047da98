"""What `make demo` left in this checkout, where it has run: real verdicts, networks that learn, little on the disk."""

import math
from collections import Counter
from itertools import groupby

import pandas as pd
import pytest
from regrade.bundle import bundle
from regrade.cells.cell import Cell
from regrade.core.files import read_json
from regrade.datasets import registry
from regrade.statistics import BUNDLE, CLAIMS
from support.expanded import CONFIG, expanded
from support.project import ROOT

EVERY = expanded(scale="demo")
pytestmark = pytest.mark.skipif(
    not all((ROOT / cell.folder / "run.json").exists() for cell in EVERY), reason="`make demo` has not run here"
)
JUDGED = {"confirmed", "contradicted", "inconclusive"}
# Standard deviations of a guess, over the rows that both seeds are evaluated on
CLEARLY = 4


def family(cell: Cell) -> tuple[str, ...]:
    """The kind of network, and what it learns."""
    kinds = [getattr(layer, "cell", layer.kind) for layer in cell.configuration().network]
    return cell.study, "+".join(kinds), cell.data.dataset


def margin(cell: Cell) -> float:
    """How far the mean accuracy at its best epoch is above a guess, in the standard deviations of a guess."""
    classes = registry.form(cell.configuration().data).classes
    history = pd.read_parquet(ROOT / cell.folder / "history.parquet")
    split = cell.configuration().settings.evaluated
    rows = read_json(ROOT / cell.folder / "run.json")[f"{split}_rows"] * len(cell.seeds)
    highest = history.groupby("epoch")[f"{split}_accuracy"].mean().max()
    return (highest - 1 / classes) / math.sqrt((1 - 1 / classes) / classes / rows)


def test_every_kind_of_network_learns_what_it_is_for():
    classifiers = [cell for cell in EVERY if registry.task(cell.data.dataset) != "language" and not cell.selection]
    best = {key: max(map(margin, cells)) for key, cells in groupby(sorted(classifiers, key=family), family)}
    assert len(best) >= 20
    assert not {key: value for key, value in best.items() if value < CLEARLY}


def test_language_models_lose_less_and_less():
    for cell in EVERY:
        if registry.task(cell.data.dataset) == "language":
            loss = pd.read_parquet(ROOT / cell.folder / "history.parquet").groupby("epoch")["test_loss"].mean()
            assert loss.iloc[-1] < 0.9 * loss.iloc[0], cell.name


def test_there_are_verdicts_of_each_kind_and_all_rest_on_cells_at_full_protocol():
    verdicts: Counter[str] = Counter()
    for study in CONFIG["studies"]:
        manifest = bundle.read_own(ROOT / "reports" / study / BUNDLE).manifest
        full = {(cell.experiment, cell.name) for cell in manifest.cells if cell.standing.name == "full"}
        assert full == {(cell.experiment, cell.name) for cell in EVERY if cell.study == study and cell.in_full}
        claims = read_json(ROOT / "reports" / study / CLAIMS)["claims"]
        verdicts.update(claim["verdict"] for claim in claims)
        assert {claim["seeds"] for claim in claims if claim["verdict"] in JUDGED} <= {5, 20}
    assert verdicts.keys() >= JUDGED


def test_it_takes_little_space():
    made = [path for name in ("data", "results", "models", "reports", "logs") for path in (ROOT / name).rglob("*")]
    assert sum(path.stat().st_size for path in made if path.is_file()) < 400e6
