"""Texts from a column of CSV or Parquet files, with a column of classes."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from regrade.config.own_data import TextsOptions as Options
from regrade.datasets.form import Form
from regrade.datasets.kinds import columns, labelled
from regrade.datasets.kinds.labelled import Rows, Splits
from regrade.datasets.prepared import Prepared
from regrade.datasets.standins import clusters
from regrade.datasets.text import tokens
from regrade.datasets.text.ragged import Ragged
from regrade.datasets.text.reading import Reading as Reading  # the settings of a cell that say how its texts are read


def form(options: Options) -> Form | None:
    """What its rows are; None where params.yaml does not say."""
    classes = options.stand_in.classes if options.stand_in else len(options.classes or ())
    return Form((None,), classes, "ids") if classes else None


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The texts as ranks of their words or characters, in the order of the files, or in that of a draw.

    UserError, with file, row and column, for a text or a class that cannot be read, and for classes that are missing.
    """
    parts = {}
    for name, path in files.items():
        table = columns.read(path, [options.label, options.text], options.separator)
        texts = np.array([*table.texts(options.text), None], dtype=object)[:-1]
        parts[name] = Rows(texts, table.labels(options.label), table.place)
    assert options.split is not None
    splits = labelled.divided(parts, options.split, options.classes)
    return _prepared(splits, options.level, labelled.source(f"the column {options.text}", files, options.split))


def stand_in(options: Options) -> Prepared:
    """Generated texts, for runs without the files. See `regrade.datasets.standins.clusters`."""
    described = options.stand_in
    assert described is not None
    train, test = clusters.targets(described)
    texts = [clusters.texts(of_class, described.words, seed) for seed, of_class in enumerate((train, test))]
    written = [np.array(of_split, dtype=object) for of_split in texts]
    splits = Splits(written[0], train, written[1], test, clusters.names(options, described))
    return _prepared(splits, options.level, clusters.SOURCE)


def _prepared(splits: Splits, level: str, source: str) -> Prepared:
    """Ranks by how often the training texts have a token, equals by alphabet; -1 is a token that they do not have."""
    texts = [list(inputs) for inputs in (splits.train_inputs, splits.test_inputs)]
    rows = [[tokens.SPLIT[level](text) for text in of_split] for of_split in texts]
    counts = Counter(token for row in rows[0] for token in row)
    tokens.require_two(counts, level, source)
    vocabulary = sorted(counts, key=lambda token: (-counts[token], token))
    ranks = {token: rank for rank, token in enumerate(vocabulary)}
    inputs = [Ragged.of([ranks.get(token, -1) for token in row] for row in of_split) for of_split in rows]
    return Prepared(
        train_inputs=inputs[0],
        train_targets=splits.train_targets,
        test_inputs=inputs[1],
        test_targets=splits.test_targets,
        classes=splits.classes,
        source=source,
        texts=pa.table(
            {
                "split": ["train"] * len(texts[0]) + ["test"] * len(texts[1]),
                "label": [*splits.train_targets.tolist(), *splits.test_targets.tolist()],
                "content": [*texts[0], *texts[1]],
            }
        ),
        vocabulary=vocabulary,
    )
