"""Several bundles of one study as one: what several machines trained, or what was trained at several times."""

from collections.abc import Sequence

import pandas as pd

from regrade.bundle.answers import Answers, Correct
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell
from regrade.core.errors import UserError

# What must agree of a cell that is in several bundles
SAME = ("varying", "standing", "dataset", "evaluated", "configuration")


def merged(bundles: Sequence[Bundle]) -> Bundle:
    """The runs of all bundles in one; a cell that several have trained has the seeds of all.

    What is said of the study is that of the first. UserError where they are of several studies, scales or planned
    looks, where a cell was trained in several ways, or where a seed of a cell is in several.
    """
    first, *others = bundles
    for other in others:
        for key in ("study", "scale", "looks"):
            ours, theirs = getattr(first.manifest, key), getattr(other.manifest, key)
            if ours != theirs:
                raise UserError(f"the bundles differ in {key}: {ours} and {theirs}; merge what was asked for alike")
    cells: dict[tuple[str, str], list[BundledCell]] = {}
    for one in bundles:
        for cell in one.manifest.cells:
            cells.setdefault((cell.experiment, cell.name), []).append(cell)
    manifest = first.manifest.model_copy(
        update={
            "cells": [_cell(same) for same in cells.values()],
            "commits": sorted({commit for one in bundles for commit in one.manifest.commits}),
        }
    )
    return Bundle(
        manifest,
        _stacked([one.runs for one in bundles]),
        _stacked([one.curves for one in bundles]),
        _answers([one.correct for one in bundles]),
    )


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


def _answers(every: Sequence[Answers]) -> Answers:
    by_key: dict[tuple[str, str], list[Correct]] = {}
    for answers in every:
        for key, correct in answers.items():
            by_key.setdefault(key, []).append(correct)
    # Cells of one configuration are evaluated on the same sample
    return {
        key: Correct(same[0].sample, {seed: right for one in same for seed, right in one.by_seed.items()})
        for key, same in by_key.items()
    }
