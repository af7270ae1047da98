"""The command line as a whole: its help, its completion, and where it may be run."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from regrade.commands import main
from support.project import CONSOLE, ROOT, Project
from support.tiny import sweep, tiny

FORMS = {"console": ("regrade",), "module": (sys.executable, "-m", "regrade")}
# None of these is quick to import
HEAVY = {"numpy", "pandas", "torch", "pydantic", "yaml", "scipy", "matplotlib", "snakemake"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return tiny(tmp_path_factory.mktemp("project"), sweep(grid={"width": [2, 3]}))


def examples() -> list[str]:
    texts = [main.EXAMPLES, *(module.EXAMPLES for module in main.COMMANDS.values())]
    return [line for text in texts for line in text.splitlines()]


@pytest.mark.parametrize("example", examples())
def test_every_example_can_be_typed(example: str):
    words = shlex.split(example, comments=True)
    command, *arguments = words[: words.index("|")] if "|" in words else words
    assert command == "regrade"
    if "--help" in arguments:
        return
    options = main.parser().parse_args(arguments)
    assert options.command in main.COMMANDS


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_says_what_it_does_and_how(name: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main.main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"usage: regrade {name}" in shown
    assert 1 <= shown.partition("examples:")[2].count(f"  regrade {name}") <= 3
    with pytest.raises(SystemExit):
        main.main(["--help"])
    assert re.search(rf"\n    {name}\s+[A-Z]", capsys.readouterr().out)


def test_help_does_not_wait_for_what_commands_work_with():
    code = "import sys; from regrade.commands import main; main.parser(); print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], env=Project(ROOT).environment | SOURCE, capture_output=True)
    modules = answer.stdout.decode().split()
    assert "regrade.commands.audit" in modules
    assert HEAVY.isdisjoint(modules)


SOURCE = {"PYTHONPATH": str(ROOT / "workflow/scripts")}


def test_a_shell_completes_commands_and_options(tmp_path: Path):
    def completed(line: str) -> list[str]:
        variables = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9", "_ARGCOMPLETE": "1"}
        variables |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "answer"), "_ARGCOMPLETE_IFS": "\n"}
        environment = Project(tmp_path).environment | SOURCE | variables
        assert subprocess.run(["regrade"], env=environment, cwd=tmp_path).returncode == 0
        return (tmp_path / "answer").read_text().split()

    assert completed("regrade rep") == ["report"]
    assert "--worlds" in completed("regrade audit --")


@pytest.mark.parametrize("form", FORMS)
def test_a_closed_pipe_ends_it_quietly(project: Project, form: str):
    command = shlex.join(FORMS[form])
    for reader, lines in (("head -1", 1), ("true", 0)):
        answer = project.run("bash", "-c", f"{command} cells 2> errors | {reader}; exit ${{PIPESTATUS[1]}}")
        assert answer.returncode == 0
        assert len(answer.stdout.splitlines()) == lines
        assert "Error" not in (project.folder / "errors").read_text()


@pytest.mark.parametrize("form", FORMS)
def test_both_forms_do_the_same(project: Project, form: str):
    answer = project.run(*FORMS[form], "cells")
    assert answer.returncode == 0
    assert answer.stdout.count("missing   results/tiny/sweep/width=") == 2
    wrong = project.run(*FORMS[form], "cells", "--config", "scale=none")
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("Error: --config: scale: 'none' is not one of ")


@pytest.mark.parametrize(
    ("option", "values"), [("--configfile", ("a.yaml", "b.yaml")), ("--config", ("threads=1", "scale=small"))]
)
def test_an_option_that_is_there_twice_is_refused(project: Project, option: str, values: tuple[str, str]):
    first, second = values
    for name in ("a.yaml", "b.yaml"):
        (project.folder / name).write_text("threads: 1\n")
    for command in (("regrade", "check"), ("regrade", "cells"), ("snakemake", "-n")):
        answer = project.run(*command, option, first, option, second)
        assert answer.returncode != 0
        assert f"{option} is there twice, and only the last would count; write one, with all values" in answer.stdout
        assert "Traceback" not in answer.stdout


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("arguments", [("cells",), ("docs",), ("schema",), ("audit", "vudl")])
def test_outside_of_a_project_it_says_so(tmp_path: Path, form: str, arguments: tuple[str, ...]):
    environment = Project(tmp_path).environment | SOURCE
    answer = subprocess.run([*FORMS[form], *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr == (
        f"Error: {tmp_path} has no params.yaml; run this in the folder of a project, a clone of Regrade\n"
    )
    assert not any(tmp_path.iterdir())
    # The file may be another project's
    (tmp_path / "params.yaml").write_text("lr: 0.1\n")
    answer = subprocess.run([*FORMS[form], *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert answer.stderr.startswith(f"Error: {tmp_path} has no workflow/scripts/regrade; run this in the folder of a")
    assert subprocess.run([*FORMS[form], "--help"], cwd=tmp_path, env=environment).returncode == 0


def test_in_a_project_the_console_command_runs_the_projects_own_package(project: Project, tmp_path: Path):
    own = tiny(tmp_path / "own", sweep(grid={"width": [2]}))
    with (own.folder / "workflow/scripts/regrade/cells/cell.py").open("a") as file:
        file.write('\nCell.status = property(lambda cell: "own")\n')
    # As where an editable install is that of another project
    answer = subprocess.run(
        ["regrade", "cells"], cwd=own.folder, env=project.environment, capture_output=True, text=True
    )
    assert answer.stdout.startswith("own       results/tiny/sweep/width=2"), answer
    assert CONSOLE.is_dir() and os.access(CONSOLE / "regrade", os.X_OK)


def test_a_reader_that_has_enough_is_no_mistake():
    reads, writes = os.pipe()
    os.close(reads)
    answer = subprocess.run(
        [sys.executable, "-m", "regrade", "cells"], cwd=ROOT, stdout=writes, stderr=subprocess.PIPE, text=True
    )
    os.close(writes)
    assert (answer.returncode, answer.stderr) == (-signal.SIGPIPE, "")
