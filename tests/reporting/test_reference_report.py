"""The site of the reference run is built from its bundles, and says what is on record: a changed finding is seen."""

import math
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from regrade.core.files import read_json
from regrade.reporting import grade
from regrade.statistics import GRADES
from support.project import ROOT

# By study, experiment, the cell's beginning and the metric: the text that the README has for the number
IN_README = {
    ("ce4042", "a1_baseline", "", "test_accuracy_best_epoch"): "best test accuracy of the baseline CNN on CIFAR-10",
    ("ce4042", "a3_optimizers", "optimizer=adam", "test_accuracy_best_epoch"): "the same with Adam and wider layers",
    (
        "cs324",
        "p1_toy",
        "dataset=moons+backend=torch",
        "epochs_to_converge",
    ): "epochs until the PyTorch MLP solves moons (5,000 points, our assumption)",
    (
        "cs324",
        "p1_toy",
        "dataset=moons+backend=numpy",
        "test_accuracy_best_epoch",
    ): "test accuracy of the numpy MLP on moons, with the course template's initial parameters",
    (
        "cs324",
        "p3_palindromes",
        "sequence_length=10",
        "test_accuracy_last_step",
    ): "test accuracy on palindromes of 10, at the stated learning rate",
}
NUMBER = re.compile(r"[+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?")


class Words(HTMLParser):
    """The text of a page's main part."""

    def __init__(self, page: str):
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_data(self, data: str):
        self.text += f" {data}"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site") / "pages"
    answer = subprocess.run(
        [sys.executable, "-m", "regrade", "reference", "--to", str(target)], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return target


def test_the_verdicts_are_those_on_record(site: Path):
    recorded = read_json(ROOT / "reference/verdicts.json")
    assert {path.parent.name for path in site.glob("*/claims.json")} == set(recorded)
    for study, of_study in recorded.items():
        claims = read_json(site / study / "claims.json")
        verdicts = {claim["id"]: claim["verdict"] for claim in claims["claims"]}
        assert verdicts == of_study["claims"], f"{study}: if this is as it should be, run `regrade reference --record`"
        assert claims["grades"] == of_study["numbers"]
    assert "findings.html" in (site / "index.html").read_text()


def test_the_findings_are_those_in_the_docs(site: Path):
    """Word by word; numbers may differ in the last of their digits, which a processor's rounding decides."""
    page = (site / "findings.html").read_text()
    shown = Words(page[page.index("<h1>") : page.index("</main>")]).text
    recorded = Words(MarkdownIt("commonmark").enable("table").render((ROOT / "docs/findings.md").read_text())).text
    assert NUMBER.sub("#", shown).split() == NUMBER.sub("#", recorded).split()
    for ours, theirs in zip(NUMBER.findall(shown), NUMBER.findall(recorded), strict=True):
        assert math.isclose(_value(ours), _value(theirs), rel_tol=0.02, abs_tol=0.006), (ours, theirs)


@pytest.mark.parametrize("number", IN_README)
def test_the_numbers_of_the_readme_are_those_of_the_reference_run(site: Path, number: tuple[str, str, str, str]):
    study, experiment, cell, metric = number
    table = pd.read_parquet(site / study / GRADES)
    rows = table[(table["experiment"] == experiment) & (table["metric"] == metric) & table["seeds"].gt(0)]
    row = rows[rows["cell"].str.startswith(cell)].iloc[0]
    low, high = (f"{value:.3g}" for value in (row["predicted_low"], row["predicted_high"]))
    expected = f"| `{study}` | {IN_README[number]} | {row['reported']} | {float(row['mean']):.3g} | {low} to {high} | {row['seeds']} |"
    assert expected in (ROOT / "README.md").read_text().splitlines()


def test_runs_of_ones_own_are_graded_beside_the_reference_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = tmp_path / "own"
    shutil.copytree(ROOT / "reference/vudl", own)
    command = ["grade", "workflow/studies/vudl", str(own), "--to", str(tmp_path / "pages")]
    answer = subprocess.run([sys.executable, "-m", "regrade", *command], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    beside = read_json(tmp_path / "pages/vudl/data/reference.json")
    assert beside["claims"] == read_json(ROOT / "reference/verdicts.json")["vudl"]["claims"]
    assert beside["compared"] == beside["same"] > 0
    page = (tmp_path / "pages/vudl/index.html").read_text()
    assert len(re.findall(">reference: ", page)) == len(beside["claims"])
    # Not beside itself, nor beside a copy of the study, whose claims may be others, nor outside of the project
    monkeypatch.chdir(ROOT)
    copied = tmp_path / "vudl"
    copied.mkdir()
    study, reference = Path("workflow/studies/vudl"), Path("reference/vudl")
    assert [grade.has_reference(*of) for of in ((study, [own]), (study, [reference]), (copied, [own]))] == [1, 0, 0]
    monkeypatch.chdir(tmp_path)
    assert not grade.has_reference(ROOT / study, [own])


def _value(number: str) -> float:
    return float(number.replace(",", ""))
