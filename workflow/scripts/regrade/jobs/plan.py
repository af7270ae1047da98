"""What a run was planned with: its parameters, its code, and the texts of its studies. Its jobs hold to them.

A run may take days, in which somebody edits files. Snakemake keeps the parameters for the jobs that it runs itself, but
a job on a cluster reads the workflow again. So the plan is a file, which such a job reads instead of params.yaml. Of
code and texts only digests are kept: a job that finds others refuses, as its results would be taken for those of the
planned ones.
"""

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from regrade.cells.cell import Cell
from regrade.config import protocol, reported, studies
from regrade.core import files, fingerprints
from regrade.core.checkout import PACKAGE
from regrade.core.errors import UserError
from regrade.reporting import TEMPLATES

FOLDER = Path(".snakemake/plans")
KEY = "planned"
# Tells a job where its plan is
VARIABLE = "REGRADE_PLAN"
SCRIPTS = PACKAGE.parent
# What every job does around its work has no influence on its results
APART = fingerprints.APART | {"regrade.jobs", "regrade.runtime.logs"}


def keep(config: dict, every: Iterable[Cell], given: Sequence[str] = ()) -> Path:
    """Write the plan of a run with these parameters, which ask for `every` cell; its absolute path.

    `given`: Snakemake's arguments. The jobs that this process starts find the plan from now on.
    """
    texts = [TEMPLATES, TEMPLATES / "assets"]
    for study in config["studies"]:
        texts += [studies.folder(study), protocol.path(study), reported.path(study)]
    plan = {
        "config": config,
        "package": _package(),
        "code": {script.name: code(script) for script in SCRIPTS.glob("*.py")},
        "cells": sorted({cell.code for cell in every}),
        "texts": {str(place): fingerprints.content(place) for place in texts},
        "given": list(given),
    }
    path = _write(plan)
    os.environ[VARIABLE] = str(path)
    return path


def with_parameters(config: dict) -> Path:
    """The plan of the run that this process is a job of, with other parameters, in a file of its own."""
    return _write(_demanded() | {"config": config})


def arguments() -> list[str]:
    """What Snakemake was given for the run that this process is a job of."""
    return list(_demanded()["given"])


def _write(plan: dict) -> Path:
    path = FOLDER.resolve() / f"{files.short_hash(plan)}.json"
    # Its parameters stay in their order, by which cells are named
    files.write_text(path, json.dumps({KEY: plan}))
    return path


def handed_over(config: dict, configfiles: list[Path]) -> dict | None:
    """The parameters that a run was planned with, in a job of it on a cluster; None where a run is planned.

    `config`: what Snakemake has read from `configfiles`, which is the plan in such a job.
    """
    os.environ.pop(VARIABLE, None)
    if KEY not in config:
        return None
    os.environ[VARIABLE] = str(configfiles[0])
    return config[KEY]["config"]


def code(script: Path) -> str:
    """Digest of a script, and of what the modules mean that it imports: the parameter `code` of its rule."""
    return files.short_hash([fingerprints.text(_tree(script)), fingerprints.code(*_imports(script), apart=APART)])


def modules(script: Path) -> set[str]:
    """The modules that `code` covers."""
    return fingerprints.closure(*_imports(script), apart=APART)


def _imports(script: Path) -> list[str]:
    """The modules of this package that a script imports, without what every job does around its work."""
    imported = {
        _module(node.module, alias.name)
        for node in ast.walk(_tree(script))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name
        for alias in node.names
    }
    return sorted(module for module in imported if not fingerprints.is_within(module, APART))


def _tree(script: Path) -> ast.Module:
    return ast.parse(script.read_text("utf-8"))


def read_by(script: Path, study: str | None) -> tuple[Path, ...]:
    """The texts that a script reads: files, or folders of them."""
    match script.name:
        case "collect.py" if study:
            return protocol.path(study), reported.path(study)
        case "audit.py" | "grade.py" | "measure.py" if study:
            return (studies.folder(study),)
        case "report.py" if study:
            return studies.folder(study), TEMPLATES
        case "front_page.py":
            return (TEMPLATES,)
        case "assets.py":
            return (TEMPLATES / "assets",)
        case _:
            return ()


def hold(script: Path, study: str | None) -> None:
    """UserError when what this script of a job runs or shows, of a study if it is about one, is not as planned."""
    if plan := _present():
        for place in read_by(script, study):
            if fingerprints.content(place) != plan["texts"].get(str(place)):
                raise _changed(_named(place))
        # Comparing bytes is quick; only where they differ, what the code means is compared
        if _package() != plan["package"] and code(script) != plan["code"].get(script.name):
            raise _changed(f"code that {script.name} runs")


def hold_cells(batch: Iterable[Cell]) -> None:
    """UserError when the code that trains these cells is not as planned: the modules of layers are named by cells."""
    if (plan := _present()) and not {cell.code for cell in batch} <= set(plan["cells"]):
        raise _changed("code that trains this cell")


def hold_all(every: Iterable[Cell]) -> None:
    """UserError when code or texts have changed since the run was planned that this one is a round of."""
    plan = _demanded()
    for place, content in plan["texts"].items():
        if fingerprints.content(Path(place)) != content:
            raise _changed(_named(Path(place)))
    if _package() != plan["package"]:
        for script, planned in plan["code"].items():
            if code(SCRIPTS / script) != planned:
                raise _changed(f"code that {script} runs")
    hold_cells(every)


def _demanded() -> dict:
    if (plan := _present()) is None:
        raise UserError("this run has no plan: leave out --no-hooks")
    return plan


def _present() -> dict | None:
    """The plan that this process is a job of; None outside of one."""
    path = os.environ.get(VARIABLE)
    return json.loads(Path(path).read_text())[KEY] if path else None


def _named(place: Path) -> str:
    return f"a file in {place}" if place.is_dir() else str(place)


def _changed(what: str) -> UserError:
    return UserError(
        f"{what} has changed since this run was planned, so the job stops: run snakemake again, which plans with what "
        "is there now"
    )


def _package() -> str:
    """SHA-256 of all code in `SCRIPTS`."""
    total = hashlib.sha256()
    for path in sorted(SCRIPTS.rglob("*.py")):
        total.update(f"{path.relative_to(SCRIPTS)}\n{files.sha256(path)}\n".encode())
    return total.hexdigest()


def _module(package: str, name: str) -> str:
    """The module that `from package import name` imports."""
    path = SCRIPTS.joinpath(*package.split("."), name)
    return f"{package}.{name}" if path.is_dir() or path.with_suffix(".py").is_file() else package
