"""DBpedia-14 from both of its sources, ids checked by hand, and what is said of files that are not right."""

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from regrade.config.dataset import Dataset
from regrade.core.errors import UserError
from regrade.core.files import read_json, sha256
from regrade.datasets import prepared, registry
from regrade.datasets.identity import DataIdentity
from regrade.datasets.sources import cifar10, dbpedia
from regrade.datasets.text import starter_tokens, tokens
from support.project import SMALL, Project, merged

CHAR, WORD = (dbpedia.Options(level=level, max_length=6, tokens="plain") for level in ("char", "word"))
STARTER_CHAR, STARTER_WORD = (dbpedia.Options(level=level, max_length=8) for level in ("char", "word"))
PAIR = (dbpedia.TRAIN, dbpedia.TEST)
ROWS = [(3, "Abba", " ab ba ba."), (14, "Bab, a tale", " Bab ab, ab!"), (1, "Cab", " cab")]


def as_csv(rows: list, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def pair(folder: Path, train: bytes = as_csv(ROWS), test: bytes = as_csv(ROWS[:1])) -> Path:
    """Write a small version of the coursework's files; their folder."""
    (folder / dbpedia.TRAIN).write_bytes(train)
    (folder / dbpedia.TEST).write_bytes(test)
    return folder


def archive(folder: Path, train_rows: int = 403, test_rows: int = 52, **members: bytes) -> Path:
    """Write an archive like the publisher's, with so many rows per class, classes in turn; its folder."""
    content = {}
    for split, rows in (("test", test_rows), ("train", train_rows)):
        body = [
            (c, f'The "{split}" {c}', f" text {n} of class {c}, {split}") for c in range(1, 15) for n in range(rows)
        ]
        content[split] = members.get(split, as_csv(body, csv.QUOTE_NONNUMERIC))
    with tarfile.open(folder / dbpedia.ARCHIVE, "w:gz") as file:
        for split, body in content.items():
            member = tarfile.TarInfo(f"dbpedia_csv/{split}.csv")
            member.size = len(body)
            file.addfile(member, io.BytesIO(body))
    return folder


def prepare_from(folder: Path, files: tuple[str, ...], options: dbpedia.Options) -> prepared.Prepared:
    return dbpedia.prepare({name: folder / name for name in files}, options)


def addresses(folder: Path, *files: str) -> dict:
    return {name: {"urls": [(folder / name).as_uri()], "sha256": sha256(folder / name)} for name in files}


def identity(settings: dict, files: dict | None = None) -> DataIdentity:
    given = {} if files is None else {"dbpedia": Dataset.model_validate({"files": files})}
    data = "stand_in" if files is None else "real"
    return registry.identity("dbpedia", data, settings, given, "params.yaml: studies.s.experiments.e")


def test_characters_by_hand(tmp_path: Path):
    data = prepare_from(pair(tmp_path), PAIR, CHAR)
    assert data.vocabulary == ["", " ", "!", ",", ".", "B", "a", "b", "c"]
    assert data.train_inputs.dtype == np.int32
    assert data.train_inputs.tolist() == [[6, 7, 1, 7, 6, 1], [5, 6, 7, 1, 6, 7], [8, 6, 7, 0, 0, 0]]
    assert data.train_targets.tolist() == [3, 14, 1]
    assert data.test_inputs.tolist() == [[6, 7, 1, 7, 6, 1]]


def test_words_by_hand(tmp_path: Path):
    test = as_csv([(2, "New", " cab of BA…"), (2, "Long", " ab ab ab ab ab ab ab")])
    data = prepare_from(pair(tmp_path, test=test), PAIR, WORD)
    assert data.vocabulary == ["", "ab", "ba", "!", ",", ".", "bab", "cab"]
    assert data.train_inputs.tolist() == [[1, 2, 2, 5, 0, 0], [6, 1, 4, 1, 3, 0], [7, 0, 0, 0, 0, 0]]
    assert data.test_inputs.tolist() == [[7, 0, 2, 0, 0, 0], [1, 1, 1, 1, 1, 1]]


def test_of_many_characters_the_frequent_ones_are_known():
    many = [chr(0x4E00 + number) for number in range(300)]
    known = tokens.vocabulary(["".join(many), many[299], "a"], [], "char", "here")
    assert len(known) == 256
    # 254 of the equally frequent ones ("a" is the lowest of them), and the one that is there twice
    assert known == ["", "a", *many[:253], many[299]]
    assert tokens.encode([[many[253], many[299]]], known, 3).tolist() == [[0, 255, 0]]


def test_characters_of_the_starter_code_by_hand(tmp_path: Path):
    """Both splits have a say; a space is 0 and fills rows up."""
    test = as_csv([(2, " Ünï-2^\n'x'!"), (2, "日本")])
    data = prepare_from(pair(tmp_path, as_csv([(3, " ab ba ba."), (14, "Cab, a tale")]), test), PAIR, STARTER_CHAR)
    assert data.vocabulary == [" ", "'", ",", ".", "2", "^", "a", "b", "c", "e", "l", "n", "t", "x"]
    assert data.train_inputs.tolist() == [[0, 6, 7, 0, 7, 6, 0, 7], [8, 6, 7, 2, 0, 6, 0, 12]]
    assert data.test_inputs.tolist() == [[0, 11, 4, 5, 1, 13, 1, 0], [0] * 8]
    assert data.test_inputs.dtype == np.int32


def test_words_of_the_starter_code_by_hand(tmp_path: Path):
    train = as_csv([(3, " ab, ab ba."), (14, "Ba-b ab 日")])
    test = as_csv([(2, "ab ab ab ab ab ab ab ab ab"), (2, "New ba"), (2, "(日)")])
    data = prepare_from(pair(tmp_path, train, test), PAIR, STARTER_WORD)
    # Frequent ones first, equals in the order of their appearance; no word is unknown
    assert data.vocabulary == ["<pad>", "<unk>", "<eos>", "ab", "ba", ",", "bab", "new"]
    assert data.train_inputs.tolist() == [[3, 5, 3, 4, 2, 0, 0, 0], [6, 3, 2, 0, 0, 0, 0, 0]]
    assert data.test_inputs.tolist() == [[3] * 8, [7, 4, 2, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" . ^ ", ""),
        ("Co. of U.S.A^2", "co of u s a 2"),
        ("one-story café\nin 1948;", "onestory cafin 1948"),
        ("a, b,c ,d,", "a , b , c , d ,"),
        ("1,000 men, 3, 4", "1,000 men , 3 , 4"),
        (
            "Nazi Germany's dogs' I'm they'll we've don't he'd",
            "nazi germany 's dogs ' i 'm they 'll we 've do n't he 'd",
        ),
        ("as 'werk' 'x' ''tis''", "as 'werk ' ' x ' `` tis ''"),
        ("o'clock '90s rock 'n roll", "o'clock '90s rock ' n roll"),
        ("cannot gonna gotta wanna gimme lemme d'ye", "can not gon na got ta wan na gim me lem me d 'ye"),
        ("so 'tis, 'twas", "so 't is , 't was"),
    ],
)
def test_words_are_those_of_nltk(text: str, expected: str):
    """Expected are the answers of NLTK 3.5's word_tokenize after the starter code's own cleaning."""
    assert starter_tokens.words(text) == [*expected.split(), "<eos>"]


