"""The packages have an order, and imports go one way: docs/architecture.md says what each of them is for."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from support.project import ROOT

PACKAGE = ROOT / "workflow/scripts/regrade"
# A package may import from those before it, and from itself
ORDER = (
    "core",
    "runtime",
    "config",
    "languages",
    "datasets",
    "cells",
    "models",
    "training",
    "costs",
    "bundle",
    "statistics",
    "checking",
    "settle",
    "reporting",
    "jobs",
)
# The commands and their entry may import everything
ABOVE = {"commands", "__main__"}


def modules() -> dict[str, ast.Module]:
    """The modules of the package by their dotted names; a package by its own."""
    names = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        names[name] = ast.parse(path.read_text("utf-8"))
    return names


MODULES = modules()


def imported(name: str) -> set[str]:
    """What a module imports of the package, inside functions and for type checkers, too."""
    found = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {inner if inner in MODULES else node.module for inner in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
    return found - {PACKAGE.name}


def package(name: str) -> str:
    return name.split(".")[1]


def test_every_package_has_its_place():
    assert {package(name) for name in MODULES if "." in name} == {*ORDER, *ABOVE}
    text = (ROOT / "docs/architecture.md").read_text()
    assert tuple(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)) == ORDER


@pytest.mark.parametrize("name", sorted(name for name in MODULES if "." in name and package(name) not in ABOVE))
def test_imports_go_one_way(name: str):
    allowed = set(ORDER[: ORDER.index(package(name)) + 1])
    assert {package(other) for other in imported(name)} <= allowed


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: imported(name) - {name} for name in MODULES}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("folder", sorted({path.parent for path in PACKAGE.rglob("*.py")}))
def test_every_package_says_what_it_is_for(folder):
    tree = ast.parse((folder / "__init__.py").read_text("utf-8"))
    assert ast.get_docstring(tree), folder


def test_parts_of_scipy_are_loaded_when_they_are_used():
    """As `import scipy` does it: else every plan would wait for them, though it computes nothing with them."""
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] != "scipy", name
            elif isinstance(node, ast.Import):
                assert not [alias.name for alias in node.names if alias.name.startswith("scipy.")], name


def test_benchmarks_can_be_imported():
    """All but the one that needs TensorFlow; in a process of their own, as some choose the backend of Keras."""
    names = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "on_tensorflow")
    assert "scale" in names
    code = "\n".join(f"import benchmarks.{name}" for name in names)
    # And name nothing of the package's modules that is not there
    code += """
import ast, sys
for name, module in [*sys.modules.items()]:
    if name.startswith("benchmarks."):
        for node in ast.walk(ast.parse(open(module.__file__).read())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used = vars(module).get(node.value.id)
                if getattr(used, "__name__", "").startswith("regrade.") and type(used) is type(ast):
                    assert hasattr(used, node.attr), f"{module.__file__}, line {node.lineno}: {used.__name__}.{node.attr}"
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
