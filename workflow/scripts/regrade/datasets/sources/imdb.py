"""IMDB: the Large Movie Review Dataset, film reviews that are positive or negative (Maas et al. 2011)."""

import gzip
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from regrade.config.options import DatasetOptions
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.prepared import Prepared
from regrade.datasets.standins import reviews
from regrade.datasets.standins.reviews import Review
from regrade.datasets.text.ragged import Ragged
from regrade.datasets.text.reading import Reading as Reading  # the settings of a cell that say how its reviews are read

ARCHIVE = "aclImdb_v1.tar.gz"
ALTERNATIVES = ((f"imdb/{ARCHIVE}",),)
CLASSES = ["negative", "positive"]
SOURCE = "IMDB (Large Movie Review Dataset v1.0), the publisher's archive, shuffled"
STAND_IN = "generated stand-in (film reviews in a few phrases), not IMDB"
MEND = "get the publisher's archive"

_MEMBER = re.compile(r"aclImdb/(train/(?:neg|pos|unsup)|test/(?:neg|pos))/([^/]+\.txt)")
# What is left between white space and the punctuation that Keras' Tokenizer drops (apostrophes are part of words).
# Like there, only space, tab and line feed are white space
_WORD = re.compile(r"""[^ \t\n!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~]+""")


class Options(DatasetOptions):
    """IMDB is prepared in one way."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((None,), len(CLASSES), "ids")


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The publisher's archive as word ranks, in an order shuffled by a fixed seed: there, rows are sorted by class.

    Nothing is extracted to disk. UserError when the archive is damaged, when it lacks a class of a split, or when one
    of its labelled reviews is not UTF-8 or has no words.
    """
    path = files[ARCHIVE]
    texts = _read(path)
    train, test = (_shuffled(texts, split, path) for split in ("train", "test"))
    unlabelled = [text for _, text in sorted(texts["train/unsup"].items())] if "train/unsup" in texts else None
    return _prepared(train, test, SOURCE, unlabelled)


def stand_in(options: Options) -> Prepared:
    """Generated reviews, for runs without a network. See `regrade.datasets.standins.reviews`."""
    train, test = reviews.write(train_rows=1200, test_rows=600)
    return _prepared(train, test, STAND_IN)


def words(text: str) -> list[str]:
    """The words of a review in small letters, without punctuation; its line breaks in HTML are white space."""
    return _WORD.findall(_unbroken(text.lower()))


def _unbroken(text: str) -> str:
    return text.replace("<br />", " ")


def _read(path: Path) -> dict[str, dict[str, str]]:
    """The texts of the archive, by folder below aclImdb (train/pos) and file name; members elsewhere are ignored."""
    texts: dict[str, dict[str, str]] = {}
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    match = _MEMBER.fullmatch(member.name)
                    if match and member.isfile() and (file := archive.extractfile(member)):
                        folder, name = match.groups()
                        texts.setdefault(folder, {})[name] = file.read().decode()
            while stream.read(1 << 20):
                pass  # gzip compares its checksum at the very end, which the archive's end may come before
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {member.name} is not UTF-8 text ({error.reason}); {MEND}") from None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run again") from error
    return texts


def _shuffled(texts: dict[str, dict[str, str]], split: str, path: Path) -> list[Review]:
    """The labelled reviews of a split, the same order for the same reviews wherever they are in the archive."""
    rows = []
    for label, name in enumerate(("neg", "pos")):
        folder = f"{split}/{name}"
        if folder not in texts:
            raise UserError(f"{path} has no reviews aclImdb/{folder}/*.txt; {MEND}")
        for file, text in sorted(texts[folder].items()):
            if not _WORD.search(_unbroken(text)):
                raise UserError(f"{path}: aclImdb/{folder}/{file} has no words; {MEND}")
            rows.append(Review(label, text))
    return [rows[index] for index in np.random.default_rng(25).permutation(len(rows))]


def _prepared(train: list[Review], test: list[Review], source: str, unlabelled: list[str] | None = None) -> Prepared:
    counts: Counter[str] = Counter()
    for review in train:
        counts.update(words(review.content))
    vocabulary = sorted(counts, key=lambda word: (-counts[word], word))
    ranks = {word: rank for rank, word in enumerate(vocabulary)}
    train_inputs, test_inputs = (_ranks((row.content for row in rows), ranks) for rows in (train, test))
    labels = [review.label for review in (*train, *test)]
    return Prepared(
        train_inputs=train_inputs,
        train_targets=np.array(labels[: len(train)], dtype=np.int64),
        test_inputs=test_inputs,
        test_targets=np.array(labels[len(train) :], dtype=np.int64),
        classes=CLASSES,
        source=source,
        texts=pa.table(
            {
                "split": ["train"] * len(train) + ["test"] * len(test),
                "label": labels,
                "content": [review.content for review in (*train, *test)],
            }
        ),
        vocabulary=vocabulary,
        unlabelled_inputs=None if unlabelled is None else _ranks(unlabelled, ranks),
    )


def _ranks(texts: Iterable[str], ranks: dict[str, int]) -> Ragged:
    """The rank of each word, -1 for words that the training reviews do not have."""
    return Ragged.of([ranks.get(word, -1) for word in words(text)] for text in texts)