def test_saved_with_texts_vocabulary_and_card(tmp_path: Path):
    made = identity({"level": "word", "tokens": "plain"}, addresses(pair(tmp_path), *PAIR))
    folder = tmp_path / "made"
    for _ in range(2):  # the second time in place of the first
        prepare_from(tmp_path, PAIR, WORD).save(folder, made.parts)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    card = prepared.card(folder)
    assert card["options"] == {"level": "word", "max_length": 100, "tokens": "plain"}
    assert card["vocabulary_size"] == len(read_json(folder / "vocabulary.json")) == 8
    assert len(card["classes"]) == 15 and card["classes"][14] == "WrittenWork"
    assert card["rows_per_class"]["train"] == [0, 1, 0, 1, *[0] * 10, 1]
    assert card["sha256"] == {path.name: sha256(path) for path in folder.iterdir() if path.name != "card.json"} and set(
        card["sha256"]
    ) == {"tensors.safetensors", "texts.parquet", "vocabulary.json"}
    texts = parquet.read_table(folder / "texts.parquet").to_pylist()
    assert texts[1] == {"split": "train", "label": 14, "title": "Bab, a tale", "content": " Bab ab, ab!"}
    assert [row["split"] for row in texts] == ["train", "train", "train", "test"]
    inputs, targets = prepared.load(folder, "train", 2)
    assert inputs.shape == (2, 6) and targets.tolist() == [3, 14]


