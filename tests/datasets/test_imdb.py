"""IMDB from a hand-made archive, its ids against Keras' padding, word vectors, and what is said of damage."""

import os
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from pyarrow import parquet
from regrade.core.errors import UserError
from regrade.core.files import sha256
from regrade.datasets import prepared, registry
from regrade.datasets.sources import imdb
from regrade.datasets.standins import reviews
from regrade.datasets.text import reading, word_vectors
from regrade.datasets.text.ragged import Ragged
from regrade.datasets.text.reading import Reading
from regrade.datasets.text.word_vectors import WordVectors
from safetensors.numpy import save_file
from support.expanded import expanded, experiment, of
from support.imdb_archive import REVIEWS, archive, prepare_from
from support.project import ROOT

VOCABULARY = ["good", "film", "not", "a", "bad", "don't"]


def rows(ragged: Ragged) -> list[list[int]]:
    return [row.tolist() for row in ragged]


def by_text(data: prepared.Prepared) -> dict[str, list[int]]:
    contents = data.texts["content"].to_pylist()
    return dict(zip(contents, rows(data.train_inputs) + rows(data.test_inputs), strict=True))


def test_ranks_by_hand(tmp_path: Path):
    data = prepare_from(archive(tmp_path))
    assert data.vocabulary == VOCABULARY
    assert data.train_inputs.values.dtype == np.int32 and data.train_inputs.offsets.dtype == np.int64
    assert by_text(data) == {
        REVIEWS["train/neg/0_1.txt"]: [2, 0, 2, 3, 0, 1],
        REVIEWS["train/neg/10_2.txt"]: [4, 4],
        REVIEWS["train/pos/0_9.txt"]: [3, 0, 0, 1],
        REVIEWS["train/pos/1_10.txt"]: [2, 1, 5],
        REVIEWS["test/neg/0_3.txt"]: [3, -1, 1],
        REVIEWS["test/pos/0_8.txt"]: [5, 5, 0],
    }
    labels = dict(zip(data.texts["content"].to_pylist(), data.texts["label"].to_pylist(), strict=True))
    assert labels == {text: int("/pos/" in name) for name, text in REVIEWS.items()}
    assert data.texts["label"].to_pylist() == [*data.train_targets, *data.test_targets]
    assert data.texts["split"].to_pylist() == ["train"] * 4 + ["test"] * 2
    assert data.unlabelled_inputs is None


def test_the_order_is_shuffled_and_depends_on_the_names_alone(tmp_path: Path):
    many = {f"{name.rsplit('/', 1)[0]}/{number}_5.txt": f"{name} {number}" for name in REVIEWS for number in range(40)}
    first = prepare_from(archive(tmp_path / "first", many))
    again = prepare_from(archive(tmp_path / "again", dict(reversed(many.items()))))
    assert first.texts == again.texts
    assert rows(first.train_inputs) == rows(again.train_inputs)
    for targets in (first.train_targets, first.test_targets):
        assert targets.mean() == 0.5 and 5 < targets[:20].sum() < 15


def test_unlabelled_reviews_add_no_words(tmp_path: Path):
    further = {"train/unsup/1_0.txt": "terrible, good", "train/unsup/0_0.txt": "film"}
    data = prepare_from(archive(tmp_path, REVIEWS | further))
    assert data.vocabulary == VOCABULARY and len(data.train_inputs) == 4
    data.save(tmp_path / "made", {"dataset": "imdb"})
    assert rows(prepared.load_unlabelled(tmp_path / "made")) == [[1], [-1, 0]]
    assert prepared.card(tmp_path / "made")["lengths"]["unlabelled"] == {"min": 1, "median": 1.5, "max": 2}


