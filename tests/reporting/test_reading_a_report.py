"""Reading a report: where things are, how they hang together, by mouse, by keyboard, on paper, and after a reload."""

import base64
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
from axe_core_python.selenium import Axe
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell, Manifest
from regrade.config import claims, studies
from regrade.reporting import grade
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait
from support.browsing import is_drawn, lines, show, shown, text_of

STUDY = "small_report"
CLAIMS = """\
claims:
  - {id: later, claim: The rate matters., origin: stated, place: section 10.2, quote: "The rate, at 50 % & more, matters_a_lot.",
     tests: [{kind: greater, experiment: grid, cell: {lr: 0.1, units: 4}, than: {lr: 0.01, units: 4}}]}
  - {id: wrong, claim: More units are worse., origin: table, place: "section 9.1, table 1",
     tests: [{kind: less, experiment: grid, cell: {lr: 0.1, units: 8}, than: {lr: 0.1, units: 2}}]}
  - {id: sooner, claim: Four units reach 60 %., origin: stated, place: section 9.1, quote: "Four units get 60 %.", figures: [figure-01],
     tests: [{kind: threshold, experiment: grid, cells: {lr: 0.1, units: 4}, at_least: 0.6, estimand: mean}]}
"""
# The mean of a cell is 0.5 + 0.05 units, 0.2 less at the lower rate: the first is met, the second far off, the third off
REPORTED = """\
source,experiment,cell,metric,value,note
table 1,grid,lr=0.1;units=2,test_accuracy_best_epoch,0.60,
table 1,grid,lr=0.1;units=4,test_accuracy_best_epoch,0.10,
table 1,grid,lr=0.1;units=8,test_accuracy_best_epoch,0.98,
"""
TEMPLATE = """\
# Results & more

{{ values("1", "Accuracy of 50 % & more_x", [("two", cell("grid", lr=0.1, units=2), "test_accuracy_best_epoch", "test_accuracy_best_epoch")]) }}

## By epoch

{{ figure(1, "Accuracies", curves(find("grid", lr=0.1), "accuracy", none, ["test"])) }}
"""


def runs() -> Bundle:
    """Five seeds of a grid of rates and units; accuracies that differ by a point between seeds, at four epochs."""
    generator = np.random.default_rng(4)
    cells, rows, curves = [], [], []
    for lr in (0.1, 0.01):
        for units in (2, 4, 8):
            settings = {"lr": lr, "units": units}
            name = f"lr={lr}+units={units}"
            about = {"varying": settings, "settings": settings | {"batch_size": 32}, "seeds": list(range(5))}
            cells.append(BundledCell(study=STUDY, experiment="grid", name=name, status="done", **about))
            for seed in range(5):
                key = {"experiment": "grid", "cell": name, "seed": seed}
                mean = 0.5 + 0.05 * units - (0.2 if lr < 0.1 else 0) + generator.normal(scale=0.01)
                run = {"test_accuracy_best_epoch": mean, "commit": "0123456789abcdef", "dirty": False}
                rows.append(key | run | {"folder": cells[-1].folder.as_posix(), "status": "done", "settings": "{}"})
                curves += [key | {"epoch": epoch, "test_accuracy": mean * epoch / 4} for epoch in range(1, 5)]
    about = {"title": "A small report", "source": "Small & Sons, 2021: {100 %}_done", "scale": "paper"}
    manifest = Manifest(
        schema_version=1,
        study=STUDY,
        looks=[{"seeds": 5, "error": 0.05}],
        experiments={"grid": {"title": "Rates and units"}},
        cells=cells,
        **about,
    )
    return Bundle(manifest, pd.DataFrame(rows), pd.DataFrame(curves))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small study's pages."""
    folder = tmp_path_factory.mktemp("reading")
    (folder / STUDY).mkdir()
    for name, content in (("claims.yaml", CLAIMS), ("reported.csv", REPORTED), ("report.md.j2", TEMPLATE)):
        (folder / STUDY / name).write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "FOLDER", folder)
        grade.write([runs()], folder / "graded")
    return folder / "graded" / STUDY


def click(browser, selector: str) -> None:
    browser.find_element(By.CSS_SELECTOR, selector).click()
    WebDriverWait(browser, 20).until(lambda _: is_drawn(browser))


@pytest.mark.parametrize("page", ["../index.html", "index.html", "cells/grid/lr=0.1+units=2.html", "compare.html"])
def test_axe_finds_nothing_in_light_or_dark(study: Path, browser, page: str):
    for scheme, rules in (
        ("light", ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]),
        ("dark", ["wcag2aa"]),
    ):
        show(browser, (study / page).resolve(), scheme=scheme)
        browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        report = Axe().run(browser, options={"runOnly": rules})
        assert report["passes"]
        assert not [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in report["violations"]]


def test_claims_stand_in_the_sources_sections_beside_its_words(study: Path, browser):
    show(browser, study / "index.html")
    sections = browser.find_elements(By.CSS_SELECTOR, "#claims-table .section")
    assert [one.text for one in sections] == ["Section 9.1", "Section 10.2"]
    assert text_of(browser, "#claim-sooner .source") == "Four units get 60 %.\nstated: section 9.1"
    assert text_of(browser, "#claim-wrong .source") == "read off: section 9.1, table 1"
    contents = [link.text for link in browser.find_elements(By.CSS_SELECTOR, ".contents a")]
    assert contents[:5] == ["Largest disagreements", "Claims", "Section 9.1", "Section 10.2", "Reported numbers"]
    assert {"Results & more", "By epoch", "How to cite"} <= set(contents)
    # In view wherever one is, on a wide page and on a narrow one, and it says where
    for width in (1280, 400):
        show(browser, study / "index.html", width=width)
        browser.execute_script("document.getElementById('reading').scrollIntoView()")
        WebDriverWait(browser, 5).until(
            lambda _: browser.find_elements(By.CSS_SELECTOR, ".contents a[href='#reading'][aria-current]")
        )
        top = browser.execute_script("return document.querySelector('.contents').getBoundingClientRect().top")
        assert 0 <= top < 5


