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
from regrade.reporting.number_format import formatted, interval, short
from regrade.reporting.pages.rendering import environment

LOGS = Path("logs")
LOG_LINES = 20
# From the front page's folder to a cell's page, and from there to the working directory
ROOT = "../../../"
# Columns of the runs that are not numbers of interest; the environment is shown apart from them
ABOUT = {"experiment", "cell", "folder", "settings", "seed", "parameters_by_layer", "valid_by_prompt", "versions"}
ABOUT |= {"commit", "dirty", "device", "peak_memory_bytes", "train_seconds", "resumed_at_epoch"}


def write(evidence: Evidence, verdicts: Verdicts, trained: list[dict], folder: Path) -> None:
    """Write folder/<experiment>/<cell>.html for every cell, trained or not.

    `trained`: name and title of the experiments with histories, as `histories.write` returns them.
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
            metrics=_metrics(evidence, cell),
            explorer=_explorer(cell, titles) if len(evidence.curve(cell)) else None,
            shown_settings=_settings(cell),
            rest=json.dumps(_without_settings(cell.configuration), indent=1, ensure_ascii=False),
            provenance=_provenance(runs),
            log=_log(cell) if evidence.at_hand else None,
            log_lines=LOG_LINES,
            files=_files(files) if files else [],
        )
        write_text(folder / cell.experiment / f"{cell.name}.html", text)


def _settings(cell: BundledCell) -> dict[str, Value]:
    """The settings that every network has in common, as the cell was trained with; all that are known without these."""
    settings = cell.configuration.get("settings", cell.settings)
    return {key: value for key, value in settings.items() if value is not None}


def _without_settings(configuration: dict) -> dict:
    return {key: value for key, value in configuration.items() if key != "settings"}


def _metrics(evidence: Evidence, cell: BundledCell) -> list[tuple[str, list[str], str, str]]:
    """Name, values by seed, mean and its 95 % interval of all that the runs of a cell have; words have no mean."""
    rows, runs = [], evidence.of(cell)
    for name in (str(name) for name in runs.dropna(axis="columns", how="all").columns if name not in ABOUT):
        values = runs[name]
        if pd.api.types.is_numeric_dtype(values):
            # Counts and epochs, which may be floats because one run has none
            whole = (values.dropna() % 1 == 0).all() and values.max() > 1
            texts = [formatted(value, ",.0f") if whole else short(value) for value in values]
            rows.append((name, texts, short(float(values.mean())), interval(evidence.interval(cell, name))))
        else:
            rows.append((name, list(values), "", ""))
    return rows


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