def test_saved_and_loaded(tmp_path: Path):
    data = prepare_from(archive(tmp_path))
    folder = tmp_path / "made"
    data.save(folder, {"dataset": "imdb"})
    for split, inputs, targets in (
        ("train", data.train_inputs, data.train_targets),
        ("test", data.test_inputs, data.test_targets),
    ):
        for count in (None, 1, 2):
            loaded, labels = prepared.load_texts(folder, split, count)
            assert rows(loaded) == rows(inputs)[:count] and labels.tolist() == targets[:count].tolist()
            assert len(loaded) == len(labels) == len(loaded.lengths)
            assert loaded.values.dtype == np.int32 and loaded.offsets.dtype == np.int64
    assert prepared.load_unlabelled(folder) is None
    card = prepared.card(folder)
    assert card["lengths"] == {
        "train": {"min": 2, "median": 3.5, "max": 6},
        "test": {"min": 3, "median": 3.0, "max": 3},
    }
    assert card["tensors"]["train_values"] == {"shape": [15], "type": "int32"}
    assert card["vocabulary_size"] == 6 and card["rows_per_class"] == {"train": [2, 2], "test": [1, 1]}
    assert card["sha256"] == {path.name: sha256(path) for path in folder.iterdir() if path.name != "card.json"}
    texts = parquet.read_table(folder / "texts.parquet")
    assert texts == data.texts and texts.column_names == ["split", "label", "content"]
    with pytest.raises(UserError, match=r"train_rows is 5, but .* has only 4 rows"):
        prepared.load_texts(folder, "train", 5)


def test_damaged_tensors(tmp_path: Path):
    prepare_from(archive(tmp_path)).save(tmp_path / "made", {"dataset": "imdb"})
    file = tmp_path / "made" / prepared.TENSORS
    whole = file.read_bytes()

    def complaint() -> str:
        with pytest.raises(UserError) as error:
            prepared.load_texts(file.parent, "train")
        return str(error.value)

    for content in (whole[:-1], whole[:20], b"", b"x" * len(whole)):
        file.write_bytes(content)
        assert complaint().startswith(f"{file} is damaged") and complaint().endswith("and run again")
    targets = np.zeros(2, dtype=np.int64)
    for offsets in ([0, 2, 4], [0, 3, 2], [1, 2, 3]):
        tensors = {"train_values": np.zeros(3, dtype=np.int32), "train_offsets": np.array(offsets)}
        save_file(tensors | {"train_targets": targets}, file)
        assert "train_offsets do not fit train_values" in complaint()


def test_damaged_archives(tmp_path: Path):
    def complaint(path: Path) -> str:
        with pytest.raises(UserError) as error:
            prepare_from(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    for folder in ("train/neg", "train/pos", "test/neg", "test/pos"):
        path = archive(tmp_path, {name: text for name, text in REVIEWS.items() if not name.startswith(folder)})
        assert complaint(path) == f"{path} has no reviews aclImdb/{folder}/*.txt; get the publisher's archive"
    path = archive(tmp_path, {name.replace("/", "/aclImdb/"): text for name, text in REVIEWS.items()})
    assert "has no reviews aclImdb/train/neg/*.txt" in complaint(path)
    path = archive(tmp_path, REVIEWS | {"test/pos/1_7.txt": " ... <br />"})
    assert complaint(path) == f"{path}: aclImdb/test/pos/1_7.txt has no words; get the publisher's archive"
    path = archive(tmp_path, REVIEWS, **{"aclImdb/train/pos/5_9.txt": b"caf\xe9"})
    assert complaint(path).startswith(f"{path}: aclImdb/train/pos/5_9.txt is not UTF-8 text (")
    noise = "".join(map(chr, np.random.default_rng(0).integers(97, 123, 100_000)))
    whole = archive(tmp_path, REVIEWS | {"train/pos/9_9.txt": noise}).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:50_000] + b"\0" * 100 + whole[50_100:], b"<html></html>", b""):
        path.write_bytes(content)
        assert complaint(path).startswith(f"{path} is damaged (")


def test_ids_by_hand():
    ranks = Ragged.of([[0, 3, -1, 1], [], [2]])
    ids = reading.ids(ranks, Reading())
    assert rows(ids) == [[1, 4, 7, 2, 5], [1], [1, 6]]
    assert ids.values.dtype == np.int32 and ids.offsets.dtype == np.int64
    cut = reading.ids(ranks, Reading(vocab_size=6, end_token=True))
    assert rows(cut) == [[1, 4, 2, 2, 5, 3], [1, 3], [1, 2, 3]]
    assert reading.padded(cut, 4).tolist() == [[2, 2, 5, 3], [0, 0, 1, 3], [0, 1, 2, 3]]
    assert len(reading.ids(Ragged.of([]), Reading())) == 0
    assert reading.padded(Ragged.of([]), 4).shape == (0, 4)


