"""A bundle in memory, and as a folder of three Parquet tables and a manifest."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from regrade.bundle import CORRECT, CURVES, MANIFEST, RUNS, TABLES, answers, histories, tables, validation
from regrade.bundle.answers import Answers
from regrade.bundle.manifest import Manifest
from regrade.core import integrity
from regrade.core.errors import UserError
from regrade.core.files import atomic_write, sha256, write_json


@dataclass(frozen=True)
class Bundle:
    """Runs of a study, whoever trained them.

    `runs`: one row per trained cell and seed: experiment, cell, folder, seed, status, metrics, provenance. `curves`:
    one row per evaluation of a run: experiment, cell, seed, epoch, and a column per metric, NaN where a cell has no
    such metric. `correct`: which rows were answered correctly, by cell and rule; of some or no cells.
    """

    manifest: Manifest
    runs: pd.DataFrame
    curves: pd.DataFrame
    correct: Answers = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the tables, then the manifest with their checksums; each whole or not at all."""
        for name, table in (
            (RUNS, self.runs.drop(columns="folder")),
            (CURVES, tables.long(self.curves)),
            (CORRECT, answers.packed(self.correct, self.manifest.cells)),
        ):
            with atomic_write(folder / name) as partial:
                tables.write(table, name, partial)
        content = self.manifest.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        checksums = {name: sha256(folder / name) for name in TABLES}
        write_json(folder / MANIFEST, content | {"sha256": checksums})


def read(folder: Path) -> Bundle:
    """The bundle in a folder, from wherever it came. UserError, naming file, row and value, for any mistake in it."""
    manifest = validation.manifest(folder)
    runs, curves, correct = (validation.table(folder, name, manifest) for name in TABLES)
    for complaint in histories.complaints(curves, runs, manifest.cells):
        raise UserError(f"{folder / CURVES}: {complaint}")
    folders = {(cell.experiment, cell.name): cell.folder.as_posix() for cell in manifest.cells}
    return Bundle(manifest, tables.with_folders(runs, folders), tables.wide(curves), answers.unpacked(correct, folders))


def read_own(folder: Path) -> Bundle:
    """The bundle that the workflow has written into this folder.

    When it is damaged it is deleted, so that the next run writes it again, with a UserError.
    """
    integrity.verify([folder], MANIFEST)
    return read(folder)
