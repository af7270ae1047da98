"""From tables of runs, or of their histories, that somebody exported, to a bundle."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd
from pandas.api import types

from regrade.bundle import histories, named
from regrade.bundle.bundle import Bundle
from regrade.bundle.exported import Exported
from regrade.bundle.manifest import OTHER_PROTOCOL, SCHEMA, BundledCell, BundledExperiment, Manifest, Standing
from regrade.bundle.metrics import of_columns
from regrade.bundle.named import Named
from regrade.bundle.tables import KEYS, long
from regrade.cells.layout import label
from regrade.config import description
from regrade.config.description import Description
from regrade.config.looks import ERROR, Look
from regrade.config.messages import hint
from regrade.config.types import Value
from regrade.core.errors import UserError

# What only this package needs of a run
APART = ["settings", "standing"]
NAME_IT = "add it, or name one in study.yaml: columns"


@dataclass(frozen=True)
class Read:
    """A bundle made of tables, and what of these did not go into it, as sentences for the user."""

    bundle: Bundle
    notes: list[str]


def read(paths: list[Path], study: str, seed: str) -> Read:
    """The runs in one or more tables, CSV or Parquet; one with a column `epoch` has histories.

    Settings are the columns that the study's claims and numbers name. `seed`: the column with the seeds. UserError,
    naming file, row and column, for what is missing, there twice, or no number.
    """
    about, names = description.read(study), named.experiments(study)
    tables = [Exported(path, about, names, seed) for path in paths]
    _check_columns(about, tables)
    history = _together(table.rows for table in tables if table.by_epoch)
    runs = _together(table.rows for table in tables if not table.by_epoch)
    if history is not None:
        if runs is None:
            runs = history.drop_duplicates(KEYS)[[*KEYS, "status", *APART]]
        _check_histories(runs, history)
        runs = _with_metrics(_told_by(history, runs), history)
    assert runs is not None, "a table has runs or histories"
    _check_protocols(runs)
    _check_metrics(names, runs, history)
    missing = [
        f"no runs of {name}: claims about it count as not run" for name in names if name not in set(runs["experiment"])
    ]
    of_tables = _bundle(study, about, names, runs, history)
    # Several tables together may leave gaps
    for complaint in histories.complaints(long(of_tables.curves), of_tables.runs, of_tables.manifest.cells):
        raise UserError(f"histories: {complaint}")
    return Read(of_tables, [note for table in tables for note in table.notes] + missing)


def _together(tables: Iterable[pd.DataFrame]) -> pd.DataFrame | None:
    every = list(tables)
    if not every:
        return None
    rows = pd.concat(every, ignore_index=True)
    keys = [*KEYS, *(["epoch"] if "epoch" in rows else [])]
    if len(twice := rows[rows.duplicated(keys)]):
        row = twice.iloc[0]
        raise UserError(f"seed {row['seed']} of {_place(row)} is in two tables; keep one")
    return rows


def _check_columns(about: Description, tables: list[Exported]) -> None:
    """UserError for a column, an experiment or a setting that study.yaml names and no table has."""
    known = [name for table in tables for name in table.their_names]
    for name in about.columns:
        if name not in known:
            raise UserError(f"study.yaml: columns: no table has {name!r}{hint(name, known)}; correct it")
    experiments = {name for table in tables for name in table.names}
    ours = {name for table in tables for name in table.our_names}
    for experiment, one in about.experiments.items():
        where = "study.yaml: experiments"
        if experiment not in experiments:
            raise UserError(
                f"{where}: no claim and no number is about {experiment!r}{hint(experiment, experiments)}; correct it"
            )
        for name in one.settings.keys() - ours:
            raise UserError(
                f"{where}.{experiment}.settings: no table has the column {name!r}{hint(name, ours)}; add it, or remove "
                "the setting"
            )


def _check_histories(runs: pd.DataFrame, history: pd.DataFrame) -> None:
    """UserError where a history belongs to no run, or a cell has histories of some of its runs only."""
    known, drawn = (pd.MultiIndex.from_frame(table[KEYS]) for table in (runs, history))
    for _, row in history[~drawn.isin(known)].iloc[:1].iterrows():
        raise UserError(f"there is a history of seed {row['seed']} of {_place(row)}, but no run; add the run's row")
    of_cells = runs.set_index(KEYS[:2]).index.isin(history.set_index(KEYS[:2]).index)
    for _, row in runs[of_cells & ~known.isin(drawn) & (runs["status"] == "done")].iloc[:1].iterrows():
        raise UserError(
            f"seed {row['seed']} of {_place(row)} has no history, but other runs of this cell have one; add its rows, "
            "or give no histories"
        )


def _told_by(history: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, with what only their histories tell: that one diverged, or is of another protocol."""
    keys = pd.MultiIndex.from_frame(runs[KEYS])
    diverged = keys.isin(pd.MultiIndex.from_frame(history[history["status"] == "diverged"][KEYS]))
    other = history[history["standing"] != ""].groupby(KEYS)["standing"].unique()
    standings = [
        "; ".join(dict.fromkeys(filter(None, [own, *(other[key] if key in other.index else [])])))
        for key, own in zip(keys, runs["standing"], strict=True)
    ]
    return runs.assign(status=runs["status"].mask(diverged, "diverged"), standing=standings)


