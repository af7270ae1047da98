"""DBpedia-14: first paragraphs of Wikipedia articles in 14 classes (Zhang, Zhao and LeCun 2015)."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import PositiveInt

from regrade.config.options import DatasetOptions
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.prepared import Prepared
from regrade.datasets.standins import encyclopedia
from regrade.datasets.text import labelled_texts, starter_tokens, tokens
from regrade.datasets.text.labelled_texts import Row

TRAIN, TEST = "train_medium.csv", "test_medium.csv"
ARCHIVE = "dbpedia_csv.tar.gz"
ALTERNATIVES = ((f"dbpedia/{TRAIN}", f"dbpedia/{TEST}"), (f"dbpedia/{ARCHIVE}",))
# Classes are counted from 1, as in the files: index 0 is never used
CLASSES = ["(unused)", *encyclopedia.CLASSES]
ROWS_PER_CLASS = {"train": 400, "test": 50}
SAMPLE = f"DBpedia-14, the coursework's own sample ({TRAIN} and {TEST})"
DRAW = "DBpedia-14, a sample of our own drawn from the publisher's archive: its rows differ from those of the source's"
STAND_IN = "generated stand-in (encyclopedia-like sentences), not DBpedia-14"


# Ways to make tokens of texts: as the course's starter code does, or plainly
WAYS = {"starter": starter_tokens, "plain": tokens}


class Options(DatasetOptions):
    """How texts become rows of tokens."""

    level: Literal["char", "word"]
    """Whether tokens are characters (`char`) or words (`word`)."""
    max_length: PositiveInt = 100
    """Tokens read of each text, from the front."""
    tokens: Literal["starter", "plain"] = "starter"
    """How a text becomes tokens: as in the course's starter code (`starter`), or with all its characters and
    punctuation (`plain`)."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((options.max_length,), len(CLASSES), "ids")


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The coursework's pair of CSV files, or as many rows drawn from the publisher's archive, as tensors.

    Inputs are ids of the contents' first tokens, (rows, max_length) int32; targets are class numbers from 1 to 14.
    UserError when a file is damaged, or names the row that is not as it should be.
    """
    if ARCHIVE in files:
        train, test = _draw(files[ARCHIVE])
        return _prepared(train, test, DRAW, options)
    train, test = (_read_csv(files[name]) for name in (TRAIN, TEST))
    return _prepared(train, test, SAMPLE, options)


def stand_in(options: Options) -> Prepared:
    """Generated sentences in DBpedia-14's classes, for runs without a network. See `standins.encyclopedia`."""
    train, test = encyclopedia.write(train_rows=100, test_rows=30)
    return _prepared(train, test, STAND_IN, options)


def _prepared(train: list[Row], test: list[Row], source: str, options: Options) -> Prepared:
    way, contents = WAYS[options.tokens], [[row.content for row in rows] for rows in (train, test)]
    vocabulary, split = way.vocabulary(*contents, options.level, source), way.SPLIT[options.level]
    inputs = [tokens.encode([split(text) for text in texts], vocabulary, options.max_length) for texts in contents]
    targets = [np.array([row.label for row in rows], dtype=np.int64) for rows in (train, test)]
    return Prepared(
        train_inputs=inputs[0],
        train_targets=targets[0],
        test_inputs=inputs[1],
        test_targets=targets[1],
        classes=CLASSES,
        source=source,
        texts=labelled_texts.table(train, test),
        vocabulary=vocabulary,
    )


def _read_csv(path: Path) -> list[Row]:
    with path.open("rb") as file:
        return labelled_texts.read(file, len(CLASSES) - 1, str(path))


def _draw(path: Path) -> Iterator[list[Row]]:
    """Training and test rows from the publisher's archive: as many of each class as in the coursework's sample."""
    for split, rows_per_class in ROWS_PER_CLASS.items():
        member = f"dbpedia_csv/{split}.csv"
        where = f"{path}: {member}"
        try:
            with tarfile.open(path) as archive:
                rows = labelled_texts.read(archive.extractfile(member) or (), len(CLASSES) - 1, where)
        except (tarfile.TarError, EOFError, zlib.error, OSError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}): delete it and run again") from error
        yield _balanced(rows, rows_per_class, where)


def _balanced(rows: list[Row], rows_per_class: int, where: str) -> list[Row]:
    """`rows_per_class` rows of each class, drawn and shuffled by a fixed seed."""
    order = np.random.default_rng(14).permutation(len(rows))
    labels = np.array([row.label for row in rows])[order]
    places = [np.flatnonzero(labels == number)[:rows_per_class] for number in range(1, len(CLASSES))]
    short = next((number for number, of_class in enumerate(places, 1) if len(of_class) < rows_per_class), None)
    if short:
        raise UserError(
            f"{where} has only {len(places[short - 1])} rows of class {short}, {rows_per_class} are needed; get the "
            "publisher's archive"
        )
    return [rows[index] for index in order[np.sort(np.concatenate(places))]]
