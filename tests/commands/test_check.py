"""regrade check: every mistake of a study in one go, and none where there is none."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from regrade.cells import expansion
from regrade.commands import main
from regrade.commands.mistakes import mistakes
from regrade.config import params, studies
from regrade.config.places import Places
from regrade.core.errors import UserError
from support.project import Project
from support.tiny import PARAMS, STUDY, tiny

SETTINGS = PARAMS["studies"][STUDY]["experiments"]["sweep"]["settings"]
STUDY_FILES = f"workflow/studies/{STUDY}"
HEADER = "source,experiment,cell,metric,value,note\n"


def test_a_study_without_mistakes(tmp_path: Path):
    project = tiny(tmp_path)
    write(project, "reported.csv", HEADER + "table 1,sweep,width=2,test_accuracy_best_epoch,0.9,\n")
    for answer in (project.run("regrade", "check"), project.run("regrade", "check", STUDY)):
        assert (answer.returncode, answer.stdout) == (0, "Nothing wrong with tiny.\n")


def write(project: Project, name: str, text: str) -> None:
    (project.folder / STUDY_FILES / name).write_text(text)


def claim(name: str, **test: object) -> dict:
    return {"id": name, "claim": "A", "origin": "stated", "place": "1", "tests": [{"experiment": "sweep"} | test]}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is said of a study whose files all have mistakes, most of which hide others from what reads them."""
    project = tiny(tmp_path_factory.mktemp("wrong"), {"keep_models": [7]})
    experiments = {
        "misspelt": {"title": "A", "settings": SETTINGS | {"wdith": 3}},
        "two_at_once": {"title": "A", "settings": SETTINGS | {"lr": -1, "epochs": "ten"}, "grid": {"width": [2]}},
        "impossible": {
            "title": "B",
            "settings": SETTINGS | {"validation_rows": 500, "train_rows": 400},
            "grid": {"width": [2]},
        },
        "unknown_key": {"title": "C", "settngs": SETTINGS},
        "like_that": {"title": "D", "like": "unknown_key", "grid": {"width": [2]}},
    }
    overlay = {"scale": "smal", "jobs_per_gpus": 2, "studies": {STUDY: {"experiments": experiments}}}
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(overlay))
    (project.folder / "broken.yaml").write_text("seeds: [0")
    write(
        project,
        "reported.csv",
        HEADER
        + "table 1,sweep,width=2,test_accuracy_best_epoch,90 %,\n"
        + "table 1,sweep,wdith=2,test_accuracy_best_epoch,0.9,\n"
        + "table 1,sweep,width=2,test_accuracy_best_epoch,0.9,\n"
        + "table 1,misspelt,width=2,test_accuracy_best_epoch,0.9,\n"
        + "table 1,sweeps,width=2,test_accuracy_best_epoch,0.9,\n",
    )
    claims = [
        claim("good", kind="best", cell={"width": 3}) | {"figures": ["figure-09"]},
        claim("no-kind", kind="grater", cell={"width": 3}),
        claim("certain", kind="threshold", at_least=0),
        claim("unknown-value", kind="best", cell={"width": "wide"}),
        claim("of-unknown", kind="threshold", experiment="like_that", at_least=0.5),
        claim("good", kind="best", cell={"width": 3}),
    ]
    write(project, "claims.yaml", yaml.safe_dump({"claims": claims, "departure": []}))
    write(project, "protocol.yaml", "conventions: torch\n")
    write(project, "report.md.j2", "# A page\n{{ curves( }}\n")
    write(project, "part.md.j2", "{% for %}\n")
    write(project, "figures.py", "import nothing_of_this_name\n")
    write(project, "measure.py", "def measure(:\n")
    answer = project.run("regrade", "check", "--configfile", "mine.yaml", "broken.yaml")
    assert answer.returncode == 1
    return answer.stdout.replace(f"{project.folder}/", "").splitlines()


