"""What is graded against a bundle names only what a bundle of the study can have, and says so if not."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from regrade.bundle.bundle import Bundle
from regrade.cells import expansion
from regrade.checking import references
from regrade.config import params, studies
from regrade.core.errors import UserError
from regrade.reporting import grade
from regrade.statistics import comparison, repeatability
from regrade.statistics.grading import measured
from support.bundles import made_up
from support.expanded import CONFIG
from support.paper import HEADER

PARAMETERS = params.parse(CONFIG | {"scale": "paper"})
TOY = {"dataset": "moons", "backend": "numpy", "initial": "course"}


@pytest.fixture(scope="module")
def whole() -> dict[str, Bundle]:
    """Made-up runs of all five studies."""
    every = expansion.expand(PARAMETERS)
    return {study: made_up(study, PARAMETERS, every) for study in PARAMETERS.studies}


@pytest.fixture
def bundle(whole: dict[str, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle of a study without claims and numbers."""
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    (tmp_path / "cs324").mkdir()
    return whole["cs324"]


def test_what_is_trained_alike_counts_as_repeated_whatever_it_records(whole: dict[str, Bundle]):
    """Another experiment may give the network another name, and record gradients or activations beside."""
    measurements = measured(whole["ce4042"])
    found = repeatability.repeated(comparison.comparisons("ce4042", measurements), measurements)
    assert {one.where: sorted(one.stated) for one in found} == {
        "a1_baseline (filters1=50, filters2=60); a2_filters (filters1=50, filters2=60)": [0.583, 0.589],
        "b1_b5_models (level=char, network=gru, dropout=0); "
        "b6_recurrent (level=char, rnn_cell=gru, layers=1, clip_value=0)": [0.71857, 0.72143],
        "b1_b5_models (level=word, network=gru, dropout=0); "
        "b6_recurrent (level=word, rnn_cell=gru, layers=1, clip_value=0)": [0.87714, 0.88143],
    }


def claims(**test: object) -> str:
    test = ({"at_least": 0.5} if "kind" not in test else {}) | {"kind": "threshold", "experiment": "p1_toy"} | test
    claim = {"id": "c", "claim": "A", "origin": "ours", "place": "1", "tests": [test]}
    return yaml.safe_dump({"claims": [claim]})


def number(metric: str, value: object, cell: str = "dataset=moons;backend=numpy;initial=course") -> str:
    return f"{HEADER}table 1,p1_toy,{cell},{metric},{value},\n"


def test_the_five_studies_name_what_is_there(whole: dict[str, Bundle]):
    assert [references.check_bundle(one) for one in whole.values()] == [[]] * 5


MISTAKES: dict[str, tuple[str, str]] = {
    "a measure": (
        claims(metric={"measure": "later_fal", "of": "test_loss", "after": 3}),
        "c: metric.measure: there is no 'later_fal' (did you mean 'later_fall'?)",
    ),
    "a measure of nothing": (claims(metric={"measure": "lowest"}), "c: metric: lowest needs of, and nothing else"),
    "a curve": (
        claims(metric={"measure": "lowest", "of": "test_los"}),
        "histories of p1_toy have no column 'test_los' (did you mean 'test_loss'?)",
    ),
    "a metric": (
        claims(metric="test_acuracy_best_epoch"),
        "have no metric 'test_acuracy_best_epoch' (did you mean 'test_accuracy_best_epoch'?)",
    ),
    "a metric of a line": (number("best_epochs", 3), "line 2: runs of p1_toy have no metric 'best_epochs' (did you"),
    "a column that is no metric": (claims(metric="status"), "have no metric 'status'"),
    "an experiment": (claims(experiment="p1_toys"), "the bundle has no experiment 'p1_toys' in cs324 (did you mean"),
    "a setting": (claims(cells={"bakend": "numpy"}), "'bakend' does not vary in p1_toy (did you mean 'backend'?)"),
    "a value that no setting has": (number("best_epoch", 3, "lr=fast"), "no p1_toy can have lr=fast: 'fast' should"),
    "a percentage": (claims(at_least=90), "test_accuracy_best_epoch is never above 1, so the test cannot hold"),
    "a test that cannot fail": (claims(at_least=0), "never below 0, so the test cannot fail"),
    "an accuracy in percent": (number("test_accuracy_best_epoch", 86.2), "86.2 is not between 0 and 1"),
    "no epoch": (number("test_accuracy", 0.9), "test_accuracy: say of which epoch, as in epoch=3"),
    "a line twice": (number("best_epoch", 3) + number("best_epoch", 3).removeprefix(HEADER), "line 3: is the same as"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_name_or_a_value_that_nothing_can_have(mistake: str, bundle: Bundle, tmp_path: Path):
    content, complaint = MISTAKES[mistake]
    (tmp_path / "cs324" / ("reported.csv" if content.startswith(HEADER) else "claims.yaml")).write_text(content)
    with pytest.raises(UserError, match=re.escape(complaint)):
        references.check_bundle(bundle)


def test_the_best_of_a_number_of_somebody_elses_may_be_the_highest_or_the_lowest(bundle: Bundle, tmp_path: Path):
    scored = replace(bundle, runs=bundle.runs.assign(my_score=1.5))
    best = {"kind": "greater", "cell": TOY, "than": {"backend": "torch", "winner": True}}
    (tmp_path / "cs324/claims.yaml").write_text(claims(**best, metric="test_loss_best"))
    assert references.check_bundle(scored) == []
    (tmp_path / "cs324/claims.yaml").write_text(claims(**best, metric="my_score"))
    with pytest.raises(UserError, match="winner: nobody knows whether the highest or the lowest my_score is the best"):
        references.check_bundle(scored)


def test_what_a_part_of_a_study_lacks_counts_as_not_run(bundle: Bundle, tmp_path: Path):
    """Metrics that Regrade knows, and values that no cell has: these are named, as they may be misspelt."""
    (tmp_path / "cs324/claims.yaml").write_text(
        claims(metric="valid_free_last_epoch", cells=TOY | {"initial": "corse"})
    )
    of_line = "dataset=moon;backend=torch;initial=course"
    (tmp_path / "cs324/reported.csv").write_text(number("validation_loss_best", 0.1, of_line))
    assert references.check_bundle(bundle) == [
        "no cell of p1_toy has dataset=moon (did you mean 'moons'?): what is about such cells counts as not run",
        "no cell of p1_toy has initial=corse (did you mean 'course'?): what is about such cells counts as not run",
    ]


def test_a_study_without_claims_and_numbers(bundle: Bundle, tmp_path: Path):
    bundle.write(tmp_path / "runs")
    with pytest.raises(UserError, match="has no claims and no reported numbers, so nothing to grade; add some"):
        grade.read(tmp_path / "cs324", [tmp_path / "runs"], "seed")
