"""The package by itself: what it declares to need, what a wheel of it has, and that grading needs no more than that."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import graded
from support.project import ROOT

PACKAGE = ROOT / "workflow/scripts/regrade"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GRADING = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {name: [Requirement(line) for line in lines] for name, lines in PROJECT["optional-dependencies"].items()}
ALL = [*GRADING, *(requirement for lines in EXTRAS.values() for requirement in lines)]
# What is given to a bundle of runs; the others make one
OF_GRADING = ("core", "config", "languages", "cells", "bundle", "statistics", "reporting", "commands")
# Modules there that need more: the RO-Crate describes a run of the workflow
OF_WORKFLOW = {"rocrate": "reporting/exports/crate"}
# pip and Python must not see the package that is tested from its source
CLEAN = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def pins() -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)(?:\[\w+\])?==([\w.]+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


@pytest.mark.parametrize("requirement", ALL, ids=lambda requirement: requirement.name)
def test_the_pinned_versions_are_within_the_declared_ones(requirement: Requirement):
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def provided(requirements: list[Requirement]) -> set[str]:
    """The distributions that are installed for these, and for what they need themselves."""
    names = {canonicalize_name(requirement.name) for requirement in requirements}
    for name in list(names):
        needed = [Requirement(line) for line in metadata.requires(name) or []]
        names |= {
            canonicalize_name(one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})
        }
    return names


def imports(path: Path) -> set[str]:
    """The distributions of other projects that a module imports, inside functions, too."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.split(".")[0])
    others = modules - {PACKAGE.name} - sys.stdlib_module_names
    return {canonicalize_name(DISTRIBUTIONS[module][0]) for module in others}


DISTRIBUTIONS = metadata.packages_distributions()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_import_is_declared(path: Path):
    place = path.relative_to(PACKAGE).as_posix()
    allowed = provided(GRADING if place.split("/")[0] in OF_GRADING else ALL)
    allowed |= {name for name, modules in OF_WORKFLOW.items() if place.startswith(modules)}
    assert imports(path) <= allowed


def test_nothing_is_declared_in_vain():
    used = {name for path in PACKAGE.rglob("*.py") for name in imports(path)}
    # pandas writes Markdown by tabulate, pooch shows progress by tqdm; programs and plug-ins are not imported
    used |= {"tabulate", "tqdm", "dvc", "dvc-s3", "snakemake-executor-plugin-slurm", "snakemake-logger-plugin-rich"}
    assert {canonicalize_name(requirement.name) for requirement in ALL} <= used


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the package. It is built from a copy, since building leaves files in its source."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(PACKAGE, source / PACKAGE.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", target, source]
    answer = subprocess.run(build, env=CLEAN, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    (built,) = target.glob("*.whl")
    return built


def test_a_wheel_has_every_file_of_the_package(wheel: Path):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("regrade/")}
    files = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert inside == {path.relative_to(PACKAGE.parent).as_posix() for path in files}


@dataclass
class Environment:
    """A Python environment that has nothing but the wheel and what that depends on."""

    folder: Path

    def run(self, *command: str, **options) -> subprocess.CompletedProcess:
        """Run one of its programs."""
        program = self.folder / "bin" / command[0]
        return subprocess.run([program, *command[1:]], env=CLEAN, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment made by `pip install`, with the versions of the lock, which pip has in its cache."""
    environment = Environment(tmp_path_factory.mktemp("empty"))
    venv.create(environment.folder, with_pip=True)
    constraint = ("--constraint", str(ROOT / "requirements.lock"))
    answer = environment.run("pip", "install", "--prefer-binary", "--retries", "1", *constraint, str(wheel))
    if "NewConnectionError" in answer.stderr + answer.stdout:
        pytest.skip("no package index can be reached")
    assert answer.returncode == 0, answer.stderr
    return environment


def test_an_installed_package_works_by_itself(installed: Environment, tmp_path: Path):
    shown = installed.run("regrade", "--help", cwd=tmp_path)
    assert shown.returncode == 0 and "  cells " in shown.stdout, shown.stderr
    for module in ("torch", "snakemake", "dvc", "rocrate", "sklearn"):
        assert installed.run("python", "-c", f"import {module}").returncode == 1
    # What grading imports, and the files beside it
    code = """
from regrade.reporting import TEMPLATES
from regrade.reporting.pages import assets, site
from regrade.bundle import bundle
from regrade.statistics import audit, grading
from pathlib import Path
assets.write(Path("assets"))
assert list(TEMPLATES.glob("*.j2")) and list(Path("assets").iterdir())
"""
    answer = installed.run("python", "-c", code, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    graded.study(tmp_path)
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    answer = installed.run("regrade", "grade", "levels_of_text", "runs.csv", cwd=tmp_path)
    assert answer.returncode == 0 and answer.stdout.startswith("confirmed "), answer.stderr
    assert (tmp_path / "graded/levels_of_text/index.html").exists()
    outside = installed.run("regrade", "cells", cwd=tmp_path)
    assert outside.stderr.startswith(f"Error: {tmp_path} has no params.yaml")


def test_in_a_folder_that_was_moved_the_environment_is_made_again(tmp_path: Path):
    for name in ("Makefile", "requirements.txt", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    program, ready = tmp_path / ".venv/bin/pip", tmp_path / ".venv/ready"
    program.parent.mkdir(parents=True)
    for interpreter, clears in ((sys.executable, False), (tmp_path / "gone/python", True)):
        program.write_text(f"#!{interpreter}\n")
        ready.touch()
        planned = subprocess.run(["make", "-n", "setup"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert ("venv --clear .venv" in planned.stdout) == clears