def test_an_embedding_has_a_row_for_every_id():
    ranks = Ragged.of([range(10), [-1]])
    for size, expected in ((None, 14), (5, 5), (13, 13), (20, 14)):
        how = Reading(vocab_size=size)
        assert reading.vocabulary_size(how, words_known=10) == expected
        assert reading.ids(ranks, how).values.max() < expected
    with pytest.raises(ValueError, match="greater than or equal to 5"):
        Reading(vocab_size=4)


@pytest.fixture(scope="module")
def many_ranks() -> Ragged:
    random = np.random.default_rng(1)
    return Ragged.of((random.zipf(1.3, length) % 500).tolist() for length in [*random.integers(1, 60, 300), 1, 200])


@pytest.mark.parametrize("vocab_size", [5, 50, 1000])
def test_ids_are_those_of_keras(many_ranks: Ragged, vocab_size: int, tmp_path: Path, monkeypatch):
    """Keras' own loader reads words by rank from 1, and shuffles the rows."""
    from keras.src.datasets import imdb as keras_imdb

    words = np.array([[rank + 1 for rank in row] for row in rows(many_ranks)], dtype=object)
    order = np.arange(len(words))
    np.savez(tmp_path / "imdb.npz", x_train=words, y_train=order, x_test=words, y_test=order)
    monkeypatch.setattr(keras_imdb, "get_file", lambda *_, **__: str(tmp_path / "imdb.npz"))
    (expected, shuffled), _ = keras_imdb.load_data(num_words=vocab_size)
    ids = rows(reading.ids(many_ranks, Reading(vocab_size=vocab_size)))
    assert [ids[row] for row in shuffled] == [list(row) for row in expected]


def test_unseen_words_are_dropped_like_those_that_keras_data_never_had(tmp_path: Path, monkeypatch):
    """Keras' rows were made by its Tokenizer, fitted on the training reviews: it skips words that it does not know."""
    from keras.src.datasets import imdb as keras_imdb

    data = prepare_from(archive(tmp_path))
    ranks = {word: number for number, word in enumerate(VOCABULARY, 1)}
    splits = {"train": [], "test": []}
    for split, text in zip(data.texts["split"].to_pylist(), data.texts["content"].to_pylist(), strict=True):
        splits[split].append([ranks[word] for word in imdb.words(text) if word in ranks])
    arrays = {f"x_{split}": np.array([*texts, None], dtype=object)[:-1] for split, texts in splits.items()}
    arrays |= {f"y_{split}": np.arange(len(texts)) for split, texts in splits.items()}
    np.savez(tmp_path / "imdb.npz", **arrays)
    monkeypatch.setattr(keras_imdb, "get_file", lambda *_, **__: str(tmp_path / "imdb.npz"))
    for size in (7, 8, 12):
        how = Reading(vocab_size=size, drop_unseen_words=True)
        for inputs, (expected, order) in zip(
            (data.train_inputs, data.test_inputs), keras_imdb.load_data(num_words=size), strict=True
        ):
            ids = rows(reading.ids(inputs, how))
            assert [ids[row] for row in order] == [list(row) for row in expected]
    # "A terrible film": terrible is in no training review
    assert [1, 7, 5] in rows(reading.ids(data.test_inputs, how))
    assert [1, 7, 2, 5] in rows(reading.ids(data.test_inputs, Reading(vocab_size=12)))


def test_dropping_comes_before_cutting_and_leaves_the_ends():
    ranks = Ragged.of([[-1, 3, -1, -1], [-1], [], [0, 1]])
    ids = reading.ids(ranks, Reading(vocab_size=7, end_token=True, drop_unseen_words=True))
    assert rows(ids) == [[1, 2, 3], [1, 3], [1, 3], [1, 4, 5, 3]]
    assert rows(reading.last(ids, 2)) == [[2, 3], [1, 3], [1, 3], [5, 3]]


def test_some_rows_of_ragged_ones(many_ranks: Ragged):
    every = rows(many_ranks)
    for some in (slice(3), slice(-5, None), slice(7, 20), slice(None), slice(5, 2), slice(1000)):
        part = many_ranks[some]
        assert rows(part) == every[some] and part.offsets[0] == 0


