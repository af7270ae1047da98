"""The pages of the reports, in a real browser: Debian's Chromium, driven by Selenium."""

import dataclasses
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
import yaml
from regrade.bundle import collect
from regrade.cells import expansion
from regrade.config import params
from regrade.core.files import write_json
from regrade.reporting import ASSETS
from regrade.reporting.evidence import read as evidence_of
from regrade.reporting.figures import files
from regrade.reporting.figures.curves import curves as draw_curves
from regrade.reporting.pages import assets, histories, site
from regrade.statistics import BUNDLE, CLAIMS, GRADES, REPORTS, grading
from regrade.statistics import REFERENCE as REFERENCE_RUN
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait
from support.browsing import colour, contrast, is_drawn, lines, luminance, show, shown, text_of
from support.project import ROOT, SMALL, Project, merged

HOSTILE = "</script><script>document.title = 'taken over'</script> <b>&amp;"
# Beside the study that has run, one of which nothing is trained
TWO = merged(SMALL, {"studies": {"cs324": {"assumptions": [HOSTILE]}}})
VERDICTS = ["confirmed", "confirmed", "contradicted", "inconclusive", "not run"]
ORIGINS = ("stated", "table", "ours")
GRADES_GIVEN = ["within", "within", "above", "same"]
IMPOSSIBLE = {
    **{"source": "table 2", "experiment": "a2_filters", "rows": 50, "numbers": 4, "chance": 1e-7},
    "not_possible": [{"value": "0.589", "settings": "filters1=2", "nearest": "0.58 (29 of 50)"}],
    "fitting": {"least": 50, "most": 99, "count": 7, "first": [56, 58, 73, 90, 92], "all_from": None},
}


def claim(number: int, verdict: str, folders: list[str]) -> dict:
    numbers = {"effect": 1.5, "low": 0.5, "high": 2.5, "seeds": 2, "known": 2, "at": None, "constant": False}
    numbers |= {"unit": "epochs", "quantity": "difference", "claimed": [0.0, None], "about": "mean", "doing": 1}
    numbers |= {"undecided": 0, "counted": number == 1, "timed": number == 3}
    if number == 1:
        numbers |= {"about": "runs", "quantity": "value", "known": 0, "at": "least", "high": None}
    if verdict == "not run":
        numbers |= dict.fromkeys(("effect", "low", "high", "about", "doing", "undecided", "known", "at"))
        numbers |= {"seeds": 0}
    part = {"text": f"more {HOSTILE}", "cells": folders, "verdict": verdict, "p": 0.01, **numbers}
    about = {"id": f"c{number}", "claim": f"Claim {number} {HOSTILE}", "kind": "higher", "verdict": verdict}
    about |= {
        "origin": ORIGINS[number % 3],
        "place": f"section {number}",
        "quote": f"Quote {HOSTILE}",
        "amended": f"Amended {HOSTILE}" if number == 2 else "",
        "presumes": f"Presumes {HOSTILE}" if number == 1 else "",
        "note": "",
        "why": f"Because {HOSTILE}" if verdict in ("not run", "other protocol") else "",
        "p_holm": 0.0001,
        "holds": verdict != "contradicted",
    }
    about |= {"figures": ["figure-06", "figure-none"], "look": None, "chances": {}, "analyses": [], "best": []}
    if verdict == "inconclusive":
        about |= {"chances": {"5": 0.25, "10": 1.0}}
    if number == 0:
        words = ("confirmed", "inconclusive")
        about |= {"analyses": [{"name": f"without seed {seed}", "verdict": word} for seed, word in enumerate(words)]}
        about |= {
            "best": [
                [{"folder": folder, "p": p, "possible": p > 0.05} for folder, p in zip(folders, (1, 0.01), strict=True)]
            ]
        }
    return about | numbers | {"parts": [part], "single_runs": [numbers["doing"] or 0, numbers["seeds"]]}


def grade(number: int, word: str, experiment: str, cell: str, folder: str) -> dict:
    about = {
        "source": f"table {number}",
        "experiment": experiment,
        "cell": cell,
        "settings": "filters1=2",
        "folder": folder,
        "grade": word,
    }
    numbers = dict.fromkeys(("mean", "low", "high"), 0.5) | {"predicted_low": 0.45, "predicted_high": 0.55}
    about |= (
        {"possible": "not possible", "nearest": "0.58 (29 of 50)"} if number == 2 else {"possible": "", "nearest": ""}
    )
    return about | numbers | {"metric": "test_accuracy_best_epoch", "reported": "0.5890", "seeds": 2, "note": None}