def test_a_save_that_fails_leaves_nothing(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        prepare_from(pair(tmp_path), PAIR, WORD).save(tmp_path / "made", {"dataset": float("nan")})
    assert {path.name for path in tmp_path.iterdir()} == set(PAIR)


def test_the_draw_is_balanced_shuffled_and_always_the_same(tmp_path: Path):
    first, again = (prepare_from(archive(tmp_path), (dbpedia.ARCHIVE,), WORD) for _ in range(2))
    assert first.texts == again.texts
    np.testing.assert_array_equal(first.train_inputs, again.train_inputs)
    assert np.bincount(first.train_targets).tolist() == [0] + [400] * 14
    assert np.bincount(first.test_targets).tolist() == [0] + [50] * 14
    assert len(set(first.train_targets[:50].tolist())) > 10
    rows = first.texts.to_pylist()
    assert len({row["content"] for row in rows}) == len(rows)
    assert all(f"of class {row['label']}, {row['split']}" in row["content"] for row in rows)
    assert rows[0]["title"] == f'The "train" {rows[0]["label"]}'
    assert "differ from those of the source" in first.source
    assert "coursework's own" in prepare_from(pair(tmp_path), PAIR, WORD).source


def test_the_pair_is_preferred_where_both_files_have_an_address(tmp_path: Path):
    both = addresses(pair(archive(tmp_path)), *PAIR, dbpedia.ARCHIVE)
    settings = {"level": "char", "max_length": 50, "lr": 0.1}
    made = identity(settings, both)
    assert made.files == {f"dbpedia/{name}": both[name]["sha256"] for name in PAIR}
    assert made.options == {"level": "char", "max_length": 50, "tokens": "starter"}
    del both[dbpedia.TEST]
    assert identity(settings, both).files == {f"dbpedia/{dbpedia.ARCHIVE}": both[dbpedia.ARCHIVE]["sha256"]}
    assert made.folder != identity(settings | {"level": "word"}, both).folder


def test_an_image_dataset_has_no_options():
    made = registry.identity("cifar10", "stand_in", {"level": "word"}, {}, "here")
    assert list(made.parts) == ["dataset", "data", "code"]
    assert registry.setting_names("cifar10", {}) == registry.setting_names("cifar11", {}) == set()
    assert registry.setting_names("dbpedia", {}) == {"level", "max_length", "tokens"}
    assert cifar10.Options().model_dump() == {}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "level: this key is missing; add it"),
        ({"level": "words"}, "level: 'words' is not one of 'char' or 'word'"),
        ({"level": "word", "max_length": 0}, "max_length: 0 should be greater than 0"),
        ({"level": "word", "max_length": "100"}, "max_length: '100' should be a whole number"),
    ],
)
def test_mistakes_in_its_settings(settings: dict, complaint: str):
    with pytest.raises(UserError) as error:
        identity(settings)
    assert str(error.value).startswith(f"params.yaml: studies.s.experiments.e.settings.{complaint}")