def _check_protocols(runs: pd.DataFrame) -> None:
    """UserError where a cell has runs of several protocols, in one table or in several."""
    for _, of_cell in runs.groupby(["experiment", "cell"], sort=False):
        if of_cell["standing"].nunique() > 1:
            texts = [text or "as in study.yaml" for text in of_cell["standing"].unique()]
            raise UserError(
                f"{_place(of_cell.iloc[0])} has runs of several protocols ({'; '.join(texts)}); keep those of one"
            )


def _place(row: "pd.Series[object]") -> str:
    """A run's cell for a message."""
    settings = label(cast("dict[str, Value]", row["settings"]))
    return f"{row['experiment']}, {settings}" if settings else str(row["experiment"])


def _with_metrics(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The runs with what their histories give: accuracies at the best and the last epoch, losses, epochs."""
    rows = []
    for key, of_run in history.sort_values("epoch").groupby(KEYS, sort=False):
        numbers = of_columns(of_run.dropna(axis="columns", how="all"))
        rows.append(dict(zip(KEYS, key, strict=True)) | {"epochs": of_run["epoch"].max()} | numbers)
    summary = pd.DataFrame(rows)
    added = [name for name in summary.columns if name not in runs.columns]
    return runs.merge(summary[[*KEYS, *added]], on=KEYS, how="left", validate="one_to_one")


def _check_metrics(names: dict[str, Named], runs: pd.DataFrame, history: pd.DataFrame | None) -> None:
    """UserError for a metric that is named of an experiment, but that none of its runs has."""
    numbers = _numbers(runs)
    by_epoch = [] if history is None else _numbers(history)
    for experiment in dict.fromkeys(runs["experiment"]):
        one = names[experiment]
        for metric, where in one.metrics.items():
            if metric not in numbers:
                raise UserError(f"{where}: no table has the metric {metric!r}{hint(metric, numbers)}; {NAME_IT}")
        for metric, where in one.curves.items():
            if metric not in by_epoch:
                raise UserError(f"{where}: no table has {metric!r} by epoch{hint(metric, by_epoch)}; {NAME_IT}")


def _numbers(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns if types.is_float_dtype(table[name])]


def _bundle(
    study: str, about: Description, names: dict[str, Named], runs: pd.DataFrame, history: pd.DataFrame | None
) -> Bundle:
    cells = [_cell(study, of_cell) for _, of_cell in runs.groupby(["experiment", "cell"], sort=False)]
    titles = {name: one.title for name, one in about.experiments.items()}
    # Nobody has planned looks: there is one, at as many seeds as every cell has, unless grading knows better
    least = max(2, min(len(cell.seeds) for cell in cells))
    manifest = Manifest(
        schema_version=SCHEMA,
        study=study,
        title=about.title or study,
        source=about.source,
        assumptions=about.assumptions,
        scale="paper",
        looks=about.looks or [Look(seeds=least, error=ERROR)],
        looks_planned=bool(about.looks),
        experiments={name: BundledExperiment(title=titles.get(name) or name) for name in names},
        cells=cells,
    )
    folders = {(cell.experiment, cell.name): cell.folder.as_posix() for cell in cells}
    keys = zip(runs["experiment"], runs["cell"], strict=True)
    runs = runs.assign(folder=[folders[key] for key in keys]).drop(columns=APART)
    no_curves = pd.DataFrame({name: [] for name in (*KEYS, "epoch")})
    return Bundle(manifest, runs, no_curves if history is None else history.drop(columns=[*APART, "status"]))


def _cell(study: str, of_cell: pd.DataFrame) -> BundledCell:
    first = of_cell.iloc[0]
    return BundledCell(
        study=study,
        experiment=first["experiment"],
        name=first["cell"],
        status="diverged" if (of_cell["status"] == "diverged").any() else "done",
        varying=first["settings"],
        settings=first["settings"],
        seeds=sorted(int(seed) for seed in of_cell["seed"]),
        standing=Standing(name=OTHER_PROTOCOL, why=first["standing"]) if first["standing"] else Standing(),
        evaluated="validation" if any(map(_is_of_validation, of_cell.dropna(axis="columns", how="all"))) else "test",
    )


def _is_of_validation(name: str) -> bool:
    return name.startswith("validation_")
