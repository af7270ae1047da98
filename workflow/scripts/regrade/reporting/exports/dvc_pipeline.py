"""dvc.yaml: the workflow as DVC sees it, in coarse stages, generated from params.yaml and what the package declares."""

from pathlib import Path

import yaml

from regrade.cells import expansion, own_code
from regrade.cells.cell import Cell
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.core.files import write_text
from regrade.datasets import registry
from regrade.datasets.identity import PREPARED, RAW
from regrade.reporting import CRATE, METRICS, MODELS, PLOTTED_CELLS, PLOTTED_CURVES, study_code
from regrade.statistics import REPORTS, reference

PATH = Path("dvc.yaml")
HEADER = """\
# The workflow as DVC sees it: coarse stages over the same Snakemake rules, which decide inside each stage what is to be
# done. `persist` keeps what is there: Snakemake makes only what is new. See docs/dvc.md.
# Written by `regrade dvc`; a test fails when it is behind.
"""
SNAKEMAKE = "snakemake --quiet rules reason"
PACKAGE = "workflow/scripts/regrade"
# Where the code is that training depends on, beside that of the data
TRAINING = ("config/layer_specs.py", "datasets/text", "languages", "models", "runtime", "training")
# Where the code is that reports depend on; of cells and parameters, training stages follow what results depend on
REPORTING = ("bundle", "reporting", "statistics")
SCALE = ["scale", "scales.${scale}"]


def write(params: Params) -> None:
    """Write dvc.yaml, whole or not at all. UserError when params.yaml lacks a key that a stage names."""
    if "more_seeds" not in params.model_fields_set:
        raise UserError("params.yaml: more_seeds: DVC follows only keys that are there; add more_seeds: []")
    text = yaml.safe_dump(pipeline(params), sort_keys=False, allow_unicode=True, width=120)
    write_text(PATH, HEADER + text)


def pipeline(params: Params) -> dict:
    """The stages, and the metrics, plots and models that DVC knows."""
    every = expansion.expand(params)
    used = sorted({cell.data.dataset for cell in every})
    prepared = {name: _places(name, params, every) for name in used}
    slots = range(max(map(len, prepared.values())))
    return {
        "stages": {
            "fetch": {
                "cmd": [f"mkdir -p {RAW}", f"{SNAKEMAKE} -- fetch_all"],
                "deps": [f"{PACKAGE}/datasets/fetch.py"],
                "params": ["scale", "scales.${scale}.data", "datasets"],
                "outs": [_kept(RAW)],
            },
            "prepare": {
                # All datasets have as many places in params.yaml: those with fewer name the scale again
                "foreach": {
                    name: {f"place{slot}": (places[slot] if slot < len(places) else "scale") for slot in slots}
                    for name, places in prepared.items()
                },
                "do": {
                    "cmd": f"{SNAKEMAKE} -- prepare_${{key}}",
                    "deps": [RAW.as_posix(), f"{PACKAGE}/datasets", f"{PACKAGE}/languages"],
                    "params": [*SCALE, *(f"${{item.place{slot}}}" for slot in slots)],
                    "outs": [_kept(PREPARED / "${key}")],
                },
            },
            **{f"train_{study}": _training(study, every) for study in params.studies},
            "report": {
                "cmd": SNAKEMAKE,
                "deps": [
                    *("CITATION.cff", "LICENSE", "results"),
                    # A project need not have one
                    *([reference.FOLDER.as_posix()] if reference.FOLDER.is_dir() else []),
                    *(f"{PACKAGE}/{name}" for name in REPORTING),
                    "workflow/studies",
                ],
                "params": [*SCALE, "seeds", "more_seeds", "looks", "audit_worlds", "studies"],
                "outs": [_kept(REPORTS), _kept(MODELS), _kept(Path(CRATE))],
            },
        },
        "metrics": [f"{REPORTS}/{study}/{METRICS}" for study in params.studies],
        "plots": [plot for study in params.studies for plot in _plots(study)],
        # The best model of each experiment: the highest accuracy after the last epoch
        "artifacts": {
            f"{study}-{name.replace('_', '-')}": {"path": f"{MODELS}/{study}/{name}.safetensors", "type": "model"}
            for study, content in params.studies.items()
            for name in content.experiments
        },
    }


def _training(study: str, every: list[Cell]) -> dict:
    """The stage that trains a study, and measures what it measures apart from its cells."""
    datasets = sorted({cell.data.dataset for cell in every if cell.study == study})
    measure = study_code.path(study, study_code.MEASURE)
    possible = [each for cell in every if cell.study == study for each in cell.possible]
    targets = {layer.target for each in possible for layer in each.own_modules}
    own = {path.as_posix() for target in targets for path in own_code.files(target)}
    parts = [f"studies.{study}.{part}" for part in ("conventions", "experiments", "networks")]
    return {
        "cmd": f"{SNAKEMAKE} -- train_{study}",
        "deps": [
            *(f"{PREPARED}/{name}" for name in datasets),
            *(f"{PACKAGE}/{name}" for name in TRAINING),
            *([f"workflow/studies/{study}/{measure.name}"] if measure.exists() else []),
            *sorted(own),
        ],
        "params": [*SCALE, "seeds", "more_seeds", *parts],
        "outs": [_kept(Path("results", study))],
    }


def _places(name: str, params: Params, every: list[Cell]) -> list[str]:
    """Where params.yaml says how a dataset is prepared: files, options, experiments with options of their own.

    Also experiments that start from word vectors, which depend on how many rows they train on.
    """
    own = registry.own_format(name, params.datasets)
    alternatives = () if own else registry.module(name).ALTERNATIVES
    sources = {file.split("/")[0] for files in alternatives for file in files} | {name}
    general = params.datasets[name].options if name in params.datasets else {}
    options = registry.models(name, own)[0].model_fields
    experiments = {
        f"studies.{cell.study}.experiments.{cell.experiment}"
        for cell in every
        if cell.data.dataset == name
        and (
            cell.needed_data.word_vectors
            or any(key in cell.settings and cell.settings[key] != general.get(key) for key in options)
        )
    }
    return [*(f"datasets.{source}" for source in sorted(sources & params.datasets.keys())), *sorted(experiments)]


def _plots(study: str) -> list[dict]:
    curves, cells = (f"{REPORTS}/{study}/{name}" for name in (PLOTTED_CURVES, PLOTTED_CELLS))
    return [
        {
            f"{study}, learning curves": {
                "y": {curves: "accuracy"},
                "x": "epoch",
                "template": "curves",
                "title": f"{study}: accuracy by epoch, mean over the seeds",
            }
        },
        {
            f"{study}, cells": {
                "y": {cells: "cell"},
                "x": "accuracy",
                "template": "cells",
                "title": f"{study}: accuracy of each cell with 95 % intervals; black, what the source reports",
            }
        },
    ]


def _kept(path: Path) -> dict:
    """An output that DVC does not delete before it runs a stage."""
    return {path.as_posix(): {"persist": True}}