def test_no_address_names_both_ways():
    with pytest.raises(UserError) as error:
        identity({"level": "word"}, {})
    assert str(error.value) == (
        "params.yaml: datasets: no address of dbpedia/train_medium.csv and dbpedia/test_medium.csv, or "
        "dbpedia/dbpedia_csv.tar.gz; give urls and sha256 under datasets.<source>.files"
    )


def test_a_pair_without_titles(tmp_path: Path):
    with_titles = prepare_from(pair(tmp_path), PAIR, STARTER_WORD)
    without = [as_csv([(label, content) for label, _, content in rows]) for rows in (ROWS, ROWS[:1])]
    data = prepare_from(pair(tmp_path, *without), PAIR, STARTER_WORD)
    np.testing.assert_array_equal(data.train_inputs, with_titles.train_inputs)
    assert data.train_targets.tolist() == [3, 14, 1]
    assert data.texts["content"] == with_titles.texts["content"] and set(data.texts["title"].to_pylist()) == {""}


BAD_FILES = {
    "a missing column": (b"1,A, one two\n2, three four\n", "line 2: 2 columns where the first row has 3"),
    "a column more": (b"1, one two\n2,B, three four\n", "line 2: 3 columns where the first row has 2"),
    "one column": (b"one two\n", "line 1: 1 columns instead of class and content, or class, title and content"),
    "four columns": (b"1,A, one, two\n", "line 1: 4 columns instead of class and content, or class, title and content"),
    "an empty line": (b"1,A, one two\n\n", "line 2: 0 columns"),
    "an empty first line": (b"\n1,A, one two\n", "line 1: 0 columns instead of class"),
    "a header": (b"class,title,content\n1,A, one two\n", "line 1: 'class' is no class from 1 to 14"),
    "class 0": (b"1,A, one two\n0,B, three\n", "line 2: '0' is no class from 1 to 14"),
    "class 15": (b"15,A, one two\n", "line 1: '15' is no class from 1 to 14"),
    "an empty text": (b"1,A, one two\n2,B,  \n", "line 2: the content is empty"),
    "another encoding": ("1,A, one two\n2,B, caf\xe9\n".encode("latin-1"), "line 2: not UTF-8 text"),
    "an open quote": (b'1,A, one two\n2,B," three\n', "line 2: not a row of a CSV file (unexpected end of data)"),
    "an empty file": (b"", "is empty"),
}


@pytest.mark.parametrize(("content", "complaint"), BAD_FILES.values(), ids=BAD_FILES.keys())
@pytest.mark.parametrize("name", PAIR)
def test_bad_files(tmp_path: Path, name: str, content: bytes, complaint: str):
    pair(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        prepare_from(tmp_path, PAIR, WORD)
    message = str(error.value)
    assert message.startswith(str(tmp_path / name)) and complaint in message
    assert message.endswith("correct the file at its address in params.yaml, and its sha256 there")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        (
            b"1,A, Same same\n2,B, SAME\n",
            WORD,
            "train_medium.csv and test_medium.csv): the words of its texts are",
        ),
        (b"1,A, aaaa\n2,B, aa\n", CHAR, "the chars of its texts are nothing but 'a'; get files with more"),
        (b"1,A,a a\n2,B,-\n", STARTER_CHAR, "the chars of its texts are nothing but 'a'"),
        (b"1,A,a ...\n2,B,A\n", STARTER_WORD, "the words of its texts are nothing but 'a'"),
    ],
)
def test_a_vocabulary_of_one(tmp_path: Path, content: bytes, options: dbpedia.Options, complaint: str):
    with pytest.raises(UserError) as error:
        prepare_from(pair(tmp_path, train=content, test=content), PAIR, options)
    assert complaint in str(error.value)


