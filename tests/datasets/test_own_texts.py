"""Texts of one's own: ranks by hand, and what a network reads of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from regrade.datasets.text import word_vectors
from regrade.datasets.text.word_vectors import WordVectors
from support.own_data import prepare, sentence

pytestmark = pytest.mark.usefixtures("elsewhere")
TEXTS = {"format": "texts", "label": "mood", "text": "said", "split": {"train": ["train.csv"], "test": ["test.csv"]}}
TRAIN = 'mood,said,by\ngood,"Good, very\ngood!",Ann\nbad,"Bad.",Bob\ngood,a good,Ann\n'
TEST = "said;mood\na bad end;bad\ngood;good\n"


def written(name: str, content: str) -> Path:
    Path(name).write_text(content)
    return Path(name)


def test_ranks_by_hand():
    data = prepare(written("train.csv", TRAIN), written("test.csv", TEST), **TEXTS)
    assert data.vocabulary == ["good", "!", ",", ".", "a", "bad", "very"]
    assert [row.tolist() for row in data.train_inputs] == [[0, 2, 6, 0, 1], [5, 3], [4, 0]]
    assert [row.tolist() for row in data.test_inputs] == [[4, 5, -1], [0]]
    assert data.classes == ["bad", "good"] and data.train_targets.tolist() == [1, 0, 1]
    assert data.texts.to_pylist()[0] == {"split": "train", "label": 1, "content": "Good, very\ngood!"}
    letters = prepare(written("train.csv", TRAIN), written("test.csv", TEST), **TEXTS, level="char")
    assert letters.vocabulary[:2] == ["o", "d"] and letters.train_inputs.lengths.tolist() == [16, 4, 6]


def test_word_vectors_are_fitted_on_them():
    data = prepare(written("train.csv", TRAIN), written("test.csv", TEST), **TEXTS)
    data.save(Path("prepared"), {})
    fitted = word_vectors.fit(Path("prepared"), WordVectors(size=4, window=2, epochs=1, min_count=1))
    assert fitted.vectors.shape == (7, 4) and fitted.words_fitted == 7


def test_mistakes_are_one_sentence():
    by_draw = TEXTS | {"split": {"test_share": 0.5, "seed": 1}}
    said = {
        "train.csv, row 3, column 'said': the text is empty": TRAIN.replace("Bad.", " "),
        "train.csv has no column 'said' (its columns: mood, text, by)": TRAIN.replace("said", "text"),
        "the words of its texts are nothing but 'a'": "mood,said\nx,a\ny,a\nx,a\ny,a\n",
    }
    for expected, content in said.items():
        assert expected in sentence(written("train.csv", content), **by_draw)
    pd.DataFrame({"mood": ["a", "b"], "said": [1, 2]}).to_parquet("a.parquet")
    assert "column 'said': 1 is no text" in sentence(Path("a.parquet"), **by_draw)


def test_a_text_of_any_length_is_read():
    long = "word " * 100_000
    rows = "".join(f'{"ab"[number % 2]},"{long}{number}"\n' for number in range(8))
    data = prepare(written("long.csv", "mood,said\n" + rows), **TEXTS | {"split": {"test_share": 0.5, "seed": 1}})
    assert (data.train_inputs.lengths == 100_001).all()
    np.testing.assert_array_equal(np.bincount(data.test_targets), [2, 2])