SENTENCES = f"""\
broken.yaml, line 2:
mine.yaml: jobs_per_gpus: there is no such key; correct or remove it
params.yaml: keep_models: 7 is not one of the seeds, so it is not trained; remove it or add it
mine.yaml: scale: 'smal' is not one of small
mine.yaml: studies.{STUDY}.experiments.unknown_key.settngs: there is no such key; correct or remove it
mine.yaml: studies.{STUDY}.experiments.misspelt: there is no setting 'wdith' (did you mean 'width'?)
mine.yaml: studies.{STUDY}.experiments.two_at_once.settings.lr: -1
mine.yaml: studies.{STUDY}.experiments.two_at_once.settings.epochs: 'ten'
mine.yaml: studies.{STUDY}.experiments.impossible.settings.validation_rows: 500 of 400 training rows cannot be held out
{STUDY_FILES}/reported.csv, line 2: the value '90 %' is not a number; write it as 0.5 or >=0.5
{STUDY_FILES}/reported.csv, line 3: sweep has no setting 'wdith' (did you mean 'width'?); correct the column cell
{STUDY_FILES}/reported.csv, line 6: params.yaml has no experiment 'sweeps' in tiny (did you mean 'sweep'?)
{STUDY_FILES}/claims.yaml: claims.1.tests.0: 'grater' is not one of 'greater', 'less',
{STUDY_FILES}/claims.yaml: departure: there is no such key; correct or remove it
{STUDY_FILES}/claims.yaml: the claim good is there twice; rename one
{STUDY_FILES}/claims.yaml: certain: at_least:
{STUDY_FILES}/claims.yaml: unknown-value: no sweep can have width=wide:
{STUDY_FILES}/protocol.yaml: networks: this key is missing; add it (2 more mistakes after this one);
{STUDY_FILES}/part.md.j2, line 1:
{STUDY_FILES}/report.md.j2, line 2:
{STUDY_FILES}/figures.py cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'; mend it
{STUDY_FILES}/measure.py, line 1: """


@pytest.mark.parametrize("beginning", SENTENCES.splitlines())
def test_every_mistake_has_its_sentence(wrong: list[str], beginning: str):
    assert sum(line.startswith(beginning) for line in wrong) == 1, "\n".join(wrong)


def test_nothing_else_is_said_and_all_of_it_is_counted(wrong: list[str]):
    sentences = SENTENCES.splitlines()
    assert wrong[-1] == f"{len(sentences)} mistakes."
    assert len(wrong) == len(sentences) + 1, "\n".join(wrong)


def test_they_are_in_the_order_of_the_files(wrong: list[str]):
    files = [line.split(":")[0].split(",")[0].split(" ")[0] for line in wrong[:-1]]
    assert sorted(range(len(files)), key=lambda place: (files.index(files[place]), place)) == list(range(len(files)))


def test_a_page_is_tried_while_nothing_is_trained(tmp_path: Path):
    project = tiny(tmp_path)
    write(project, "claims.yaml", yaml.safe_dump({"claims": [claim("shown", kind="best", cell={"width": 3})]}))
    for page, complaint in {
        "{{ tabel(1) }}": f"{STUDY_FILES}/report.md.j2, line 1: UndefinedError: 'tabel' is undefined; mend the template",
        "{% include 'none.md.j2' %}": f"{STUDY_FILES}/none.md.j2 is missing; add it",
    }.items():
        write(project, "report.md.j2", page)
        answer = project.run("regrade", "check")
        assert answer.stdout.replace(f"{tmp_path}/", "") == f"{complaint}\n1 mistake.\n"
    # What the study's own code does wrong is named there
    figures = (
        "from regrade.reporting.template_functions import value\n\n\n@value\ndef broken(evidence):\n    return {}[1]\n"
    )
    write(project, "figures.py", figures)
    write(project, "report.md.j2", "{{ broken() }}")
    answer = project.run("regrade", "check")
    assert "report.md.j2, line 1 (by figures.py, line 6): KeyError: 1; mend the template\n1 mistake." in answer.stdout
    (project.folder / STUDY_FILES / "figures.py").unlink()
    write(project, "report.md.j2", '{{ best("sweep") }} {{ cell("sweeep", width=2) }} {{ find("no" ~ "thing") }}')
    said = project.run("regrade", "check").stdout.replace(f"{tmp_path}/", "")
    unknown = f"{STUDY_FILES}/report.md.j2: params.yaml has no experiment"
    assert f"{unknown} 'nothing' in tiny (known: sweep); correct the name\n" in said
    assert f"{unknown} 'sweeep' in tiny (did you mean 'sweep'?); correct the name\n2 mistakes.\n" in said
    write(project, "report.md.j2", '{{ figure(1, "A", none) }}')
    shown = [claim("shown", kind="best", cell={"width": 3}) | {"figures": ["figure-01", "figure-02"]}]
    write(project, "claims.yaml", yaml.safe_dump({"claims": shown}))
    answer = project.run("regrade", "check")
    assert "claims.yaml: shown: figures: the page has no 'figure-02'; correct or remove it\n1 mistake." in answer.stdout
    assert not project.find("reports/*") and not project.find("results/*")


