"""The site of the reference run is built from its bundles, and says what is on record: a changed finding is seen."""

import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from regrade.core.files import read_json
from support.project import ROOT

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


def _value(number: str) -> float:
    return float(number.replace(",", ""))
