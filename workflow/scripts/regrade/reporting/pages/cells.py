"""A page for each cell: how it was configured, what its runs gave, its log, where and by what it was trained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import HISTORY, MODEL, PREDICTIONS, RECORD
from regrade.config.types import Value
from regrade.core.files import write_text
from regrade.reporting.evidence import Evidence
from regrade.reporting.graded import Verdicts
from regrade.reporting.pages.numbers import Number
from regrade.reporting.pages.places import compared
from regrade.reporting.pages.rendering import environment

LOGS = Path("logs")
LOG_LINES = 20
# From the front page's folder to a cell's page, and from there to the working directory
ROOT = "../../../"


def write(
    evidence: Evidence, verdicts: Verdicts, trained: list[dict], numbers: dict[str, list[Number]], folder: Path
) -> None:
    """Write folder/<experiment>/<cell>.html for every cell, trained or not.

    `trained`: name and title of the experiments with histories, as `histories.write` returns them. `numbers`: by the
    cell's folder.
    """
    template = environment().get_template("cell.html.j2")
    titles = {experiment["name"]: experiment["title"] for experiment in trained}
    for cell in evidence.cells:
        files = evidence.files(cell)
        runs = evidence.of(cell)
        text = template.render(
            root=ROOT,
            evidence=evidence,
            cell=cell,
            title=evidence.experiments[cell.experiment].title,
            verdicts=verdicts.of(cell.folder.as_posix()),
            seeds=[int(seed) for seed in runs["seed"]] if len(runs) else [],
            metrics=numbers[cell.folder.as_posix()],
            compare="../../" + compared(cell.folder.as_posix()) if len(evidence.curve(cell)) else None,
            explorer=_explorer(cell, titles) if len(evidence.curve(cell)) else None,
            shown_settings=settings(cell),
            rest=json.dumps(_without_settings(cell.configuration), indent=1, ensure_ascii=False),
            provenance=_provenance(runs),
            log=_log(cell) if evidence.at_hand else None,
            log_lines=LOG_LINES,
            files=_files(files) if files else [],
        )
        write_text(folder / cell.experiment / f"{cell.name}.html", text)


def settings(cell: BundledCell) -> dict[str, Value]:
    """The settings that every network has in common, as the cell was trained with; all that are known without these."""
    every = cell.configuration.get("settings", cell.settings)
    return {key: value for key, value in every.items() if value is not None}


def _without_settings(configuration: dict) -> dict:
    return {key: value for key, value in configuration.items() if key != "settings"}


def _explorer(cell: BundledCell, titles: dict[str, str]) -> dict:
    experiment = {"name": cell.experiment, "title": titles[cell.experiment]}
    return {"root": "../../", "experiments": [experiment], "cell": cell.name}


def _provenance(runs: pd.DataFrame) -> dict[str, list[str]]:
    """What is recorded of where and by what the runs were trained: by heading, one text per seed."""
    texts: dict[str, tuple[str, Callable[[Any], str]]] = {
        "Commit": ("commit", str),
        "Uncommitted changes": ("dirty", lambda dirty: "yes" if dirty else "no"),
        "Device": ("device", str),
        "Training": ("train_seconds", lambda seconds: f"{seconds:,.1f} s"),
        "Most memory": ("peak_memory_bytes", lambda most: f"{most / 1e6:,.0f} MB"),
        "Resumed": ("resumed_at_epoch", lambda epoch: f"at epoch {epoch:g}" if epoch else "no"),
        "Versions": ("versions", _versions),
    }
    return {
        heading: ["not recorded" if pd.isna(value) else text(value) for value in runs[column]]
        for heading, (column, text) in texts.items()
        if column in runs
    }


def _versions(text: str) -> str:
    return ", ".join(f"{name} {version}" for name, version in json.loads(text).items())


def _log(cell: BundledCell) -> list[str] | None:
    """The last lines of the training job's log; None where there is no log, as after a `dvc pull`."""
    path = LOGS / cell.folder.parent / f"{cell.name}.log"
    return path.read_text(errors="replace").splitlines()[-LOG_LINES:] if path.exists() else None


def _files(folder: Path) -> list[tuple[str, str, int]]:
    """Name, address from the cell's page, and size in bytes of the files in a cell's folder."""
    paths = [folder / name for name in (HISTORY, PREDICTIONS, MODEL, RECORD)]
    return [
        (path.name, quote(f"{ROOT}../{path.as_posix()}", safe="/=+"), path.stat().st_size)
        for path in paths
        if path.exists()
    ]
