"""What a finished project's grades and verdicts say."""

import pandas as pd
from regrade.config import claims
from regrade.core.files import read_json
from regrade.datasets import registry
from regrade.datasets.sources import dbpedia
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
