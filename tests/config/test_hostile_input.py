"""Input that wants to run commands, to leave its folder or to change a page. It is refused in one sentence, or shown."""

import errno
import importlib
import json
import os
import pickle
import pkgutil
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import regrade
import yaml
from regrade.bundle import describe
from regrade.cells import expansion, layout, prune
from regrade.commands import main
from regrade.config import overlays, params, reported, studies
from regrade.config.dataset import DataFile
from regrade.core.errors import UserError
from regrade.datasets.fetch import fetch
from regrade.datasets.sources import imdb
from regrade.reporting.evidence import Evidence
from regrade.reporting.pages import study_page
from regrade.reporting.pages.places import Places
from regrade.reporting.tables import table_format
from support import cifar10_archive, graded, imdb_archive
from support.project import Project, merged
from support.tiny import PARAMS, STUDY, sweep, tiny

COMMANDS = "$(touch pwned)`touch pwned`; touch pwned\n| touch pwned & '\"; touch pwned #"
MARKUP = "</title><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }} [x](javascript:alert(1))"
YAML_TAG = '!!python/object/apply:os.system ["touch pwned"]'


def test_a_pickle_that_runs_commands_is_refused(tmp_path: Path):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    batch = pickle.dumps({b"data": Attack(), b"labels": []})
    project = cifar10_archive.photographs(tmp_path)
    answer = cifar10_archive.prepare(project, cifar10_archive.archive(tmp_path / "mirror.tar.gz", batch))
    assert answer.returncode == 1
    assert "data_batch_3 is not a pickle of arrays" in answer.stdout
    assert "posix.system" in answer.stdout
    assert not (tmp_path / "pwned").exists()
    assert not project.find(cifar10_archive.PREPARED)


def test_members_of_an_archive_stay_where_they_are(tmp_path: Path, monkeypatch):
    never_read = {
        "aclImdb/README": b"not a review",
        "aclImdb/train/urls_pos.txt": b"http://example.org",
        "aclImdb/train/pos/../../../../escape/0_9.txt": b"bad bad bad bad",
        "/aclImdb/train/pos/2_9.txt": b"bad bad bad bad",
        "other/aclImdb/train/pos/3_9.txt": b"bad bad bad bad",
        "aclImdb/test/unsup/0_0.txt": b"bad bad bad bad",
    }
    plain = imdb_archive.prepare_from(imdb_archive.archive(tmp_path / "plain"))
    path = imdb_archive.archive(tmp_path / "others", **never_read)
    monkeypatch.chdir(path.parent)
    others = imdb_archive.prepare_from(path)
    assert others.texts == plain.texts and others.vocabulary == plain.vocabulary
    assert [found.name for found in tmp_path.rglob("*") if found.is_file()] == [imdb.ARCHIVE] * 2


def test_tags_of_yaml_make_no_objects(tmp_path: Path):
    project = tiny(tmp_path)
    (project.folder / "tagged.yaml").write_text(f"scale: {YAML_TAG}\n")
    regrade = ("python", "-m", "regrade", "cells")
    for command in (
        ("snakemake", "-n", "--configfile", "tagged.yaml"),
        ("snakemake", "-n", "--config", f"scale={YAML_TAG}"),
        (*regrade, "--configfile", "tagged.yaml"),
        (*regrade, "--config", f"scale={YAML_TAG}"),
    ):
        answer = project.run(*command)
        assert answer.returncode == 1, answer.stdout
        assert "Traceback" not in answer.stdout
    assert not project.find("pwned") and not project.find("results/*")


