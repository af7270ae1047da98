"""From the folders of cells to reports/: collecting, and writing the pages from what was collected."""

from importlib.metadata import version
from pathlib import Path

import pandas as pd

from regrade import cells
from regrade.cells import Cell
from regrade.files import sha256, whole, write_json
from regrade.integrity import verify
from regrade.params import Params
from regrade.reporting import (
    ASSETS,
    CLAIMS,
    CURVES,
    GRADES,
    MANIFEST,
    PAGE,
    REPORTS,
    RUNS,
    assets,
    crate,
    metrics,
    site,
)
from regrade.reporting.evidence import Evidence
from regrade.statistics import collect, grading


def write_data(study: str, every: list[Cell]) -> None:
    """Collect a study's runs and curves into two Parquet files of its report, with a manifest of their checksums."""
    runs, curves = collect.runs(cell for cell in every if cell.study == study)
    # Counts, seconds, and a loss's digits beyond the seventh are in the cells' own files: a third of the bytes is left
    apart = [name for name in curves if name == "seconds" or name.endswith(("_correct_even", "_correct_odd"))]
    losses = {name: "float32" for name in curves if name.endswith("_loss")}
    for name, table in ((RUNS, runs), (CURVES, curves.drop(columns=apart).astype(losses))):
        # Losses hardly ever repeat: they are smaller byte by byte than in a dictionary
        unlike = [column for column in table if column in losses]
        others = [column for column in table if column not in losses]
        encodings = dict.fromkeys(unlike, "BYTE_STREAM_SPLIT") or None
        with whole(REPORTS / study / name) as partial:
            table.to_parquet(partial, index=False, compression="zstd", use_dictionary=others, column_encoding=encodings)
    manifest = REPORTS / study / MANIFEST
    checksums = {Path(name).name: sha256(REPORTS / study / name) for name in (RUNS, CURVES)}
    write_json(manifest, {"sha256": checksums})


def write_grading(params: Params, study: str, every: list[Cell]) -> None:
    """Grade a study by what `write_data` collected, and write the grades and verdicts into its report."""
    graded = grading.grade(study, params, evidence(params, study, every))
    grading.write(graded, REPORTS / study / GRADES, REPORTS / study / CLAIMS)


def evidence(params: Params, study: str, every: list[Cell]) -> Evidence:
    """A study's evidence, from the two files that `write_data` wrote. UserError on damage; they are deleted then."""
    manifest = REPORTS / study / MANIFEST
    verify([manifest.parent], manifest.name)
    runs, curves = (pd.read_parquet(REPORTS / study / name) for name in (RUNS, CURVES))
    return Evidence([cell for cell in every if cell.study == study], runs, curves, study, params)


def write_all(params: Params) -> Path:
    """Make every report from whatever cells exist; the path of the front page."""
    every = cells.expand(params)
    assets.write(REPORTS / ASSETS)
    for study in params.studies:
        write_data(study, every)
        write_grading(params, study, every)
        of_study = evidence(params, study, every)
        site.write_study(of_study, REPORTS / study)
        metrics.write(of_study, REPORTS / study)
    front = REPORTS / PAGE
    site.write_front([evidence(params, study, every) for study in params.studies], front)
    crate.write(params, every, version("snakemake"))
    return front
