"""The grader audits itself: rarely wrong about a study's claims, and it would notice if it were."""

import json
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from regrade.cells import expansion
from regrade.commands import main
from regrade.config import overlays, params
from regrade.config.params import Params
from regrade.statistics import audit
from regrade.statistics.estimate import Estimate
from support.project import ROOT

WORLDS = 30


def most(worlds: int) -> float:
    """5 %, and three standard errors of chance."""
    return 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(ROOT)
    cells()  # read while params.yaml is at hand, whatever a test changes to
    yield


@cache
def parameters() -> Params:
    return params.parse(overlays.merged([], ["scale=demo"]))


@cache
def cells() -> list:
    return expansion.expand(parameters())


def audited(study: str, worlds: int = WORLDS) -> dict:
    return audit.audit(study, parameters(), cells(), worlds)


# A claim of each study about the means of accuracies, which ten seeds should find, and one about most runs
@pytest.mark.parametrize(("study", "of_means"), [("comp576", "cnn-adagrad-lr"), ("vudl", "q1-order-ours")])
def test_false_claims_are_rarely_confirmed_and_true_ones_found(study: str, of_means: str):
    found = audited(study)
    assert found["any_false"]["share"] <= most(WORLDS)
    assert found["alone"]["share"] <= most(found["alone"]["worlds"])
    assert {claim["id"]: claim for claim in found["claims"]}[of_means]["power"]["10"]["share"] >= 0.9
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("study", ["ce4042", "cs324", "csci5622"])
def test_every_claim_can_be_false_and_true_unless_it_depends_on_no_chance(study: str):
    generator = np.random.default_rng(0)
    for one in audit._claims(study, parameters(), cells()):
        if one.truths.by_chance:
            assert one.truths.true() is not None and one.truths.false(generator) is not None, one.claim.id
        else:
            assert (study, one.claim.id) == ("csci5622", "q2-parameters")


@pytest.mark.parametrize(("too_small_by", "of_claims", "of_studies"), [(20, 0.3, 0), (1000, 0.3, 0.5)])
def test_it_notices_p_values_that_are_too_small(
    too_small_by: float, of_claims: float, of_studies: float, monkeypatch: pytest.MonkeyPatch
):
    for name in ("p_above", "p_below"):
        right = getattr(Estimate, name)
        monkeypatch.setattr(Estimate, name, lambda self, bound, right=right: right(self, bound) / too_small_by)
    found = audited("vudl")
    assert found["alone"]["share"] > of_claims
    assert found["any_false"]["share"] >= of_studies


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]):
    assert main.main(["audit", "vudl", "--worlds", "2", "--config", "scale=demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("vudl: any claim falsely confirmed in ") and "found with 10 seeds" in lines[1]
    assert any(line.startswith("q2-gradnorm ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "complaint"), [(["nothing"], "no study"), (["vudl", "--worlds", "0"], "at least")]
)
def test_mistakes_are_one_sentence(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]):
    assert main.main(["audit", *arguments]) == 1
    assert complaint in capsys.readouterr().err


def test_it_is_made_again_only_for_another_design(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert not audit.is_current("vudl", parameters(), cells())
    audit.write("vudl", parameters(), cells())
    assert audit.is_current("vudl", parameters(), cells())
    assert not audit.is_current("vudl", parameters().model_copy(update={"seeds": [0, 1]}), cells())


@pytest.mark.parametrize(("setting", "values"), [("epochs", (15, 30)), ("test_rows", (1000, 2000))])
def test_what_the_scale_caps_belongs_to_the_design(setting: str, values: tuple[int, int]):
    """At the scale demo both are trained alike and have one name, but their made-up runs differ."""
    designs, folders = set(), []
    for value in values:
        config = overlays.merged([], ["scale=demo"])
        config["studies"]["csci5622"]["experiments"]["q3_gru"]["settings"][setting] = value
        changed = params.parse(config)
        every = expansion.expand(changed)
        folders.append([cell.folder for cell in every])
        designs.add(audit.design("csci5622", changed, every, 10))
    assert folders[0] == folders[1] and len(designs) == 2
