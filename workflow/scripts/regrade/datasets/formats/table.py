"""Rows of numbers from CSV or Parquet files, with a column of classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from regrade.config.own_data import TableOptions as Options
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.kinds import columns, labelled
from regrade.datasets.kinds.columns import Columns
from regrade.datasets.kinds.labelled import Rows, Splits
from regrade.datasets.prepared import Prepared
from regrade.datasets.standins import clusters


def form(options: Options) -> Form | None:
    """What its rows are; None where params.yaml does not say."""
    if described := options.stand_in:
        return Form((described.features,), described.classes)
    return Form((len(options.features),), len(options.classes)) if options.features and options.classes else None


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The features as (rows, columns) float32, in the order of the files, or in that of a draw.

    UserError, with file, row and column, for a cell that cannot be read, and for columns or classes that are missing.
    """
    needed = [options.label, *(options.features or ())]
    tables = {name: columns.read(path, needed, options.separator) for name, path in sorted(files.items())}
    features = options.features or _features(list(tables.values()), options.label)
    parts = {
        name: Rows(table.numbers(features, options.decimal), table.labels(options.label), table.place)
        for name, table in tables.items()
    }
    assert options.split is not None
    splits = labelled.divided(parts, options.split, options.classes)
    if options.standardize:
        splits = _standardized(splits)
    return splits.prepared(labelled.source(f"{len(features)} columns", files, options.split))


def _features(tables: list[Columns], label: str) -> list[str]:
    """All columns but the label, which must be the same in all files."""
    first = tables[0]
    features = [name for name in first.names if name != label]
    for table in tables:
        if "" in table.names:
            number = table.names.index("") + 1
            raise UserError(
                f"{table.place(-1)}: column {number} has no name, so it may be no feature; list the columns with "
                "numbers under features"
            )
        if other := set(table.names) ^ set(first.names):
            raise UserError(
                f"{first.place(-1)} and {table.place(-1)} do not have the same columns ({min(other)!r} is in one of "
                "them only); list the columns with numbers under features"
            )
    if not features:
        raise UserError(f"{first.place(-1)} has no column but the label {label!r}; get a file with features")
    return features


def _standardized(splits: Splits) -> Splits:
    """Each column less its mean over the training rows, divided by their standard deviation (by 1 where that is 0)."""
    train = splits.train_inputs.astype(np.float64)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1
    inputs = (((rows - mean) / deviation).astype(np.float32) for rows in (train, splits.test_inputs))
    return replace(splits, train_inputs=next(inputs), test_inputs=next(inputs))


def stand_in(options: Options) -> Prepared:
    """Generated clouds of points, for runs without the files. See `regrade.datasets.standins.clusters`."""
    described = options.stand_in
    assert described is not None
    train, test = clusters.targets(described)
    inputs = [clusters.numbers(of_class, (described.features,), seed) for seed, of_class in enumerate((train, test))]
    return Splits(inputs[0], train, inputs[1], test, clusters.names(options, described)).prepared(clusters.SOURCE)