ODD_FILES = {
    "report.md.j2": ("# Größe".encode("latin-1"), "report.md.j2 is not in UTF-8 (invalid start byte at byte 4)"),
    "part.md.j2": (b"\xff", "part.md.j2 is not in UTF-8 (invalid start byte at byte 0); save it as UTF-8"),
    "folder.j2/file": (b"", "folder.j2 cannot be read (it is no file); mend or remove it"),
    "figures.py": (
        'size = "Größe"'.encode("latin-1"),
        "figures.py, line 1: (unicode error) 'utf-8' codec can't decode",
    ),
    "claims.yml": (b"claims: []", "claims.yml is never read; what is read is called claims.yaml: rename it"),
    "Claims.yaml": (b"claims: []", "Claims.yaml is never read; what is read is called claims.yaml: rename it"),
    "report.csv": (b"", "report.csv is never read; what is read is called reported.csv: rename it"),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_files_of_a_study_are_one_sentence(checked: Path, capsys: pytest.CaptureFixture[str], name: str):
    content, sentence = ODD_FILES[name]
    file = studies.folder(STUDY) / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    lines = check(capsys)
    assert sentence in lines[0] and lines[1:] == ["1 mistake."]


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project, which is the working directory."""
    tiny(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path / "workflow/studies")
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    main.main(["check", *options])
    return "".join(capsys.readouterr()).splitlines()


def test_copies_beside_the_files_of_a_study_are_no_mistake(checked: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("claims.yaml", "claims_old.yaml", "claims.yaml.bak", "notes.md", ".claims.yaml.swp"):
        (studies.folder(STUDY) / name).write_text("claims: []")
    assert check(capsys) == ["Nothing wrong with tiny."]


@pytest.mark.parametrize(
    ("values", "sentence"),
    {
        "looks=[{seeds: 5, error: 0.5}]": "looks: their errors add up to 0.5, more than 0.05; make some smaller",
        "looks=[{seeds: 5, error: 0.01}, {seeds: 2, error: 0.01}]": "looks: [5, 2] seeds do not rise from look to look",
        "settle={least_chance: 0.1, looks: [3]}": "settle.looks: 3 is none of the planned looks, [2]; take one of",
    }.items(),
)
def test_single_parameters_that_contradict_each_other(
    checked: Path, capsys: pytest.CaptureFixture[str], values: str, sentence: str
):
    lines = check(capsys, "--config", values)
    assert lines[0].startswith(f"--config: {sentence}") and lines[1:] == ["1 mistake."]


LAID_OVER = {
    # Lists are replaced: params.yaml's own look has an error
    "looks: [{seeds: 2}]": "mine.yaml: looks.0.error: this key is missing",
    "looks: {seeds: 2}": "mine.yaml: looks: ",
    "settle: {least_chance: 2}": "mine.yaml: settle.least_chance: 2",
    # Mappings are merged
    "forecast: {at_least: {minutes: 5}}": "Nothing wrong",
}


@pytest.mark.parametrize("overlay", LAID_OVER)
def test_a_mistake_is_in_the_file_that_has_the_last_word(
    checked: Path, capsys: pytest.CaptureFixture[str], overlay: str
):
    Path("mine.yaml").write_text(overlay)
    assert check(capsys, "--configfile", "mine.yaml")[0].startswith(LAID_OVER[overlay])


OVERLAYS = {
    "tab.yaml": (b"studies:\n\tmine: 1\n", "tab.yaml, line 2: "),
    "twice.yaml": (b"studies: {}\nstudies: {}\n", "twice.yaml, line 2: the key 'studies' is there twice; remove one"),
    "latin1.yaml": ("a: ö".encode("latin-1"), "latin1.yaml is not in UTF-8"),
    "empty.yaml": (b"", "empty.yaml is not a mapping of keys to values"),
    "none.yaml": (None, "none.yaml cannot be read (No such file or directory)"),
    "null.yaml": (b"studies:\n", "null.yaml: studies has no study; give 'mine', or remove the key"),
    "other.yaml": (b"threads: 2\n", "params.yaml has no study 'mine'; it has tiny; correct the name, or give the over"),
}


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_study_that_is_not_found_may_be_in_an_overlay_that_cannot_be_read(
    checked: Path, capsys: pytest.CaptureFixture[str], name: str
):
    content, sentence = OVERLAYS[name]
    if content is not None:
        Path(name).write_bytes(content)
    (line,) = check(capsys, "mine", "--configfile", name)
    assert line.startswith(f"Error: {sentence}")


def test_only_the_named_studies_are_checked(tmp_path: Path):
    other = PARAMS["studies"][STUDY] | {"titel": "B"}
    project = tiny(tmp_path, {"studies": {"other": other}})
    assert project.run("regrade", "check", STUDY).stdout == "Nothing wrong with tiny.\n"
    assert "params.yaml: studies.other.titel: there is no such key" in project.run("regrade", "check").stdout
    assert "no study 'none'; it has tiny, other" in project.run("regrade", "check", "none").stdout
    # Seeds of the other one are no mistake, unless they are
    more = "more_seeds=[{study: other, experiment: %s, seeds: [5]}]"
    assert project.run("regrade", "check", STUDY, "--config", more % "sweep").stdout == "Nothing wrong with tiny.\n"
    said = project.run("regrade", "check", "--config", more % "sweep").stdout
    assert "studies.other.titel: " in said and "1 mistake." in said
    parameters = project.folder / "params.yaml"
    parameters.write_text(parameters.read_text().replace("    titel: B\n", ""))
    said = project.run("regrade", "check", STUDY, "--config", more % "sweeps").stdout
    assert said.startswith("--config: more_seeds.0.experiment: there is no experiment 'sweeps' (did you mean 'sweep'?)")


# The tiny study with an experiment that takes over the settings of another, and one that takes over its winner
SELECT = {"from": "sweep", "settings": ["width"], "by": "test_accuracy_best_epoch", "winner": "measured"}
RELATED = {
    "alike": {"title": "A", "like": "sweep", "grid": {"width": [2]}},
    "winner": {"title": "B", "settings": SETTINGS, "select": SELECT},
}
WRONG = [None, "x", -1, [], {1: 2}]


def places_in(node: object, *above: object) -> Iterator[tuple]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*above, key)
        yield from places_in(value, *above, key)


def changed(config: dict) -> Iterator[dict]:
    """The parameters with each value replaced by each of WRONG, and with each key left out or misspelt."""
    for *above, last in places_in(config):
        for new in [*WRONG, "left out", "misspelt"]:
            copied = copy.deepcopy(config)
            holder = copied
            for key in above:
                holder = holder[key]
            old = holder.pop(last) if new in ("left out", "misspelt") else None
            if new == "misspelt" and isinstance(holder, dict):
                holder[f"{last}s"] = old
            elif new not in ("left out", "misspelt"):
                holder[last] = new
            yield copied


def test_it_says_what_stops_a_plan_and_nothing_where_nothing_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    # A page says nothing about parameters, and takes most of the time
    monkeypatch.setattr("regrade.commands.mistakes._of_page", lambda *_: ())
    base = copy.deepcopy(PARAMS)
    base["studies"][STUDY]["experiments"] |= copy.deepcopy(RELATED)
    outcomes = {True: 0, False: 0}
    for config in changed(base):
        Path("params.yaml").write_text(yaml.safe_dump(config))
        places = Places([], [])
        sentences = list(mistakes(places, places.studies([])))
        try:
            expansion.expand(params.parse(places.merged()))
            stopped = None
        except UserError as error:
            # Which of several experiments has it first depends on their order
            stopped = str(error).partition(" (")[0].split(": ")[-1]
        assert bool(sentences) == bool(stopped), (stopped, sentences)
        assert stopped is None or any(stopped in sentence for sentence in sentences), (stopped, sentences)
        outcomes[stopped is None] += 1
    assert min(outcomes.values()) > 10