REFERENCE = {
    "claims": {"c0": "confirmed", "c2": "confirmed"},
    "verdicts": {"confirmed": 2, "inconclusive": 0},
    "grades": {},
    "scale": "paper",
    "cells": 78,
    "seeds": 5,
    "commits": ["0123456789"],
    "devices": [HOSTILE],
    "opposite": ["c2"],
    "compared": 3,
    "same": 2,
    "differing": [{"folder": "a", "ours": 0.5, "theirs": 0.9, "p": 0.001}],
}


def parameters() -> params.Params:
    config = yaml.safe_load((ROOT / "params.yaml").read_text())
    config["studies"] = {name: config["studies"][name] for name in ("ce4042", "cs324")}
    return params.parse(merged(config, TWO))


@pytest.fixture(scope="module")
def pages(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """reports/ of a study that has run and of one that has not, with verdicts of every kind."""
    project = Project(tmp_path_factory.mktemp("site") / "copy")
    shutil.copytree(finished.folder, project.folder)
    shutil.rmtree(project.folder / "reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        every = expansion.expand(parameters())
        for study in parameters().studies:
            bundle = collect.bundle(study, parameters(), every)
            bundle.write(REPORTS / study / BUNDLE)
            grading.write(grading.grade(bundle), REPORTS / study)
        first, second = (cell for cell in every if cell.study == "ce4042" and cell.experiment == "a2_filters")
        folders = [cell.folder.as_posix() for cell in (first, second)]
        claims = [claim(number, verdict, folders) for number, verdict in enumerate(VERDICTS)]
        write_json(
            REPORTS / "ce4042" / CLAIMS,
            {
                **{"study": "ce4042", "scale": "small", "claims": claims, "departures": [HOSTILE]},
                "possible": [IMPOSSIBLE],
            },
        )
        write_json(REPORTS / "ce4042" / REFERENCE_RUN, REFERENCE)
        rows = [grade(n, word, "a2_filters", first.name, folders[0]) for n, word in enumerate(GRADES_GIVEN)]
        rows.append(grade(9, "not run", "a3_optimizers", "", ""))
        pd.DataFrame(rows).to_parquet(REPORTS / "ce4042" / GRADES)
        every_evidence = [evidence_of(study) for study in parameters().studies]
        for one in every_evidence:
            site.write_study(one, REPORTS / one.name)
        assets.write(REPORTS / ASSETS)
        site.write_front(every_evidence, REPORTS / "index.html")
    return project.folder / "reports"


def kinds(pages: Path) -> list[Path]:
    """A page of each kind: front, a study, one without results, a cell, one that is not trained."""
    cell, missing = (sorted((pages / study / "cells").rglob("*.html"))[0] for study in ("ce4042", "cs324"))
    return [pages / "index.html", pages / "ce4042/index.html", pages / "cs324/index.html", cell, missing]


class Addresses(HTMLParser):
    """What a page links to, and the places in it."""

    def __init__(self, page: Path):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("href", "src")]
        self.places |= {value for key, value in attrs if key == "id"}


def test_every_cell_has_a_page_and_every_link_leads_somewhere(pages: Path):
    found = {page: Addresses(page) for page in pages.rglob("*.html")}
    assert len(found) == 3 + 2 + 9 + 26
    to_cells = 0
    for page, addresses in found.items():
        assert not re.search(r"<a [^>]*>\s*</a>", page.read_text()), f"{page}: a link without a text"
        for link in addresses.links:
            parts = urlsplit(link)
            assert not parts.scheme and not parts.netloc, link
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.exists(), f"{page}: {link}"
            if parts.fragment:
                assert parts.fragment in found[target].places, f"{page}: {link}"
            to_cells += "cells" in target.parts
    assert to_cells > 100
    text = (pages / "ce4042/tables/table-1.csv").read_text() + (pages / "ce4042/tables/table-1.md").read_text()
    assert "href" not in text


def test_pages_are_quiet_and_take_no_orders_from_texts(pages: Path, browser):
    browser.get_log("browser")  # what other tests left there
    for page in kinds(pages):
        show(browser, page)
        assert not [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")], page
        assert "Regrade" in browser.title
    show(browser, pages / "cs324/index.html")
    assert HOSTILE in browser.find_element(By.TAG_NAME, "main").text


def test_the_front_page_counts(pages: Path, browser):
    show(browser, pages / "index.html")
    rows = browser.find_elements(By.CSS_SELECTOR, ".scoreboard tbody tr")
    assert [row.text for row in rows] == [
        "ce4042 small 9 of 9 3 of 5 1 (0.2 by chance) 1 5 2 1 1 0 0 1",
        "cs324 small 0 of 26 0 of 29 0 29 28 0 0 0 0 0 28",
    ]
    # Before the counts, what they come to
    summary = text_of(browser, "#summary")
    assert "28 claims of 2 reports: 2 confirmed, 0 contradicted, 1 inconclusive, 25 not judged." in summary
    assert "Beside them, 5 hypotheses of our own: 0 confirmed, 1 contradicted, 0 inconclusive, 4 not judged." in summary
    assert "Of 34 reported numbers, 4 could be judged: 3 agree with the runs, 1 does not." in text_of(
        browser, "#summary"
    )
    listed = [element.text for element in browser.find_elements(By.CSS_SELECTOR, ".found > li")]
    assert [line.split(" ")[0] for line in listed] == ["contradicted", "confirmed", "confirmed", "inconclusive"]
    card = text_of(browser, ".card[data-study=ce4042]")
    # The contradicted claim is a hypothesis of ours, so the source's number surprises more
    assert "(our own hypothesis)" in listed[0]
    assert "Most surprising: " in card and "one more run of ours would give" in card
    assert "Its chance of a verdict with 10 seeds is" in card
    assert "Reference run (78 cells, up to 5 seeds, commit 0123456789): 2 confirmed." in card
    assert "Of 3 cells that both ran at full protocol, 2 gave exactly the same, and 1 differs by more" in card
    assert "The verdicts on c2 are opposite." in card
    bars = browser.find_elements(By.CSS_SELECTOR, ".card[data-study=ce4042] .bar")
    assert [item.text for item in bars[0].find_elements(By.TAG_NAME, "li")][:2] == ["2 confirmed", "1 contradicted"]
    assert "No cell" not in card and "0 of 26 cells trained" in text_of(browser, ".card[data-study=cs324]")
    origins = browser.find_elements(By.CSS_SELECTOR, ".origins tbody tr")
    assert [row.text for row in origins] == ["stated 1 0 1 0 0 24", "read off 1 0 0 0 0 1", "ours 0 1 0 0 0 4"]
    stated = re.search(r"([\d.]+) MB", browser.find_element(By.TAG_NAME, "footer").text)
    total = sum(path.stat().st_size for path in pages.rglob("*") if path.is_file())
    assert float(stated[1]) == pytest.approx(total / 1e6, abs=0.06)
    rows[0].find_element(By.LINK_TEXT, "2").click()
    assert "verdict=confirmed#claims" in browser.current_url
    assert len(shown(browser, "claims-table")) == 2


def test_a_claim_has_the_reference_runs_verdict_beside_its_own(pages: Path, browser):
    show(browser, pages / "ce4042/index.html")
    assert "reference: confirmed" in text_of(browser, "#claim-c2 td")
    assert "reference" not in text_of(browser, "#claim-c1 td")


def test_a_study_says_what_is_possible_and_what_chance_does(pages: Path, browser):
    show(browser, pages / "ce4042/index.html")
    (row,) = browser.find_elements(By.CSS_SELECTOR, "#possible ~ .wide:has(.not-possible) tbody tr")
    assert row.text == (
        "table 2 a2_filters 50 4 0.589 filters1=2; next to it: 0.58 (29 of 50) 1e-07 "
        "7: 56, 58, 73, 90, 92, … (of 50 to 99)"
    )
    badges = browser.find_elements(By.CSS_SELECTOR, "#numbers-table .not-possible")
    assert [badge.text for badge in badges] == ["not possible"]
    text = browser.find_element(By.CSS_SELECTOR, "#numbers + p").text
    assert text.startswith("2 of 3 numbers are within the range of one more run.")
    assert "about 0.2 would be outside by chance alone" in text
    show(browser, pages / "cs324/index.html")
    rows = browser.find_elements(By.CSS_SELECTOR, "#possible + p + .wide tbody tr")
    assert [row.text for row in rows][-2:] == [
        "text, part 2 p2_cnn 10,000 3 none 1 19,500: 500, 501, 502, 503, 504, …, all from 500 on (of 500 to 19,999)",
        "text, part 3 p3_palindromes not known 4 – – –",
    ]


def test_claims_say_in_plain_words_what_was_seen(pages: Path, browser):
    show(browser, pages / "ce4042/index.html")

    def text(number: int, *what: str) -> list[str]:
        elements = browser.find_elements(By.CSS_SELECTOR, ", ".join(f"#claim-c{number} {one}" for one in what))
        return [one.get_property("textContent") for one in elements]

    effect = "td[data-name=Effect]"
    assert [one.split() for one in text(0, effect)] == [["+1.5", "epochs+0.5", "to", "+2.5", "compare"]]
    assert text(1, effect)[0].startswith("≥ 1.5 epochs≥ 0.5holds in 1 of 2 runs; its value is known in none")
    assert text(0, "td[data-name=Seeds]") == ["2"]
    assert text(3, "td[data-name=Seeds]") == ["2 jobs of 5 needed"]
    assert text(4, effect, "td[data-name=Seeds]") == ["–", "–"]
    assert text(0, "summary") == [
        "1 comparison by itself",
        "1 of 2 cells could be the best",
        "Also confirmed in 1 of 2 other analyses",
    ]
    assert text(0, "p.note") == ["One run per cell would have shown it with 1 of 2 seeds."]
    assert text(1, "p.note") == [f"Its verdict presumes Presumes {HOSTILE}"]
    assert f"Changed or added once runs had been seen. Amended {HOSTILE}" in text(2, "p.note")
    assert text(3, "p.note")[1:] == ["Chance of a verdict: 25 % by 5 seeds, 100 % by 10."]
    (part,) = text(1, ".parts li")
    assert part.startswith(
        f"confirmed more {HOSTILE}: claimed ≥ 0; mean ≥ 1.5 epochs (95 % interval ≥ 0.5); holds in 1"
    )
    figure = browser.find_element(By.ID, "figure-claims")
    assert figure.text.count("1 claim without a number yet is left out.") == 1
    show(browser, pages / "cs324/index.html")
    assert not browser.find_elements(By.CSS_SELECTOR, "#figure-claims, #figure-numbers")


def test_filters_filter(pages: Path, browser):
    show(browser, pages / "ce4042/index.html")
    form = browser.find_element(By.CSS_SELECTOR, "form[data-table=claims-table]")
    assert len(shown(browser, "claims-table")) == 5
    assert browser.find_element(By.CSS_SELECTOR, "#departures + ul").text == HOSTILE
    verdict, text = Select(form.find_element(By.NAME, "verdict")), form.find_element(By.NAME, "claim")
    verdict.select_by_value("confirmed")
    assert [re.search(r"Claim \d", row)[0] for row in shown(browser, "claims-table")] == ["Claim 0", "Claim 1"]
    text.send_keys("claim 1")
    assert len(shown(browser, "claims-table")) == 1
    assert form.find_element(By.TAG_NAME, "output").text == "1 of 5"
    verdict.select_by_value("")
    text.clear()
    origin = Select(form.find_element(By.NAME, "origin"))
    origin.select_by_value("table")
    assert ["read off: section" in row for row in shown(browser, "claims-table")] == [True, True]
    origin.select_by_value("")
    text.send_keys("no such words")
    assert not shown(browser, "claims-table")
    # A handout has all rows all the same, and a link to one of them shows all
    row = browser.find_element(By.CSS_SELECTOR, "#claims-table tbody tr[hidden][id]")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert row.value_of_css_property("display") == "table-row"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert row.value_of_css_property("display") == "none"
    browser.execute_script(
        "document.body.append(Object.assign(document.createElement('a'), { href: arguments[0], id: 'there' }));"
        "document.getElementById('there').click()",
        f"#{row.get_attribute('id')}",
    )
    assert row.is_displayed() and len(shown(browser, "claims-table")) == 5 and text.get_attribute("value") == ""
    form = browser.find_element(By.CSS_SELECTOR, "form[data-table=numbers-table]")
    for name, value, count in (("grade", "within", 2), ("experiment", "a3_optimizers", 0), ("grade", "", 1)):
        Select(form.find_element(By.NAME, name)).select_by_value(value)
        assert len(shown(browser, "numbers-table")) == count


def test_the_explorer_draws_what_is_chosen(pages: Path, browser):
    show(browser, pages / "ce4042/index.html")
    form = browser.find_element(By.CSS_SELECTOR, ".explorer form")
    waiting = WebDriverWait(browser, 20)

    def after(action) -> list[str]:
        before = lines(browser)
        action()
        waiting.until(lambda _: is_drawn(browser) and lines(browser) != before)
        return lines(browser)

    def choose(name: str, value: str):
        return lambda: Select(form.find_element(By.NAME, name)).select_by_value(value)

    def texts() -> str:
        return browser.find_element(By.CSS_SELECTOR, ".chart").text

    assert len(lines(browser)) == 1
    assert len(after(choose("experiment", "a2_filters"))) == 2
    assert "filters1=3" in texts()
    assert len(after(choose("split", "all"))) == 4
    after(choose("metric", "loss"))
    assert "loss" in texts()
    assert len(after(form.find_element(By.NAME, "seeds").click)) == 8
    assert "One line per seed" in browser.find_element(By.CSS_SELECTOR, ".explorer .note").text
    after(form.find_element(By.NAME, "log").click)
    assert len(after(form.find_element(By.NAME, "seeds").click)) == 4
    assert len(browser.find_elements(By.CSS_SELECTOR, ".chart .mark-area path")) == 4
    after(form.find_elements(By.CSS_SELECTOR, "fieldset input")[0].click)
    chart = browser.find_element(By.CSS_SELECTOR, ".chart svg")
    ActionChains(browser).scroll_to_element(chart).move_to_element(chart).perform()
    tip = waiting.until(lambda _: browser.find_element(By.CSS_SELECTOR, "#vg-tooltip-element.visible"))
    assert {"cell", "split", "epoch", "mean", "min", "max", "seeds"} <= set(tip.text.split())
    after(form.find_element(By.NAME, "none").click)
    assert not lines(browser)


def test_a_cells_page_says_where_its_numbers_are_from(pages: Path, browser):
    show(browser, pages / "ce4042/index.html")
    browser.find_element(By.CSS_SELECTOR, "#table-1 td a").click()
    WebDriverWait(browser, 20).until(lambda _: len(lines(browser)) == 4)
    text = browser.find_element(By.TAG_NAME, "main").text
    for part in (
        "filters1=2, filters2=4",
        "seed 1",
        "Claim 0",
        "0.5890",
        "run.json",
        "stand-in",
        "learning",
        "torch 2.",
    ):
        assert part.replace("learning", "optimizer sgd") in text, part
    runs = browser.find_element(By.XPATH, "//h2[.='Runs']/following-sibling::div//tbody").text.splitlines()
    for name in ("test accuracy at the best epoch", "training loss after the last epoch"):
        (row,) = (row for row in runs if row.startswith(name))
        assert re.search(r"([\d.]+ ){3}[-\d.]+ to [\d.]+$", row), row
    assert "seed 1, epoch 2 of 2: train loss" in browser.find_element(By.CSS_SELECTOR, "pre.log").text


def test_long_histories_are_thinned(pages: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(pages.parent)
    evidence = evidence_of("ce4042")
    last = evidence.curves[evidence.curves["epoch"] == 2]
    curves = pd.concat([last.assign(epoch=epoch, test_loss=epoch / 7) for epoch in range(1, 1501)])
    evidence = dataclasses.replace(evidence, curves=curves)
    none = {cell.folder.as_posix(): [] for cell in evidence.cells}
    (experiment, *_) = histories.write(evidence, none, tmp_path)
    text = (tmp_path / f"{experiment['name']}.js").read_text()
    (cell,) = json.loads(re.fullmatch(r'regradeHistories\("a1_baseline", (.*)\);\n', text)[1])["cells"]
    assert (cell["of"], len(cell["epochs"]), cell["epochs"][0], cell["epochs"][-1]) == (1500, 100, 1, 1500)
    assert cell["values"]["test_loss"] == [[float(f"{epoch / 7:.4g}") for epoch in cell["epochs"]]] * 2
    figure = draw_curves(evidence, evidence.cells, "loss")
    files.write(figure, tmp_path, "figure")
    for kind in ("svg", "png", "pdf"):
        assert (tmp_path / f"figure.{kind}").stat().st_size < 150_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_readable_on_a_telephone(pages: Path, browser, scheme: str):
    for page in kinds(pages):
        show(browser, page, 400, scheme)
        widest = browser.execute_script(
            "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
        )
        assert widest <= 400, page
        body = colour(browser, "body", "background-color")
        assert (luminance(body) < 0.1) == (scheme == "dark")
        for place in ("main", ".source", "a", ".badge", ".note", ".chart text"):
            for element in browser.find_elements(By.CSS_SELECTOR, place)[:8]:
                name = "fill" if element.tag_name == "text" else "color"
                ratio = contrast(element.value_of_css_property(name), body)
                assert ratio >= 4.5, f"{page}: {place} has a contrast of {ratio:.1f}"
