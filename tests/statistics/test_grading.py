"""What a finished project's grades and verdicts say."""

import math

import numpy as np
import pandas as pd
import pytest
from regrade.config import claims
from regrade.core.files import read_json
from regrade.datasets import registry
from regrade.datasets.sources import dbpedia
from regrade.statistics import grading
from regrade.statistics.hypotheses import Hypothesis
from regrade.statistics.sample import Sample
from support.expanded import expanded
from support.project import Project


def test_the_rows_of_the_source_are_ours_only_where_they_were_published():
    every = expanded()
    rows = {
        (cell.experiment, cell.data.dataset): registry.own_rows(cell.data, bool(cell.settings.get("validation_rows")))
        for cell in every
    }
    own = {dataset for (_, dataset), others in rows.items() if others}
    assert own == {
        "moons",
        "circles",
        "classification",
        "palindromes",
        "ndfa",
        "brackets",
        "tiny_toy",
        "dbpedia",
        "imdb",
    }
    # Of film reviews, those that are held out; of MNIST these are the source's
    of_reviews = {experiment for (experiment, dataset), others in rows.items() if dataset == "imdb" and others}
    assert of_reviews == {"q3_candidates", "q1_tuning"}

    def coursework(config: dict) -> None:
        files = {name: {"urls": ["file:///own"], "sha256": "1" * 64} for name in (dbpedia.TRAIN, dbpedia.TEST)}
        config["datasets"]["dbpedia"]["files"].update(files)

    assert not any(
        registry.own_rows(cell.data, held_out=False) for cell in expanded(coursework) if cell.data.dataset == "dbpedia"
    )
    files = {file for name in registry.NAMES for one in registry.module(name).ALTERNATIVES for file in one}
    assert files >= registry.DRAWN_FROM and set(registry.NAMES) >= registry.SHUFFLED


def test_a_reduced_run_is_graded_as_reduced(finished: Project):
    found = read_json(finished.folder / "reports/ce4042/claims.json")
    assert len(found["claims"]) == len(claims.read("ce4042").claims)
    assert {claim["verdict"] for claim in found["claims"]} == {"not at full protocol", "not run"}
    ran = [claim for claim in found["claims"] if claim["verdict"] == "not at full protocol"]
    assert ran
    assert all(claim["seeds"] <= 2 and claim["look"] is None for claim in ran)
    # Two runs of one value say nothing of their spread
    varied = [claim for claim in ran if claim["low"] is not None]
    assert len(varied) > 5
    assert all(claim["constant"] or claim["seeds"] == 1 for claim in ran if claim["low"] is None)
    assert all(claim["low"] <= claim["effect"] <= claim["high"] for claim in varied)
    for claim in ran:
        decisive = [part for part in claim["parts"] if part["text"] == claim["decisive"]]
        about = ("unit", "quantity", "claimed", "effect")
        assert [claim[key] for key in about] in [[part[key] for key in about] for part in decisive]
    assert {claim["quantity"] for claim in ran} == {"difference", "value"}
    numbers = pd.read_parquet(finished.folder / "reports/ce4042/data/grades.parquet")
    assert len(numbers) == 66
    assert set(numbers["grade"]) == {"not at full protocol", "not run"}
    assert numbers.loc[numbers["grade"] == "not at full protocol", "mean"].notna().all()


# Of some runs, only bounds are known: from the epochs that one needs, those of a run that never got there are subtracted
BOUNDS = {
    # Both never got there; one did, after 100, and the other needs 1,000 or more
    "nothing is known of the mean": ([(-math.inf, math.inf), (900, math.inf)], (None, None, 1, 1, 0)),
    "it is at least": ([(900, math.inf), (50, 50)], (475, "least", 2, 0, 1)),
    "it is of those that are known": ([(-math.inf, math.inf), (900, math.inf), (50, 50)], (50, None, 2, 1, 1)),
    "it is known": ([(900, 900), (-50, -50)], (425, None, 1, 0, 2)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_mean_that_may_lie_anywhere_is_that_of_the_runs_that_are_known(name: str):
    bounds, expected = BOUNDS[name]
    low, high = np.array(bounds, dtype=float).T
    part = Hypothesis("slower", "epochs", [], Sample(tuple(range(len(low))), low, high), low=0.0, about="runs")
    found = grading._numbers(part)
    assert tuple(found[key] for key in ("effect", "at", "doing", "undecided", "known")) == expected
    assert found["about"] == "runs" and not found["timed"]
