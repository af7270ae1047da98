"""A page for each cell: how it was configured, what its runs gave, its log, where and by what it was trained."""

import json
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from regrade.cells.cell import Cell
from regrade.cells.layout import HISTORY, MODEL, PREDICTIONS, RECORD
from regrade.core.files import write_text
from regrade.core.integrity import read_card
from regrade.reporting.evidence import Evidence
from regrade.reporting.graded import Verdicts
from regrade.reporting.number_format import formatted, interval, short
from regrade.reporting.pages.rendering import environment

LOGS = Path("logs")
LOG_LINES = 20
# From the front page's folder to a cell's page, and from there to the working directory
ROOT = "../../../"
# Columns of the runs that are not numbers of interest; the environment is shown apart from them
ABOUT = {"study", "experiment", "cell", "folder", "varying", "seed", "error", "parameters_by_layer"}
ABOUT |= {"commit", "dirty", "device", "peak_memory_bytes", "train_seconds"}


def write(evidence: Evidence, verdicts: Verdicts, trained: list[dict], folder: Path) -> None:
    """Write folder/<experiment>/<cell>.html for every cell, trained or not.

    `trained`: name and title of the experiments with histories, as `histories.write` returns them.
    """
    template = environment().get_template("cell.html.j2")
    titles = {experiment["name"]: experiment["title"] for experiment in trained}
    for cell in evidence.cells:
        record = read_card(cell.folder, RECORD) if (cell.folder / RECORD).exists() else None
        runs = evidence.of(cell)
        status, error = evidence.status(cell)
        configuration = record["configuration"] if record else cell.configuration().model_dump(mode="json")
        text = template.render(
            root=ROOT,
            evidence=evidence,
            cell=cell,
            title=evidence.study.experiments[cell.experiment].title,
            status=status,
            standing=evidence.standing(cell),
            error=error,
            verdicts=verdicts.of(cell.folder.as_posix()),
            seeds=[int(seed) for seed in runs["seed"]] if len(runs) else [],
            metrics=_metrics(evidence, cell),
            explorer=_explorer(cell, titles) if len(runs) else None,
            configuration=configuration,
            rest=json.dumps(_without_settings(configuration), indent=1, ensure_ascii=False),
            provenance=_provenance(record["runs"]) if record else {},
            log=_log(cell),
            log_lines=LOG_LINES,
            files=_files(cell),
        )
        write_text(folder / cell.experiment / f"{cell.name}.html", text)


def _without_settings(configuration: dict) -> dict:
    return {key: value for key, value in configuration.items() if key != "settings"}


def _metrics(evidence: Evidence, cell: Cell) -> list[tuple[str, list[str], str, str]]:
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


def _explorer(cell: Cell, titles: dict[str, str]) -> dict:
    experiment = {"name": cell.experiment, "title": titles[cell.experiment]}
    return {"root": "../../", "experiments": [experiment], "cell": cell.name}


def _provenance(runs: list[dict]) -> dict[str, list[str]]:
    """What is recorded of where and by what the runs were trained: by heading, one text per seed."""
    return {
        "Commit": [run["commit"] or "not recorded" for run in runs],
        "Uncommitted changes": ["not recorded" if run["dirty"] is None else _yes(run["dirty"]) for run in runs],
        "Device": [run["device"] for run in runs],
        "Training": [f"{run['train_seconds']:,.1f} s" for run in runs],
        "Most memory": [f"{run['peak_memory_bytes'] / 1e6:,.0f} MB" for run in runs],
        "Resumed": [f"at epoch {run['resumed_at_epoch']:g}" if run["resumed_at_epoch"] else "no" for run in runs],
        "Versions": [", ".join(f"{name} {version}" for name, version in run["versions"].items()) for run in runs],
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _log(cell: Cell) -> list[str] | None:
    """The last lines of the training job's log; None where there is no log, as after a `dvc pull`."""
    path = LOGS / cell.folder.parent / f"{cell.name}.log"
    return path.read_text(errors="replace").splitlines()[-LOG_LINES:] if path.exists() else None


def _files(cell: Cell) -> list[tuple[str, str, int]]:
    """Name, address from the cell's page, and size in bytes of the cell's files, as far as they are there."""
    paths = [cell.folder / name for name in (HISTORY, PREDICTIONS, MODEL, RECORD)]
    return [
        (path.name, quote(f"{ROOT}../{path.as_posix()}", safe="/=+"), path.stat().st_size)
        for path in paths
        if path.exists()
    ]
