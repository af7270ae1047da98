"""Tables of one's own: read right however a spreadsheet saved them, split as by scikit-learn, or refused in one sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from support.own_data import DRAW, prepare, sentence

pytestmark = pytest.mark.usefixtures("elsewhere")
TABLE = {"format": "table", "label": "kind"}
# How programs save the same table
SPELLINGS = {
    "point.csv": "size,weight,kind\n1.5,20,ape\n-2.25,1e3,bear\n0.5,7,ape\n3,4,bear\n",
    "spreadsheet.csv": "\ufeffsize;weight;kind\r\n1,5;20;ape\r\n-2,25;1000,0;bear\r\n0,5;7;ape\r\n3;4;bear\r\n",
    "quoted.csv": '"size","weight","kind"\n"1.5","20","ape"\n"-2.25","1000","bear"\n".5","7","ape"\n"3.","4","bear"',
    "spaces.csv": "size | weight | kind\n 1.5 | 20 | ape\n\n-2.25 | 1000 | bear\n 0.5 | 7 | ape\n 3 | 4 | bear\n\n",
    "order.csv": "kind\tsize\tweight\nape\t1.5\t20\nbear\t-2.25\t1000\nape\t0.5\t7\nbear\t3\t4\n",
}
ROWS = [[1.5, 20], [-2.25, 1000], [0.5, 7], [3, 4]]


def written(name: str, content: str, encoding: str = "utf-8") -> Path:
    path = Path(name)
    path.write_bytes(content.encode(encoding))
    return path


def table(content: str, name: str = "a.csv", **keys: object) -> str:
    """What is said of a table."""
    return sentence(written(name, content), **TABLE | keys)


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_table_is_read_right_however_it_was_saved(name: str, encoding: str):
    path = written(name, SPELLINGS[name] if encoding == "utf-8" else SPELLINGS[name].removeprefix("\ufeff"), encoding)
    other = written("test.csv", SPELLINGS["point.csv"])
    data = prepare(path, other, **TABLE, split={"train": [name], "test": ["test.csv"]}, features=["size", "weight"])
    np.testing.assert_array_equal(data.train_inputs, np.array(ROWS, dtype=np.float32))
    assert data.train_inputs.dtype == np.float32 and data.train_targets.dtype == np.int64
    assert data.train_targets.tolist() == [0, 1, 0, 1] and data.classes == ["ape", "bear"]


@pytest.mark.parametrize("kind", [str, "category", None])
def test_parquet_gives_the_same_tensors_as_csv(kind: object):
    frame = pd.read_csv(written("a.csv", SPELLINGS["point.csv"]))
    frame = frame.astype({"kind": kind}) if kind else frame.assign(kind=[3.0, 10.0, 3.0, 10.0])
    frame.set_index(pd.Index([4, 2, 3, 1])).to_parquet("a.parquet")
    both = [
        Path("a.parquet"),
        written(
            "test.csv",
            SPELLINGS["point.csv"].replace("ape", "3").replace("bear", "10") if not kind else SPELLINGS["point.csv"],
        ),
    ]
    data = prepare(*both, **TABLE, split={"train": ["a.parquet"], "test": ["test.csv"]})
    np.testing.assert_array_equal(data.train_inputs, data.test_inputs)
    assert data.classes == (["ape", "bear"] if kind else ["3", "10"])


@pytest.mark.parametrize("load", [load_iris, load_wine])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_draw_is_that_of_scikit_learn(load, standardize: bool):
    data = load()
    frame = pd.DataFrame(data.data, columns=data.feature_names).assign(kind=data.target_names[data.target])
    frame.to_csv("a.csv", index=False, sep=";", decimal=",")
    ours = prepare(Path("a.csv"), **TABLE, standardize=standardize)
    train, test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=DRAW["test_share"], random_state=DRAW["seed"], stratify=data.target
    )
    if standardize:
        scaler = StandardScaler().fit(train.astype(np.float32).astype(np.float64))
        train, test = (scaler.transform(rows.astype(np.float32).astype(np.float64)) for rows in (train, test))
    np.testing.assert_allclose(ours.train_inputs, train.astype(np.float32), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.test_inputs, test.astype(np.float32), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ours.train_targets, y_train)
    np.testing.assert_array_equal(ours.test_targets, y_test)
    assert ours.classes == list(data.target_names)


def test_whole_numbers_are_classes_by_size_and_listed_ones_in_their_order():
    rows = "".join(f"{number},{number}\n" for _ in range(8) for number in (10, 9, -1))
    path = written("a.csv", f"x,kind\n{rows}")
    assert prepare(path, **TABLE).classes == ["-1", "9", "10"]
    listed = prepare(path, **TABLE, classes=[9, 10, -1])
    assert listed.classes == ["9", "10", "-1"]
    natural = prepare(path, **TABLE)
    np.testing.assert_array_equal(listed.train_inputs, natural.train_inputs)
    assert [listed.classes[target] for target in listed.train_targets] == [
        natural.classes[target] for target in natural.train_targets
    ]


def test_a_seed_shuffles_files_that_come_class_by_class():
    content = "x,kind\n" + "".join(f"{row},{'ab'[row // 50]}\n" for row in range(100))
    paths = [written("train.csv", content), written("test.csv", content)]
    by_file = {"train": ["train.csv"], "test": ["test.csv"]}
    said = sentence(*paths, **TABLE, split=by_file)
    assert "the train rows (train.csv) come class by class" in said and "give a seed under split" in said
    first, again = (prepare(*paths, **TABLE, split=by_file | {"seed": 3}) for _ in range(2))
    np.testing.assert_array_equal(first.train_inputs, again.train_inputs)
    assert sorted(first.train_inputs[:, 0]) == list(range(100)) and first.train_inputs[0, 0] != 0
    np.testing.assert_array_equal(first.train_targets, first.train_inputs[:, 0] >= 50)


FEW = "x,y,kind\n1,2,a\n3,4,b\n5,6,a\n7,8,b\n"
MISTAKES = {
    "no label": (FEW, {"label": "class"}, "a.csv has no column 'class' (its columns: x, y, kind)"),
    "no feature": (FEW, {"features": ["z"]}, "a.csv has no column 'z'"),
    "one column": ("kind\na\nb\n", {}, "a.csv has the column 'kind' only"),
    "a column twice": ("x,x,kind\n1,2,a\n", {}, "a.csv has 2 columns 'x'"),
    "no name": (",x,kind\n1,2,a\n", {}, "column 1 has no name"),
    "empty cell": (FEW.replace("3,4", "3,"), {}, "a.csv, row 3, column 'y': the cell is empty"),
    "NaN": (FEW.replace("5,6", "NaN,6"), {}, "a.csv, row 4, column 'x': 'NaN' is not a number"),
    "infinite": (FEW.replace("5,6", "1e39,6"), {}, "a.csv, row 4, column 'x': 1e+39 is no finite 32-bit number"),
    "a text": (FEW.replace("7,8", "7,big"), {}, "a.csv, row 5, column 'y': 'big' is not a number"),
    "no class": (FEW.replace("3,4,b", "3,4, "), {}, "a.csv, row 3, column 'kind': the class is missing"),
    "uneven": (FEW.replace("3,4,b", "3,4"), {}, "a.csv, row 3: 2 columns where the header has 3"),
    "open quote": (FEW.replace("3,4,b", '3,4,"b'), {}, "a.csv, after row 1: not a CSV file"),
    "no rows": ("x,y,kind\n", {}, "a.csv has no rows"),
    "empty": ("", {}, "a.csv is empty"),
    "one class": (FEW.replace(",b", ",a"), {}, "all rows are of one class, 'a'"),
    "rare class": (FEW + "1,1,c\n", {}, "the class 'c' has one row only"),
    "too few": (FEW, {}, "4 rows of 2 classes cannot be split by test_share 0.25"),
    "unknown class": (FEW, {"classes": ["a", "c"]}, "a.csv, row 3: 'b' is none of the classes 'a', 'c'"),
    "absent class": (FEW, {"classes": ["a", "b", "c"]}, "have none of the class 'c'"),
    "mixed decimals": ("x;y;kind\n1,5;2.5;a\n", {}, "a.csv has numbers with a point (2.5) and with a comma (1,5)"),
    "thousands": ("x;y;kind\n1,500;2;a\n", {}, "1,500 has either decimals or its thousands set apart"),
    "thousands by point": ("x;y;kind\n1.500;2;a\n", {}, "1.500 has either decimals or its thousands set apart"),
    "other decimals": ("x;y;kind\n1.5;2;a\n", {"decimal": "comma"}, "'1.5' is not a number with the decimal mark ','"),
    "quoted comma": ('x,y,kind\n"1,5",2,a\n', {}, "'1,5' is not a number with the decimal mark '.'"),
    "wrong separator": (FEW, {"separator": "semicolon"}, "a.csv has no column 'kind'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_sentence_with_file_row_and_column(name: str):
    content, keys, said = MISTAKES[name]
    assert said in table(content, **keys)


def test_ambiguous_numbers_are_read_as_params_say():
    rows = "1,500;2;a\n1,250;1;b\n" * 4
    data = prepare(written("a.csv", f"x;y;kind\n{rows}"), **TABLE, decimal="comma")
    assert set(data.train_inputs[:, 0]) == {1.5, 1.25}


def test_other_encodings_and_kinds_are_one_sentence():
    assert "a.csv, line 2: not UTF-8 text" in sentence(written("a.csv", "x,kind\n1,ä\n", "latin-1"), **TABLE)
    for values, said in (
        (["1", "2"], "column 'x': holds no numbers but"),
        ([1.0, None], "row 2, column 'x': the cell is empty"),
        ([1, 10**39], "row 2, column 'x': "),
    ):
        pd.DataFrame({"x": values, "kind": ["a", "b"]}).astype(
            {"x": type(values[0])} if values[1] != 10**39 else {"x": float}
        ).to_parquet("a.parquet")
        assert said in sentence(Path("a.parquet"), **TABLE)
    pd.DataFrame({"x": [1, 2], "kind": [0.5, 1]}).to_parquet("a.parquet")
    assert "row 1, column 'kind': 0.5 is no class" in sentence(Path("a.parquet"), **TABLE)
    Path("a.parquet").write_bytes(Path("a.parquet").read_bytes()[:200])
    assert "a.parquet is damaged" in sentence(Path("a.parquet"), **TABLE)


def test_split_files_that_do_not_fit_are_one_sentence():
    train = written("train.csv", FEW)
    by_file = {"train": ["train.csv"], "test": ["test.csv"]}
    for content, said in (
        (FEW.replace(",b", ",a"), "the test rows (test.csv) have none of the class 'b'"),
        (FEW.replace("5,6,a", "5,6,c"), "test.csv, row 4: 'c' is none of the classes 'a', 'b'"),
        ("x,z,kind\n1,2,a\n", "do not have the same columns ('y' is in one of them only)"),
    ):
        assert said in sentence(train, written("test.csv", content), **TABLE, split=by_file)


def test_the_order_of_files_in_params_changes_nothing():
    first, second = written("a.csv", FEW), written("b.csv", "kind,y,x\na,10,9\nb,12,11\na,14,13\nb,16,15\n")
    one, other = (prepare(*paths, **TABLE) for paths in ((first, second), (second, first)))
    np.testing.assert_array_equal(one.train_inputs, other.train_inputs)
    np.testing.assert_array_equal(one.test_targets, other.test_targets)
    assert (one.train_inputs[:, 1] == one.train_inputs[:, 0] + 1).all()