def test_the_largest_disagreements_come_first(study: Path, browser):
    show(browser, study / "index.html")
    rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, ".disagreements tbody tr")]
    # Of the three numbers, one is within the range of one more run
    assert len(rows) == 3 and "units=4 above" not in rows[0]
    distances = [float(row.split()[0]) for row in rows]
    assert distances == sorted(distances, reverse=True)
    headings = [one.get_attribute("id") for one in browser.find_elements(By.TAG_NAME, "h2")]
    assert headings[:2] == ["disagreements", "claims"]


def test_one_click_leads_from_a_number_to_its_cell_its_curve_and_its_file(study: Path, browser):
    for row in ("#number-2", "#table-1 tbody tr", "#claim-sooner td[data-name=Effect]"):
        show(browser, study / "index.html")
        links = [unquote(link.get_attribute("href")) for link in browser.find_elements(By.CSS_SELECTOR, f"{row} a")]
        cell = next(link for link in links if "/cells/grid/lr=0.1+units=" in link)
        assert sum(link.endswith("bundle/runs.parquet") for link in links) == 1
        click(browser, f"{row} .to a[href*=explore]")
        assert len(lines(browser)) == 1
        checked = browser.find_elements(By.CSS_SELECTOR, ".explorer fieldset input:checked")
        assert [box.get_attribute("value") in cell for box in checked] == [True]
    # A difference leads to both of its cells
    show(browser, study / "index.html")
    click(browser, "#claim-wrong td[data-name=Effect] .to a")
    assert text_of(browser, ".settings-differ tbody").split() == ["units", "8", "2"]
    assert len(lines(browser)) == 2


def test_what_is_chosen_survives_a_reload(study: Path, browser):
    show(browser, study / "index.html")
    Select(browser.find_element(By.NAME, "verdict")).select_by_value("contradicted")
    browser.find_element(By.NAME, "claim").send_keys("units")
    browser.find_element(By.NAME, "none").click()
    for box in browser.find_elements(By.CSS_SELECTOR, "fieldset input")[2:4]:
        box.click()
    click(browser, "input[name=seeds]")
    before = lines(browser)
    browser.refresh()
    WebDriverWait(browser, 20).until(lambda _: lines(browser) == before)
    assert len(before) == 10
    assert ["More units are worse." in row for row in shown(browser, "claims-table")] == [True]
    # From the two chosen cells to their comparison, whose choice is kept, too
    click(browser, ".explorer .two a")
    Select(browser.find_element(By.NAME, "second")).select_by_visible_text("lr=0.01, units=8")
    browser.refresh()
    WebDriverWait(browser, 20).until(lambda _: is_drawn(browser))
    query = parse_qs(urlsplit(browser.current_url).query)
    assert (query["first"], query["second"]) == (["grid/lr=0.1+units=8"], ["grid/lr=0.01+units=8"])
    assert text_of(browser, ".settings-differ tbody").split() == ["lr", "0.1", "0.01"]
    (mean,) = [row.text for row in browser.find_elements(By.CSS_SELECTOR, ".numbers tbody tr")]
    assert mean.startswith("test accuracy best epoch 0.9") and " 0.69" in mean


def test_captions_are_copied_by_keyboard(study: Path, browser):
    origin = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    browser.execute_cdp_cmd("Browser.grantPermissions", origin)
    show(browser, study / "index.html")
    browser.find_element(By.CSS_SELECTOR, "#table-1 .cite summary").send_keys(Keys.ENTER)

    def copied(button: int) -> str:
        browser.find_elements(By.CSS_SELECTOR, "#table-1 .cite button")[button].send_keys(Keys.ENTER)
        WebDriverWait(browser, 5).until(lambda _: "Copied" in text_of(browser, "#table-1 .cite"))
        return browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")

    made = "The source's full protocol; seeds 0 to 4; Regrade, commit 0123456789."
    assert f"\\caption{{Accuracy of 50 \\% \\& more\\_x. {made} \\cite{{regrade-{STUDY}}}}}" in copied(0)
    assert copied(1) == f"**Table 1.** Accuracy of 50 % &amp; more\\_x. {made}"
    bibtex = copied(2)
    assert f"@misc{{regrade-{STUDY},\n  author = {{{{The Regrade developers}}}}," in bibtex
    assert "  title = {{Small \\& Sons, 2021: \\{100 \\%\\}\\_done}},\n  year = {2021}," in bibtex
    assert bibtex.count("{") - bibtex.count("\\{") == bibtex.count("}") - bibtex.count("\\}")


def test_a_handout_is_complete(study: Path, browser):
    """Printed, everything that is folded is there, and nothing that can only be clicked."""
    show(browser, study / "index.html")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    folded = browser.find_elements(By.CSS_SELECTOR, "#claims-table details li")
    assert len(folded) > 3 and all(one.rect["height"] for one in folded)
    clickable = browser.find_elements(By.CSS_SELECTOR, "nav, form, button, .explorer, .to, .files, .cite, .skip")
    assert len(clickable) > 10 and not any(one.is_displayed() for one in clickable)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")


def test_what_a_source_states_is_quoted():
    for name in ("ce4042", "cs324", "csci5622", "comp576", "vudl"):
        stated = [one for one in claims.read(name).claims if one.origin == "stated"]
        assert stated and not [one.id for one in stated if not one.quote], name
