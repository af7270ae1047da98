"""Several bundles of one study as one: what several machines trained, or what was trained at several times."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

import pandas as pd

from regrade.bundle.answers import RULES, Answers, Correct
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell, BundledExperiment, Manifest
from regrade.core.errors import UserError

# What must agree of a cell that is in several bundles, and of an experiment
SAME = ("varying", "standing", "dataset", "evaluated", "configuration")
SAME_OF_EXPERIMENTS = ("select", "converged_at", "converged_on", "caps")


def _looks(manifest: Manifest) -> str:
    """The planned looks in words; what follows from the runs may differ from bundle to bundle."""
    if not manifest.looks_planned:
        return "none planned"
    return ", ".join(f"{look.seeds} seeds (error {look.error:g})" for look in manifest.looks)


# What all bundles must have in common
_OF_ALL: dict[str, Callable[[Manifest], str]] = {
    "study": attrgetter("study"),
    "scale": attrgetter("scale"),
    "looks": _looks,
}


def merged(bundles: Sequence[Bundle]) -> tuple[Bundle, list[str]]:
    """The runs of all bundles in one, and what of these is left out, as sentences for the user.

    A cell that several have trained has the seeds of all. What is said of the study, and the title of an experiment,
    are those of the first. UserError where they are of several studies, scales or planned looks, where a cell was
    trained in several ways or tested on several samples of rows, or where a seed of a cell is in several.
    """
    first, *others = bundles
    for other in others:
        for key, of_bundle in _OF_ALL.items():
            ours, theirs = of_bundle(first.manifest), of_bundle(other.manifest)
            if ours != theirs:
                raise UserError(f"the bundles differ in {key}: {ours} and {theirs}; merge what was asked for alike")
    cells: dict[tuple[str, str], list[BundledCell]] = {}
    for one in bundles:
        for cell in one.manifest.cells:
            cells.setdefault((cell.experiment, cell.name), []).append(cell)
    manifest = first.manifest.model_copy(
        update={
            "experiments": _experiments([one.manifest.experiments for one in bundles]),
            "cells": [_cell(same) for same in cells.values()],
            "commits": sorted({commit for one in bundles for commit in one.manifest.commits}),
        }
    )
    runs, curves = (_stacked(tables) for tables in zip(*((one.runs, one.curves) for one in bundles), strict=True))
    correct, notes = _answers([one.correct for one in bundles], manifest.cells)
    return Bundle(manifest, runs, curves, correct), notes


def _experiments(every: Sequence[Mapping[str, BundledExperiment]]) -> dict[str, BundledExperiment]:
    """The experiments of all bundles, each as it is in the first that has it."""
    experiments: dict[str, BundledExperiment] = {}
    for of_bundle in every:
        for name, other in of_bundle.items():
            first = experiments.setdefault(name, other)
            if differing := [key for key in SAME_OF_EXPERIMENTS if getattr(first, key) != getattr(other, key)]:
                raise UserError(
                    f"{name}: the bundles have another {', '.join(differing)} of this experiment; merge bundles of one "
                    "protocol"
                )
    return experiments


def _cell(same: Sequence[BundledCell]) -> BundledCell:
    """A cell with the seeds of all that were trained; as it is in the first bundle where none was."""
    first, *others = [cell for cell in same if cell.trained] or same[:1]
    seeds = list(first.seeds)
    for other in others:
        if differing := [key for key in SAME if getattr(first, key) != getattr(other, key)]:
            raise UserError(
                f"{first.experiment}/{first.name}: the bundles trained it with another {', '.join(differing)}; merge "
                "bundles of one protocol"
            )
        if twice := sorted(set(seeds) & set(other.seeds)):
            raise UserError(
                f"{first.experiment}/{first.name}: seed {twice[0]} is in two bundles; leave one of them out"
            )
        seeds += other.seeds
    diverged = any(cell.status == "diverged" for cell in (first, *others))
    return first.model_copy(update={"seeds": sorted(seeds)} | ({"status": "diverged"} if diverged else {}))


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _answers(every: Sequence[Answers], cells: Sequence[BundledCell]) -> tuple[Answers, list[str]]:
    """The answers that all seeds of a cell have given, and a sentence about those that are left out."""
    merged: dict[tuple[str, str], Correct] = {}
    left_out: dict[str, None] = {}
    for cell in cells:
        for rule in RULES:
            key = cell.folder.as_posix(), rule
            known = [answers[key] for answers in every if key in answers]
            for other in known[1:]:
                if not other.same_rows(known[0]):
                    raise UserError(
                        f"{cell.experiment}/{cell.name}: the bundles tested it on other rows (sample "
                        f"{known[0].sample} and {other.sample}); merge bundles of one protocol"
                    )
            by_seed = {seed: right for one in known for seed, right in one.by_seed.items()}
            if known and by_seed.keys() >= set(cell.seeds):
                merged[key] = Correct(known[0].sample, by_seed)
            elif known:
                left_out[f"{cell.experiment}/{cell.name}"] = None
    if not left_out:
        return merged, []
    of_cells = (
        f"{len(left_out)} cells, {next(iter(left_out))} among them," if len(left_out) > 1 else next(iter(left_out))
    )
    return merged, [
        f"answers of {of_cells} are left out, as some seeds have none: intervals of these accuracies cover seeds but "
        "not test rows"
    ]