@pytest.mark.parametrize("max_length", [1, 7, 59, 60, 300])
@pytest.mark.parametrize("end_token", [False, True])
def test_padding_is_that_of_keras(many_ranks: Ragged, max_length: int, end_token: bool):
    from keras.utils import pad_sequences

    ids = reading.ids(many_ranks, Reading(end_token=end_token))
    padded = reading.padded(ids, max_length)
    assert padded.dtype == np.int32
    np.testing.assert_array_equal(padded, pad_sequences(rows(ids), maxlen=max_length))


HOW = WordVectors(size=6, window=3, epochs=2, min_count=2)


def fitted(folder: Path, texts: dict[str, str]) -> np.ndarray:
    prepare_from(archive(folder, texts)).save(folder / "made", {"dataset": "imdb"})
    return word_vectors.fit(folder / "made", HOW).vectors


def test_word_vectors_are_of_all_training_reviews_and_of_no_others(tmp_path: Path):
    texts = {name: f"{text} " * 20 for name, text in REVIEWS.items()} | {"train/pos/2_7.txt": "rare"}
    vectors = fitted(tmp_path, texts)
    assert vectors.shape == (7, 6) and vectors.dtype == np.float32 and np.isfinite(vectors).all()
    np.testing.assert_array_equal(fitted(tmp_path, texts), vectors)
    other_tests = {name: "bad film " * 50 for name in texts if name.startswith("test")}
    np.testing.assert_array_equal(fitted(tmp_path, texts | other_tests), vectors)
    further = fitted(tmp_path, texts | {"train/unsup/0_0.txt": "good film unheard " * 50})
    assert further.shape == vectors.shape and (further[:6] != vectors[:6]).any(1).all()
    # The word that is there once was not fitted
    np.testing.assert_array_equal(further[6], vectors[6])
    assert 0 < np.abs(vectors[6]).max() <= word_vectors.UNFITTED


def test_word_vectors_know_no_held_out_reviews(tmp_path: Path):
    many = {name.replace("/0_", "/10").replace("/1_", "/11"): f"{text} " * 20 for name, text in REVIEWS.items()}
    data = prepare_from(archive(tmp_path, many))
    data.save(tmp_path / "made", {"dataset": "imdb"})
    fit = partial(word_vectors.fit, tmp_path / "made", HOW)
    kept = replace(data, train_inputs=data.train_inputs[:3], train_targets=data.train_targets[:3])
    kept.save(tmp_path / "kept", {"dataset": "imdb"})
    expected = word_vectors.fit(tmp_path / "kept", HOW)
    for rows_used in ({"validation_rows": 1}, {"train_rows": 3}, {"train_rows_cap": 3}):
        fitted_on = fit(**rows_used)
        np.testing.assert_array_equal(fitted_on.vectors, expected.vectors)
        assert "fitted on 3 training texts" in fitted_on.source
    np.testing.assert_array_equal(fit(train_rows_cap=9).vectors, fit().vectors)
    assert (fit().vectors != expected.vectors).any()
    with pytest.raises(UserError, match="validation_rows is 4, but there are 4 training rows; hold out fewer"):
        fit(validation_rows=4)


def test_folders_of_word_vectors_tell_the_rows_apart():
    def folders(change=lambda config: None) -> dict[str, Path]:
        cells = [*of("q3_pretrained", every := expanded(change)), *of("q3_candidates", every), *of("q3_best", every)]
        return {cell.experiment: folder for cell in cells if (folder := cell.needed_data.word_vectors_folder)}

    paper = folders()
    # Without held-out reviews q3_best has the same as q3_pretrained, and never those of the candidates
    assert paper["q3_best"] == paper["q3_pretrained"] != paper["q3_candidates"]
    fewer = folders(lambda config: experiment(config, "q3_candidates")["settings"].update(validation_rows=4858))
    assert fewer["q3_best"] == paper["q3_best"] and fewer["q3_candidates"] != paper["q3_candidates"]

    def other_winner(config: dict) -> None:
        """The first candidate needs no word vectors."""
        experiment(config, "q3_candidates")["cells"].reverse()

    assert folders(other_winner) == paper


