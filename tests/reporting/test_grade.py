"""Runs of others are graded at the command line, without what trains."""

import json
import re
import shutil
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from regrade.bundle import CURVES, MANIFEST, RUNS
from regrade.bundle.bundle import Bundle
from regrade.bundle.tables import KEYS, REQUIRED
from regrade.cells import expansion
from regrade.commands import main
from regrade.config import params, studies
from regrade.core.errors import UserError
from regrade.core.files import read_json
from regrade.reporting import grade
from regrade.reporting.pages import site
from support import graded
from support.apart import graded_apart, same
from support.bundles import made_up
from support.expanded import CONFIG
from support.project import ROOT, Project

HISTORY = "level,lr,seed,epoch,test_accuracy,test_loss\n" + "".join(
    f"{level},{lr},{seed},{epoch},{accuracy},0.5\n"
    for level, lr, seed, accuracy in (line.split(",") for line in graded.RUNS.splitlines()[1:])
    for epoch in (1, 2)
)
TABLES = {"runs": graded.RUNS, "histories": HISTORY}


@pytest.fixture(scope="module")
def graded_tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[str]]]:
    """A folder in which a table has been graded, and what was said, for each of them. Tests leave it as it is."""
    made = {}
    for name, table in TABLES.items():
        folder = tmp_path_factory.mktemp(name)
        study = graded.study(folder)
        (folder / "runs.csv").write_text(table)
        answer = graded_apart(study.name, "runs.csv", at=folder)
        assert answer.returncode == 0, answer.stderr
        made[name] = folder, answer.stdout.splitlines()
    return made


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grading says once per process where studies are; here that ends with a test."""
    monkeypatch.setattr(studies, "FOLDER", studies.FOLDER)


def test_a_table_of_real_runs(graded_tables: dict):
    folder, (*said, report, imported) = graded_tables["runs"]
    assert json.loads(imported) == []
    # Three seeds in each cell: words are better by 15 points, and both numbers are what one more run could give
    assert said[0].split("  ")[0] == "confirmed" and "words-beat-characters" in said[0]
    assert [line.split("  ")[0] for line in said[2:]] == ["within", "within"]
    assert report == "The report: graded/index.html"
    pages = folder / "graded"
    assert "Recurrent networks on text" in (pages / "index.html").read_text()
    page = (pages / "levels_of_text/index.html").read_text()
    assert "Networks that read words are better" in page and "0.877" in page
    (claim, _) = read_json(pages / "levels_of_text/claims.json")["claims"]
    assert claim["effect"] == pytest.approx((0.8686 + 0.8886 + 0.8714 - 0.7286 - 0.7157 - 0.7143) / 3)


def test_the_page_for_new_users_works_as_it_is_written(tmp_path: Path):
    text = (ROOT / "docs/grade-your-own.md").read_text()
    _, claims, numbers, runs, command, answer, *_ = re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)
    (tmp_path / "levels_of_text").mkdir()
    (tmp_path / "levels_of_text/claims.yaml").write_text(claims)
    (tmp_path / "levels_of_text/reported.csv").write_text(numbers)
    (tmp_path / "runs.csv").write_text(runs)
    said = graded_apart(*command.split()[2:], at=tmp_path)
    assert said.stdout.splitlines()[:-1] == answer.splitlines()


def test_a_mistake_is_one_sentence_and_nothing_is_written(tmp_path: Path):
    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS.replace("0.8886", "eighty"))
    answer = graded_apart(study.name, "runs.csv", at=tmp_path)
    assert answer.returncode == 1 and answer.stderr.startswith("Error: runs.csv, row 3, column")
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "graded").exists()


def test_a_file_of_another_name_is_not_overlooked(tmp_path: Path):
    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    (study / "claims.yaml").rename(study / "claims.yml")
    answer = graded_apart(study.name, "runs.csv", at=tmp_path)
    assert answer.returncode == 0 and "claims.yml is never read; what is read is called claims.yaml" in answer.stdout
    (study / "reported.csv").unlink()
    answer = graded_apart(study.name, "runs.csv", at=tmp_path)
    assert answer.returncode == 1 and "nothing to grade" in answer.stderr and "is called claims.yaml" in answer.stderr


def test_merged_tables_are_judged_like_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """Three seeds in one table and two in another, each graded by itself before: nobody has planned a look."""
    monkeypatch.chdir(tmp_path)
    study = graded.study(tmp_path).name
    header, *rows = graded.RUNS.splitlines()
    further = [re.sub(r",([01]),", r",1\1,", row) for row in rows if ",2," not in row]
    for name, table in {"a": rows, "b": further, "both": rows + further}.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *table, ""]))
        assert main.main(["grade", study, f"{name}.csv", "--to", name]) == 0
    bundles = [f"{name}/{study}/bundle" for name in ("a", "b")]
    assert main.main(["merge", *bundles, "--to", "merged"]) == 0
    assert main.main(["grade", study, "merged", "--to", "again"]) == 0
    of_merged, of_both = (read_json(tmp_path / f"{name}/{study}/claims.json")["claims"] for name in ("again", "both"))
    assert of_merged == of_both and of_both[0]["look"] == 5
    # Looks that study.yaml plans hold for a bundle, too
    described = (tmp_path / study / "study.yaml").read_text()
    (tmp_path / study / "study.yaml").write_text(f"{described}looks: [{{seeds: 4, error: 0.05}}]\n")
    assert main.main(["grade", study, "merged", "--to", "planned"]) == 0
    assert read_json(tmp_path / f"planned/{study}/claims.json")["claims"][0]["look"] == 4
    bundles[0] = f"planned/{study}/bundle"
    assert main.main(["merge", *bundles, "--to", "refused"]) == 1
    assert "differ in looks: 4 seeds (error 0.05) and none planned" in capsys.readouterr().err


def test_runs_of_another_study_are_refused(graded_tables: dict, tmp_path: Path):
    graded.study(tmp_path).rename(tmp_path / "other")
    answer = graded_apart("other", graded_tables["runs"][0] / "graded/levels_of_text/bundle", at=tmp_path)
    assert answer.returncode == 1 and "the runs are of 'levels_of_text', but the study is 'other'" in answer.stderr


def test_a_bundle_of_the_workflow_is_graded_as_it_is_there(finished: Project, tmp_path: Path):
    bundle = finished.folder / "reports/ce4042/bundle"
    answer = graded_apart(ROOT / "workflow/studies/ce4042", bundle, at=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1]) == []
    ours, theirs = (read_json(one / "ce4042/claims.json") for one in (finished.folder / "reports", tmp_path / "graded"))
    assert same(ours, theirs)
    page = (tmp_path / "graded/ce4042/index.html").read_text()
    # Tables and curves are made from the bundle; what needs weights is missing, and says so
    assert "figures/figure-claims.svg" in page and "is missing: the files of its cells are not here" in page


class Tags(HTMLParser):
    """What a page links to, the places in it, and what in it is a script or would call one."""

    def __init__(self, page: Path):
        super().__init__()
        self.links, self.places, self.scripts = [], set(), []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("href", "src")]
        self.places |= {value for key, value in attrs if key == "id"}
        self.scripts += [key for key, _ in attrs if key.startswith("on")]
        if tag == "script" and not {"src", "type"} & dict(attrs).keys():
            self.scripts.append(self.get_starttag_text())


@pytest.mark.parametrize("table", TABLES)
def test_every_link_leads_somewhere_and_no_part_is_empty(table: str, graded_tables: dict):
    folder, _ = graded_tables[table]
    pages = {page.resolve(): Tags(page) for page in (folder / "graded").rglob("*.html")}
    assert len(pages) == 5
    for page, tags in pages.items():
        for link in tags.links:
            parts = urlsplit(link)
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert not parts.scheme and target.exists(), f"{page}: {link}"
            assert not parts.fragment or parts.fragment in pages[target].places, f"{page}: {link}"
        if page.parent.name != "graded":
            # Nothing is yet to come, and there is no project
            assert not re.search("has been trained|yet|params.yaml|results/|Reduced", page.read_text()), page
    text = (folder / "graded/levels_of_text/index.html").read_text()
    assert ("Explorer" in text) == (table == "histories") and "How sure is the grader" not in text


def test_a_column_that_a_bundle_lacks(graded_tables: dict, tmp_path: Path):
    """Of a bundle, few columns are needed: a number of another one counts as not run."""
    line = "table 7,levels,level=word;lr=0.01,trainable_parameters,30,"
    study = graded.study(tmp_path, reported=f"{graded.REPORTED.splitlines()[0]}\n{line}\n")
    answer = graded_apart(study.name, graded_tables["histories"][0] / "graded/levels_of_text/bundle", at=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert [line.split("  ")[0] for line in answer.stdout.splitlines()[:3]] == ["confirmed", "inconclusive", "not run"]


@pytest.mark.parametrize("study", ["cs324", "csci5622"])
def test_the_pages_of_a_bundle_with_no_more_columns_than_it_must_have(study: str, tmp_path: Path):
    parameters = params.parse(CONFIG | {"scale": "paper"})
    bundle = made_up(study, parameters, expansion.expand(parameters))
    bundle = replace(bundle, runs=bundle.runs[[*REQUIRED[RUNS], "folder"]], curves=bundle.curves[[*KEYS, "epoch"]])
    (verdicts,) = grade.write([bundle], tmp_path / "pages")
    assert {claim["verdict"] for claim in verdicts.claims} == {"not run"}
    assert (tmp_path / "pages" / study / "index.html").exists()


def test_nothing_of_the_users_is_lost(
    graded_tables: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    for target in (".", study.name, "runs.csv", "runs.csv/below"):
        assert main.main(["grade", study.name, "runs.csv", "--to", target]) == 1
        assert capsys.readouterr().err.startswith("Error: --to: ")
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    # What was graded before is replaced, whatever stands beside it stays; also where the bundle is in it
    folder, said = graded_tables["runs"]
    shutil.copytree(folder / "graded", tmp_path / "graded")
    notes = [tmp_path / "graded" / name for name in ("notes.txt", "levels_of_text/notes.txt")]
    for note in notes:
        note.write_text("mine")
    bundle = tmp_path / "graded/levels_of_text/bundle"
    tables = {path.name: path.read_bytes() for path in bundle.iterdir()}
    again = graded_apart(study.name, bundle, at=tmp_path)
    # The table has become a bundle, which is graded the same
    assert again.returncode == 0 and again.stdout.splitlines()[:-2] == said[:-2]
    assert all(note.read_text() == "mine" for note in notes)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == tables


@pytest.fixture
def from_table(tmp_path: Path) -> Bundle:
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    return grade.read(graded.study(tmp_path), [tmp_path / "runs.csv"], "seed").bundle


def test_a_folder_that_cannot_be_made(from_table: Bundle, tmp_path: Path):
    (tmp_path / "nowhere").symlink_to(tmp_path / "not there")
    for target in (Path("/proc/x"), tmp_path / ("x" * 300), tmp_path / "nowhere"):
        with pytest.raises(UserError, match=f"^--to: {target} cannot be written"):
            grade.write([from_table], target)


def test_a_link_to_a_folder_on_another_disk(from_table: Bundle, tmp_path: Path):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        assert Path(elsewhere).stat().st_dev != tmp_path.stat().st_dev
        (tmp_path / "link").symlink_to(elsewhere)
        # What a killed process has left there is no file of somebody else
        (Path(elsewhere) / ".regrade.killed").mkdir()
        for _ in range(2):
            grade.write([from_table], tmp_path / "link")
            assert (Path(elsewhere) / "levels_of_text/index.html").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"levels_of_text", "link", "runs.csv"}


def test_interrupted_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    before = set(tmp_path.rglob("*"))
    monkeypatch.setattr(site, "write_front", interrupted)
    command = ["grade", str(study), str(tmp_path / "runs.csv"), "--to", str(tmp_path / "new/folder")]
    assert main.main(command) == 130
    assert capsys.readouterr().err == "Interrupted; nothing was written\n"
    assert set(tmp_path.rglob("*")) == before


def test_what_a_killed_process_has_left_is_replaced(
    from_table: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def killed(source: Path, target: Path) -> None:
        (target / "half").mkdir(parents=True)
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(grade, "_move", killed)
        grade.write([from_table], tmp_path / "out")
    assert (tmp_path / "out/levels_of_text/half").exists()
    grade.write([from_table], tmp_path / "out")
    assert (tmp_path / "out/index.html").exists()


def test_a_mistake_in_a_template_leaves_what_was_there(tmp_path: Path):
    study = graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    (study / "report.md.j2").write_text("{{ nothing")
    answer = graded_apart(study.name, "runs.csv", at=tmp_path)
    assert answer.returncode == 1 and "report.md.j2, line 1" in answer.stderr and answer.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {study.name, "runs.csv"}


def test_a_sources_dollars_are_no_formula(tmp_path: Path):
    lines = graded.REPORTED.splitlines()
    odd = [line.replace("table 6", r"$\frac$ {") + note for note in ("one", "two") for line in lines[1:]]
    study = graded.study(tmp_path, reported="\n".join([lines[0], *odd]))
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    grade.write([grade.read(study, [tmp_path / "runs.csv"], "seed").bundle], tmp_path / "pages")
    assert r"$\frac$ {" in (tmp_path / "pages/levels_of_text/figures/figure-numbers.svg").read_text()


def test_a_bundles_texts_are_no_markup(graded_tables: dict, tmp_path: Path):
    hostile = "</script><script>alert(1)</script><img src=x onerror='alert(1)'>$\\frac$ {{ 7 * 7 }}"
    study, bundle = graded.study(tmp_path), tmp_path / "bundle"
    shutil.copytree(graded_tables["histories"][0] / "graded/levels_of_text/bundle", bundle)
    about = json.loads((bundle / MANIFEST).read_text())
    del about["seal"], about["sha256"]
    about |= {"title": hostile, "source": hostile, "assumptions": [hostile]}
    about["experiments"]["levels"]["title"] = hostile
    for cell in about["cells"]:
        cell |= {"source": hostile, "dataset": hostile, "standing": {"name": "other protocol", "why": hostile}}
        cell["varying"][hostile] = hostile
        cell["settings"][hostile] = hostile
        cell["configuration"] = {"settings": {hostile: hostile}, hostile: hostile}
    failed = about["cells"][0]
    failed |= {"status": "failed", "error": hostile}
    (bundle / MANIFEST).write_text(json.dumps(about))
    for name in (RUNS, CURVES):
        table = pd.read_parquet(bundle / name)
        table = table[table["cell"] != failed["name"]]
        added = {"device": hostile, "commit": hostile, "versions": json.dumps({hostile: hostile}), hostile: 1.0}
        table = table.assign(**added) if name == RUNS else table.assign(metric=table["metric"] + hostile)
        table.to_parquet(bundle / name)
    answer = graded_apart(study.name, bundle, at=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for page in (tmp_path / "graded").rglob("*.html"):
        tags = Tags(page)
        assert not tags.scripts and "x" not in tags.links, page
        assert "alert(1)" in page.read_text()
