"""What a finished project's grades and verdicts say."""

import pandas as pd
from regrade.config import claims
from regrade.core.files import read_json
from support.project import Project


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
    assert all(claim["constant"] or not claim["known"] for claim in ran if claim["low"] is None)
    assert all(claim["low"] <= claim["effect"] <= claim["high"] for claim in varied)
    numbers = pd.read_parquet(finished.folder / "reports/ce4042/data/grades.parquet")
    assert len(numbers) == 66
    assert set(numbers["grade"]) == {"not at full protocol", "not run"}
    assert numbers.loc[numbers["grade"] == "not at full protocol", "mean"].notna().all()