def test_word_vectors_saved_and_loaded(tmp_path: Path):
    made, folder = tmp_path / "made", tmp_path / "vectors"
    prepare_from(archive(tmp_path, REVIEWS | {"train/unsup/0_0.txt": "good film"})).save(made, {"dataset": "imdb"})
    vectors = word_vectors.fit(made, HOW)
    for _ in range(2):  # the second time in place of the first
        word_vectors.save(vectors, folder, {"dataset": "imdb", "word_vectors": HOW.model_dump()})
    np.testing.assert_array_equal(word_vectors.load(folder, 4), vectors.vectors[:4])
    np.testing.assert_array_equal(word_vectors.load(folder, 6), vectors.vectors)
    card = prepared.card(folder)
    assert card["words"] == 6 and card["words_fitted"] == 5 and card["word_vectors"] == HOW.model_dump()
    assert card["source"] == (
        "word2vec (skip-gram) fitted on 4 training texts and 1 without labels: " + prepared.card(made)["source"]
    )
    assert card["sha256"] == {prepared.TENSORS: sha256(folder / prepared.TENSORS)}
    with pytest.raises(UserError, match="vectors of 6 words, and 7 are asked for"):
        word_vectors.load(folder, 7)
    (folder / prepared.TENSORS).write_bytes(b"short")
    with pytest.raises(UserError, match=r"tensors\.safetensors is damaged"):
        word_vectors.load(folder, 1)
    with pytest.raises(ValueError, match="JSON"):
        word_vectors.save(vectors, tmp_path / "none", {"dataset": float("nan")})
    assert not list(tmp_path.glob("*none*"))
    with pytest.raises(UserError, match=r"min_count is 100, but no word of .* is that frequent"):
        word_vectors.fit(made, HOW.model_copy(update={"min_count": 100}))


def test_the_stand_in_is_balanced_varied_and_always_the_same():
    data, again = (imdb.stand_in(imdb.Options()) for _ in range(2))
    assert data.texts == again.texts and rows(data.train_inputs) == rows(again.train_inputs)
    assert np.bincount(data.train_targets).tolist() == [600, 600]
    assert np.bincount(data.test_targets).tolist() == [300, 300]
    lengths = np.concatenate([data.train_inputs.lengths, data.test_inputs.lengths])
    assert 15 < lengths.min() < 30 and 100 < lengths.max() < 130
    assert (data.test_inputs.values >= 0).mean() > 0.99
    assert len(set(data.texts["content"].to_pylist())) == 1800
    assert "not IMDB" in data.source


def test_words_alone_do_not_say_all_of_the_stand_in():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = reviews.write(train_rows=1200, test_rows=600)

    def accuracy(longest: int) -> float:
        count = CountVectorizer(analyzer=lambda text: ngrams(imdb.words(text), longest))
        inputs = count.fit_transform([review.content for review in train])
        model = LogisticRegression(max_iter=2000).fit(inputs, [review.label for review in train])
        return model.score(count.transform([review.content for review in test]), [review.label for review in test])

    assert 0.75 < accuracy(1) < 0.9
    assert accuracy(2) > accuracy(1) + 0.05


def ngrams(words: list[str], longest: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + size]) for size in range(1, longest + 1) for at in range(len(words) - size + 1)]


def test_the_workflow_knows_it():
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert list(params["datasets"]["imdb"]["files"]) == [imdb.ARCHIVE]
    assert registry.identity("imdb", "stand_in", {}, {}, "here").dataset == "imdb"


@pytest.mark.skipif("REGRADE_MIRROR" not in os.environ, reason="REGRADE_MIRROR does not name a folder with the archive")
def test_the_real_archive():
    data = prepare_from(Path(os.environ["REGRADE_MIRROR"]) / imdb.ARCHIVE)
    for inputs, targets in ((data.train_inputs, data.train_targets), (data.test_inputs, data.test_targets)):
        assert len(inputs) == 25_000 and np.bincount(targets).tolist() == [12_500, 12_500]
        assert abs(targets[:1000].mean() - 0.5) < 0.05
    assert len(data.vocabulary) == 88_582
    assert data.vocabulary[:5] == ["the", "and", "a", "of", "to"]
    assert data.train_inputs.values.min() == 0 and data.test_inputs.values.min() == -1
    counts = Counter(data.train_inputs.values.tolist())
    frequencies = [counts[rank] for rank in range(len(data.vocabulary))]
    assert frequencies == sorted(frequencies, reverse=True) and frequencies[-1] == 1