BOMB = "".join(f"    - &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10))
ALIASES = {
    "a list in itself": ("scale: &a [*a]\n", "line 1: this is part of itself; write it without the alias"),
    "a mapping in itself": ("studies: &a\n  my_study: *a\n", "line 1: this is part of itself"),
    "far below": ("scale: 1\nlooks: &a [{seeds: [{b: *a}]}]\n", "line 2: this is part of itself"),
    "merged into itself": ("studies: &a\n  <<: *a\n", "line 1: this is part of itself"),
    "a bomb": (f"seeds:\n    - &a0 [1]\n{BOMB}", "line 8: aliases (*) make more values of this than can be meant"),
}


@pytest.mark.parametrize("odd", ALIASES)
def test_aliases_of_yaml_are_not_followed_without_end(odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text, sentence = ALIASES[odd]
    monkeypatch.chdir(tmp_path)
    Path("odd.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"^odd\.yaml, {re.escape(sentence)}"):
        overlays.of_file("odd.yaml")


def test_aliases_that_only_repeat_something_are_right(tmp_path: Path):
    (tmp_path / "right.yaml").write_text("a: &a {b: [1, 2]}\nc: *a\nd: [*a, *a]\ne: {<<: *a, f: 3}\n")
    inner = {"b": [1, 2]}
    assert overlays.of_file(tmp_path / "right.yaml") == {
        "a": inner,
        "c": inner,
        "d": [inner] * 2,
        "e": inner | {"f": 3},
    }


def test_a_long_value_is_not_shown():
    config = merged(PARAMS, {"threads": [["long"] * 1000] * 1000, "scale": {"a": "b" * 100}})
    with pytest.raises(UserError, match=r"scale: the value should be a text \(1 more mistake"):
        params.parse(config)


NAMES = ["../up", "/root", "a/b", "$(touch pwned)", "a;b", "a b", "a\n", "", "-a", "A"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_become_paths_are_plain(name: str):
    (study,) = PARAMS["studies"].values()
    settings = study["experiments"]["sweep"]["settings"]
    file = {"urls": ["file:///a"], "sha256": "0" * 64}
    for change in (
        {"studies": {name: study}},
        {"studies": {STUDY: {"experiments": {name: {"title": "a"}}}}},
        {"studies": {STUDY: {"networks": {name: ["flatten"]}}}},
        {"datasets": {name: {}}},
        {"scales": {name: {"data": "real"}}},
        {"datasets": {"moons": {"files": {name.replace("A", "."): file}}}},
        sweep(settings={"dataset": name}),
        sweep(settings={"network": name}),
        sweep(settings=settings | {name: 1}),
        sweep(grid={name: [1]}),
    ):
        with pytest.raises(UserError) as raised:
            cells_of(merged(PARAMS, change))
        assert "\n" not in str(raised.value)


def cells_of(config: dict) -> list:
    return expansion.expand(params.parse(config))


@pytest.mark.parametrize("value", [COMMANDS, MARKUP, "../../up"], ids=["commands", "markup", "path"])
@pytest.mark.parametrize("setting", ["width", "optimizer", "lr", "dataset", "network", "backend", "loss"])
def test_values_of_settings_are_what_they_have_to_be(setting: str, value: str):
    with pytest.raises(UserError) as raised:
        cells_of(merged(PARAMS, sweep(grid={setting: [value]})))
    assert "\n" not in str(raised.value)


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str):
        self.text += data


# A locale without UTF-8
LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
HEADER = "source,experiment,cell,metric,value,note\n"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose texts want to run and have letters beyond ASCII, finished in a locale without UTF-8."""
    texts = {"source": MARKUP + COMMANDS, "assumptions": [MARKUP, COMMANDS]}
    project = tiny(tmp_path_factory.mktemp("odd"), sweep(grid={"width": [2]}), {"studies": {STUDY: texts}})
    folder = project.folder / "workflow/studies" / STUDY
    (folder / "report.md.j2").write_text('# Größen\n\n{{ table("1", "Größen.", "sweep") }}\n', encoding="utf-8")
    (folder / "claims.yaml").write_text("claims: []\ndiscrepancies: [größer]\n", encoding="utf-8")
    (folder / "reported.csv").write_text(f"{HEADER}Ü,sweep,width=2,best_epoch,1,\n", encoding="utf-8")
    config = "studies=" + json.dumps({STUDY: {"title": f"{MARKUP} {COMMANDS} Tïny ↑"}})
    with pytest.MonkeyPatch.context() as patched:
        for name, value in LOCALE.items():
            patched.setenv(name, value)
        answer = project.run("snakemake", "--cores", "2", "--config", config)
    assert answer.returncode == 0, answer.stdout
    return project


def test_texts_reach_neither_a_shell_nor_a_page_as_code(odd: Project):
    assert not list(odd.folder.rglob("pwned*"))
    for path in (odd.folder / "reports/index.html", odd.folder / "reports/tiny/index.html"):
        read = Page(path)
        assert read.text.count("<script>alert(1)</script>") >= 2
        assert "{{ 7 * 7 }}" in read.text and "$(touch pwned)" in read.text
        # Those of the site itself have a source or a type
        assert all({"src", "type"} & attributes.keys() for tag, attributes in read.tags if tag == "script")
        assert not [attributes for _, attributes in read.tags if "onerror" in attributes]
        assert not [attributes for _, attributes in read.tags if "javascript" in (attributes.get("href") or "")]


def test_nor_does_an_address_reach_a_shell(tmp_path: Path):
    files = {"tinyTOY.pkl.gz": {"urls": [f"file:///{COMMANDS}"], "sha256": "0" * 64}}
    project = tiny(tmp_path, {"datasets": {"tiny": {"files": files}}})
    fetched = "data/raw/tiny/tinyTOY.pkl.gz"
    answer = project.run("snakemake", "--cores", "2", "--", fetched)
    assert answer.returncode == 1
    assert f"could not get {fetched} from any of its addresses" in answer.stdout
    assert not list(tmp_path.rglob("pwned*"))


def test_a_locale_without_utf_8_changes_nothing(odd: Project, monkeypatch: pytest.MonkeyPatch):
    html = (odd.folder / "reports/tiny/index.html").read_text(encoding="utf-8")
    assert all(text in html for text in ("Tïny ↑", "Größen", "größer", "Ü"))
    for name, value in LOCALE.items():
        monkeypatch.setenv(name, value)
    assert odd.run("regrade", "check").returncode == 0


def test_tables_show_markup_as_text(tmp_path: Path):
    table = pd.DataFrame({"a<b>": [MARKUP], "c": ["x | y \\input{/etc/passwd} $x$"]})
    nowhere = Places(frozenset(), frozenset(), frozenset())
    html = table_format.write(table, table_format.Shown(table), tmp_path, "table", nowhere)
    markdown, latex = ((tmp_path / f"table.{kind}").read_text() for kind in ("md", "tex"))
    for text in (html, markdown):
        assert "<script" not in text and "<img" not in text and "<b>" not in text
    assert "x \\| y" in markdown
    assert "\\input" not in latex and "$x$" not in latex


ODD_TABLES = {
    "a tag of YAML": (f"{HEADER}t,e,width=!!python/name:os.system '',m,1,\n", 'line 2: "width=!!python'),
    "a list": (f'{HEADER}t,e,"width=[1, 2]",m,1,\n', "line 2: 'width=[1, 2]' in the column cell is neither"),
    "broken YAML": (f'{HEADER}t,e,"width={{",m,1,\n', "line 2: 'width={' in the column cell is neither"),
    "no equals sign": (f"{HEADER}t,e,width,m,1,\n", "line 2: 'width' in the column cell has no '='"),
    "a text for a number": (f"{HEADER}t,e,,m,1,\nt,e,,m,$(touch pwned),\n", "line 3: the value '$(touch pwned)' is no"),
    "not finite": (f"{HEADER}t,e,,m,nan,\n", "line 2: the value 'nan' is not a number"),
    "too few values": (f"{HEADER}t,e,,m\n", "line 2: has not as many values"),
    "too many values": (f"{HEADER}t,e,,m,1,,2\n", "line 2: has not as many values"),
    "a missing column": ("source,experiment,cell,metric,note\n", "the column value is missing"),
    "semicolons": (HEADER.replace(",", ";"), "semicolons separate its columns; save it with commas"),
    "tabs": (HEADER.replace(",", "\t"), "tabs separate its columns; save it with commas"),
    "a number too small": (f"{HEADER}t,e,,m,1e-99999999,\n", "line 2: the value '1e-99999999' is not a number"),
    "a zero with as many digits": (f"{HEADER}t,e,,m,>=0e-99999999,\n", "the value '>=0e-99999999' is not a number"),
    "nothing": ("", "the column source is missing"),
    "bytes": (b"\xff\xfe\x00", "is not a CSV file in UTF-8"),
    "an open quote": (f'{HEADER}"t,e,,m,1,\n', "is not a CSV file in UTF-8 (unexpected end of data)"),
}


@pytest.mark.parametrize("odd", ODD_TABLES)
def test_odd_reported_numbers_are_one_sentence_with_the_line(odd: str, tmp_path: Path, monkeypatch):
    content, complaint = ODD_TABLES[odd]
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / STUDY).mkdir()
    path = tmp_path / STUDY / "reported.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as raised:
        reported.rows(STUDY)
    sentence = str(raised.value)
    assert sentence.startswith(str(path)) and complaint in sentence and "\n" not in sentence
    assert not (tmp_path / "pwned").exists()


def test_spreadsheets_may_mark_the_beginning(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    (tmp_path / STUDY).mkdir()
    (tmp_path / STUDY / "reported.csv").write_text(f"{HEADER}t,e,width=2,m,>=0.5,a\n", encoding="utf-8-sig")
    expected = {"source": "t", "experiment": "e", "cell": {"width": 2}, "metric": "m", "value": ">=0.5", "note": "a"}
    assert reported.rows(STUDY) == [expected]


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1:9/a", "gopher://a", "javascript:alert(1)", "file:///proc/self/nothing", COMMANDS]
)
def test_odd_addresses_are_one_sentence(url: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as raised:
        fetch(DataFile(urls=[url], sha256="0" * 64), tmp_path / "raw" / "file")
    assert "could not get" in str(raised.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_other_encodings_are_one_sentence_with_the_file(tmp_path: Path):
    project = tiny(tmp_path)
    path = project.folder / "params.yaml"
    text = path.read_text().replace("title: Tiny", "title: Tïny")
    listing = ("regrade", "cells")
    for encoding, commands in (("latin-1", (("snakemake", "-n"), listing)), ("utf-16", (listing,))):
        path.write_text(text, encoding=encoding)
        for command in commands:
            answer = project.run(*command)
            assert answer.returncode == 1 and "params.yaml is not in UTF-8" in answer.stdout, answer.stdout
            assert "save it as UTF-8" in answer.stdout and "Traceback" not in answer.stdout
    path.write_text(text.replace("Tïny", "2024-02-30"))
    assert "there is no date 2024-02-30" in project.run(*listing).stdout


TEMPLATES = {
    "{{ 1 / 0 }}": "line 2: ZeroDivisionError: division by zero",
    '{{ table("1") }}': "line 2: TypeError: ",
    '{{ find("sweep")[7].folder }}': "line 2: UndefinedError: ",
    '{{ curves("sweep", "accuracy") }}': "line 2 (by curves.py, line ",
    "{% if %}": "line 2: Expected an expression",
    '{% include "part.md.j2" %}': "part.md.j2 is missing",
    "{{ missing }}": "line 2: UndefinedError: 'missing' is undefined",
}


def test_mistakes_in_a_template_are_one_sentence_with_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    manifest = describe.manifest(STUDY, params.parse(PARAMS), cells_of(PARAMS))
    nothing = pd.DataFrame({"experiment": [], "cell": [], "folder": [], "status": []})
    of_study = Evidence(manifest.cells, nothing, nothing, manifest, False)
    (tmp_path / STUDY).mkdir()
    for text, complaint in TEMPLATES.items():
        (tmp_path / STUDY / study_page.TEMPLATE).write_text(f"# A page\n{text}\n")
        with pytest.raises(UserError) as raised:
            study_page.body(of_study, tmp_path)
        assert complaint in str(raised.value) and "\n" not in str(raised.value), text


def test_the_command_line_says_what_the_system_refuses(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (tmp_path / "workflow/scripts/regrade").mkdir(parents=True)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    # What commands import when they run must not keep what is put in its place here
    for _, name, _ in pkgutil.walk_packages(regrade.__path__, "regrade."):
        if not name.endswith("__main__"):
            importlib.import_module(name)
    for number, words in ((errno.ENOSPC, "the disk is full"), (errno.EROFS, "may not be changed or read")):

        def refused(*_, number=number, **__):
            raise OSError(number, os.strerror(number), "a/file")

        monkeypatch.setattr("regrade.core.files.write_json", refused)
        monkeypatch.setattr(prune, "unnamed", refused)
        monkeypatch.setattr("regrade.reporting.report.write_all", refused)
        for command in ("schema", "prune", "report"):
            assert main.main([command]) == 1
            said = capsys.readouterr().err
            assert words in said and "a/file" in said and said.count("\n") == 1


@pytest.mark.parametrize("there", ["file", "folder"])
def test_paths_of_the_wrong_kind_are_one_sentence(there: str, tmp_path: Path, monkeypatch, capsys):
    tiny(tmp_path, {"more_seeds": []})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path / "workflow/studies")
    if there == "file":
        Path("reports").write_text("mine")
        command, words = "report", "reports/assets leads through a file, where a folder has to be: move that away"
    else:
        Path("dvc.yaml").mkdir()
        command, words = "dvc", "Error: dvc.yaml is a folder, but has to be a file: move it away"
    assert main.main([command]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1, said


@pytest.mark.parametrize("command", ["grade", "merge"])
def test_a_name_that_no_file_can_have_is_one_sentence(command: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", studies.FOLDER)
    study = graded.study(tmp_path).name
    name = "r" * 300
    arguments = {"grade": [study, name], "merge": [name, name, "--to", "merged"]}
    assert main.main([command, *arguments[command]]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {name}") and "is too long a name: give a shorter one" in said
    assert said.count("\n") == 1


def test_a_damaged_record_hides_no_other_cell(tmp_path: Path):
    project = tiny(tmp_path)
    listing = project.run(sys.executable, "-m", "regrade", "cells")
    folder = re.findall(r"results/\S+", listing.stdout)[0]
    (project.folder / folder).mkdir(parents=True)
    for name in layout.FILES:
        (project.folder / folder / name).write_text("{")
    answer = project.run(sys.executable, "-m", "regrade", "cells")
    assert answer.returncode == 1
    assert f"damaged   {folder}\nmissing   results/tiny/sweep/width=3" in answer.stdout
    assert "2 cells at scale small: 1 damaged, 1 missing" in answer.stdout
    assert f"Error: {folder}/run.json is damaged" in answer.stdout and "Traceback" not in answer.stdout


def test_a_reader_may_stop_reading(tmp_path: Path):
    project = tiny(tmp_path, sweep(grid={"width": list(range(1, 3000))}))
    answer = project.run("bash", "-c", f"{sys.executable} -m regrade cells | head -1")
    assert re.fullmatch(r"missing   results/\S+\n", answer.stdout), answer.stdout