def test_bad_archives(tmp_path: Path):
    def complaint() -> str:
        with pytest.raises(UserError) as error:
            prepare_from(tmp_path, (dbpedia.ARCHIVE,), WORD)
        return str(error.value)

    archive(tmp_path, train=b"1,A, one\n1,B\n")
    assert "dbpedia_csv.tar.gz: dbpedia_csv/train.csv, line 2: 2 columns" in complaint()
    archive(tmp_path, test_rows=49)
    assert "dbpedia_csv/test.csv has only 49 rows of class 1, 50 are needed" in complaint()
    path = tmp_path / dbpedia.ARCHIVE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert complaint().startswith(f"{path} is damaged")
    path.write_bytes(b"<html>no archive</html>")
    assert complaint().startswith(f"{path} is damaged")
    with tarfile.open(path, "w:gz"):
        pass
    assert "dbpedia_csv/train.csv' not found" in complaint()


def naive_bayes(data: prepared.Prepared) -> float:
    """Share of test rows that a naive Bayes classifier over the ids in a row gets right."""
    size = len(data.vocabulary)
    train, test = (
        np.stack([np.bincount(row, minlength=size) for row in rows])[:, 1:]
        for rows in (data.train_inputs, data.test_inputs)
    )
    counts = np.stack([train[data.train_targets == number].sum(0) + 0.5 for number in range(1, 15)])
    scores = test @ np.log(counts / counts.sum(1, keepdims=True)).T
    return float((scores.argmax(1) + 1 == data.test_targets).mean())


def test_words_of_the_stand_in_say_more_than_characters_but_not_all():
    char, word = (dbpedia.stand_in(dbpedia.Options(level=level)) for level in ("char", "word"))
    for data in (char, word):
        assert data.train_inputs.shape == (1400, 100) and data.test_inputs.shape == (420, 100)
        assert np.bincount(data.train_targets).tolist() == [0] + [100] * 14
        assert np.bincount(data.test_targets).tolist() == [0] + [30] * 14
    assert char.texts == word.texts == dbpedia.stand_in(dbpedia.Options(level="char")).texts
    assert "not DBpedia-14" in word.source
    assert 0.15 < naive_bayes(char) < 0.6
    assert 0.75 < naive_bayes(word) < 0.97


# A study of its own, in which the small scale reads real files
TEXTS = {
    "scales": {"small": {"data": "real"}},
    "studies": {
        "texts": {
            "title": "Texts",
            "source": "a test",
            "conventions": "keras",
            "networks": {"plain": [{"bag": {"units": 2}}, {"dense": {"units": 15}}]},
            "experiments": {
                "one": {
                    "title": "One",
                    "settings": {
                        **{"dataset": "dbpedia", "network": "plain", "level": "word", "max_length": 8},
                        **{"optimizer": "sgd", "lr": 0.1, "batch_size": 2, "epochs": 1},
                    },
                }
            },
        }
    },
}


def through_snakemake(project: Project, files: dict):
    """Ask Snakemake for the prepared data of the study above; its folder, and what Snakemake answered."""
    settings = TEXTS["studies"]["texts"]["experiments"]["one"]["settings"]
    folder = identity(settings, files).folder
    overlay = merged(SMALL, TEXTS, {"datasets": {"dbpedia": {"files": files}}})
    return project.folder / folder, project.snakemake(str(folder), overlay=overlay)


def test_through_the_workflow(project: Project, tmp_path: Path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    folder, answer = through_snakemake(project, addresses(pair(mirror), *PAIR))
    assert answer.returncode == 0, answer.stdout
    assert read_json(folder / "card.json")["vocabulary_size"] == 8
    expected = prepare_from(mirror, PAIR, STARTER_WORD)
    np.testing.assert_array_equal(prepared.load(folder, "train")[0], expected.train_inputs)


def test_a_bad_row_through_the_workflow_is_named_and_leaves_no_folder(project: Project, tmp_path: Path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    folder, answer = through_snakemake(project, addresses(pair(mirror, test=b"1,A, one\n1,B\n"), *PAIR))
    assert answer.returncode == 1
    assert f"Error: data/raw/dbpedia/{dbpedia.TEST}, line 2: 2 columns" in answer.stdout
    assert list(folder.parent.glob("*")) == []
