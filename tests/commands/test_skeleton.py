"""regrade new-study: what it writes is right as it is, and nothing is overwritten. tests/workflow runs it."""

from pathlib import Path

import pytest
from regrade.commands import new_study
from regrade.config import studies
from regrade.core import files
from support.project import Project
from support.tiny import STUDY, tiny

FILES = ("other.yaml", *(f"workflow/studies/other/{name}" for name in ("reported.csv", "claims.yaml", "report.md.j2")))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return tiny(tmp_path, {"scales": {"paper": {"data": "real"}}})


def test_what_it_writes_is_a_study_without_mistakes(project: Project):
    before = set(project.find("**/*"))
    answer = project.run("regrade", "new-study", "other")
    assert answer.returncode == 0, answer.stdout
    assert tuple(answer.stdout.splitlines()[: len(FILES)]) == FILES
    assert {path for path in set(project.find("**/*")) - before if path.is_file()} >= {
        project.folder / name for name in FILES
    }
    # Each says what it is for, and knows the study by its name
    for name in FILES:
        text = (project.folder / name).read_text()
        assert "my_study" not in text
        assert name.endswith(".csv") or text.count("#") > 1
    (check,) = (line.strip() for line in answer.stdout.splitlines() if "regrade check" in line)
    assert project.run("bash", "-c", check).stdout == "Nothing wrong with other.\n"
    listed = project.run("regrade", "cells", "--configfile", "other.yaml")
    assert listed.stdout.count("missing   results/other/sizes/hidden_size=") == 2


def test_all_is_written_or_nothing(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(studies, "FOLDER", project.folder / "workflow/studies")
    before = set(project.find("**/*"))

    def failing(path: Path, text: str) -> None:
        if path.name == "claims.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        write_text(path, text)

    write_text = files.write_text
    monkeypatch.setattr(files, "write_text", failing)
    with pytest.raises(PermissionError):
        new_study.write("other")
    assert {path for path in set(project.find("**/*")) - before if "__pycache__" not in path.parts} == set()


@pytest.mark.parametrize(
    ("name", "sentence"),
    {
        "My-Study": "a study cannot be called 'My-Study'; take up to 64 of a-z, 0-9 and _",
        "../up": "a study cannot be called '../up'",
        "all": "the name 'all' is taken by the rule train_all",
        "null": "YAML reads 'null' as a value, not as a name; choose another",
        "true": "YAML reads 'true' as a value",
        STUDY: f"params.yaml has a study '{STUDY}' already",
        "params": "params.yaml exists already; choose another name than 'params'",
        "begun": "workflow/studies/begun exists already",
        "listed": "listed.yaml exists already",
    }.items(),
)
def test_a_name_that_is_none_or_is_taken_changes_nothing(project: Project, name: str, sentence: str):
    (project.folder / "workflow/studies/begun").mkdir()
    (project.folder / "listed.yaml").write_text("mine: true\n")
    before = {path: path.read_bytes() for path in project.find("**/*") if path.is_file() and path.suffix != ".pyc"}
    answer = project.run("regrade", "new-study", name)
    assert answer.returncode == 1
    assert answer.stdout.startswith(f"Error: {sentence}") and answer.stdout.count("\n") == 1
    after = {path: path.read_bytes() for path in project.find("**/*") if path.is_file() and path.suffix != ".pyc"}
    assert after == before
