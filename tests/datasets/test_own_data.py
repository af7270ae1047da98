"""Datasets of one's own as params.yaml describes them: names, checksums, forms, stand-ins, and what is refused at once."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.config import params
from regrade.config.dataset import DataFile
from regrade.core import fingerprints
from regrade.core.errors import UserError
from regrade.core.files import sha256
from regrade.datasets import prepared, registry
from regrade.datasets.checksums import checksum
from regrade.datasets.fetch import fetch
from regrade.datasets.form import Form
from regrade.datasets.text import word_vectors
from regrade.reporting.exports import dvc_pipeline, protocol
from regrade.training import job
from support.own_data import DRAW, described, identity, prepare, stand_in
from support.project import merged
from support.tiny import PARAMS, sweep

pytestmark = pytest.mark.usefixtures("elsewhere")
CSV = "size;weight;kind\r\n" + "".join(f"{n},5;{n % 2 * 10},25;{'ape' if n % 2 else 'bear'}\r\n" for n in range(24))
ROWS = {"train_rows": 60, "test_rows": 30, "classes": 3}
FORMATS = {
    "table": {"label": "kind", "stand_in": ROWS | {"features": 4}},
    "images": {"colours": "gray", "stand_in": ROWS | {"size": [9, 10]}},
    "arrays": {"inputs": "x", "targets": "y", "stand_in": ROWS | {"shape": [5]}},
    "texts": {"label": "kind", "text": "said", "stand_in": ROWS | {"words": 30}},
}


@pytest.fixture
def table() -> Path:
    path = Path("zoo.csv")
    path.write_bytes(CSV.encode("utf-8-sig"))
    return path


def config(scale: str = "real", **changes: object) -> dict:
    """The tiny study on a table of one's own; a change that is None removes a key."""
    files = {"zoo.csv": {"urls": ["zoo.csv"], "sha256": sha256("zoo.csv")}}
    zoo = {"format": "table", "label": "kind", "split": DRAW, "standardize": True, "files": files} | changes
    content = copy.deepcopy(merged(PARAMS, sweep(settings={"dataset": "zoo"})))
    content["scale"], content["scales"] = scale, {"real": {"data": "real"}, "demo": {"data": "stand_in"}}
    content["datasets"]["zoo"] = {key: value for key, value in zoo.items() if value is not None}
    return content


def cells(scale: str = "real", **changes: object) -> list[Cell]:
    return expansion.expand(params.parse(config(scale, **changes)))


def refused(scale: str = "real", **changes: object) -> str:
    with pytest.raises(UserError) as raised:
        cells(scale, **changes)
    return str(raised.value)


def test_what_is_wrong_is_said_before_any_job_starts(table: Path):
    files = {"zoo.csv": {"urls": ["zoo.csv"]}}
    assert refused(files=files) == f"params.yaml: datasets.zoo.files.zoo.csv: sha256 is missing; it is {sha256(table)}"
    files["zoo.csv"]["urls"] = ["https://example.org/zoo.csv"]
    assert "add what `curl -L https://example.org/zoo.csv | sha256sum` prints" in refused(files=files)
    files["zoo.csv"]["urls"] = ["nowhere.csv"]
    assert "there is no nowhere.csv" in refused(files=files)
    assert "params.yaml: datasets.zoo.stand_in is missing, but this scale has stand-in data" in refused("demo")
    assert "datasets: no address of any file of zoo" in refused(files={})
    for changes, said in (
        ({"format": "tables"}, "datasets.zoo: 'tables' is not one of the formats table, images, arrays, texts"),
        ({"label": None}, "datasets.zoo.label: this key is missing"),
        ({"split": None}, "datasets.zoo: split is missing"),
        ({"split": {"test_share": 0.5}}, "datasets.zoo.split: test_share needs a seed"),
        ({"split": {"test_share": 1.5, "seed": 1}}, "datasets.zoo.split.test_share: 1.5 should be less than 1"),
        ({"split": {"train": ["zoo.csv"]}}, "datasets.zoo.split: train and test belong together"),
        ({"split": DRAW | {"train": ["zoo.csv"]}}, "datasets.zoo.split: has train and test"),
        ({"split": {"train": ["zoo.csv"], "test": ["z.csv"]}}, "datasets.zoo: split: there is no file 'z.csv'"),
        ({"split": {"train": ["zoo.csv"], "test": ["zoo.csv"]}}, "'zoo.csv' is in 'zoo.csv', so its rows would be"),
        ({"features": ["kind"]}, "features has the label 'kind', which would give the class away"),
        ({"classes": ["ape"]}, "datasets.zoo.classes: "),
        ({"classes": ["1", 1]}, "datasets.zoo.classes: '1' is there twice"),
        ({"options": {"level": "word"}}, "datasets.zoo.options: there is no 'level'"),
        ({"word_vectors": {"size": 3}}, "word_vectors are fitted on texts, but the format is table"),
        ({"stand_in": ROWS | {"features": 3}, "features": ["size"]}, "stand_in has 3 features, but 1 are listed"),
        ({"stand_in": ROWS | {"features": 3}, "classes": ["a", "b"]}, "stand_in has 3 classes, but 2 are listed"),
        ({"files": {"a/b.csv": {"urls": ["a"]}}}, "datasets.zoo.files"),
        (
            {"format": None},
            "datasets.zoo: split belongs to data of your own, which need a format: table, images, arrays",
        ),
        ({"format": ["table"]}, 'datasets.zoo: ["table"] is not one of the formats'),
    ):
        assert said in refused(**changes), changes


def test_a_name_is_of_one_dataset(table: Path):
    content = config()
    content["datasets"]["moons"] = content["datasets"]["zoo"]
    content = merged(content, sweep(settings={"dataset": "moons"}))
    with pytest.raises(UserError, match=r"datasets\.moons: this is the name of a built-in dataset; rename yours"):
        expansion.expand(params.parse(content))
    content = merged(config(), sweep(settings={"dataset": "zo"}))
    with pytest.raises(UserError, match=r"there is no dataset 'zo' \(did you mean 'zoo'\?\)"):
        expansion.expand(params.parse(content))


def test_a_cells_name_covers_what_decides_its_data_and_nothing_else(table: Path):
    today = cells()[0]
    same = [
        {"stand_in": ROWS | {"features": 2}},
        {"files": {"zoo.csv": {"urls": ["elsewhere", "zoo.csv"], "sha256": sha256(table)}}},
        {"decimal": None},
    ]
    other = [
        {"split": {"test_share": 0.5, "seed": 7}},
        {"split": {"test_share": 0.25, "seed": 8}},
        {"standardize": False},
        {"classes": ["bear", "ape"]},
        {"features": ["size"]},
        {"decimal": "comma"},
        {"files": {"zoo.csv": {"urls": ["zoo.csv"], "sha256": "0" * 64}}},
    ]
    assert {cells(**changes)[0].name for changes in same} == {today.name}
    assert len({cells(**changes)[0].name for changes in other} | {today.name}) == len(other) + 1
    covered = fingerprints.closure("regrade.datasets.formats.table")
    assert {f"regrade.datasets.kinds.{name}" for name in ("columns", "labelled")} <= covered
    assert today.data.code == fingerprints.code("regrade.datasets.formats.table")


def test_a_network_that_does_not_fit_is_refused_as_soon_as_the_form_is_known(table: Path):
    """By what is declared, or by the card; else by the training job."""
    convolution = {"convolution": {"filters": 2, "kernel": 3, "padding": 0, "activation": "relu"}}
    wide = {"studies": {"tiny": {"networks": {"mlp": [convolution, {"dense": {"units": "classes"}}]}}}}

    def ask(**changes: object) -> list[Cell]:
        content = merged(config(**changes), wide)
        content["studies"]["tiny"]["experiments"]["sweep"]["grid"] = {"lr": [0.1, 0.2]}
        return expansion.expand(params.parse(content))

    unknown = ask()[0]
    declared = {"features": ["size", "weight"], "classes": ["ape", "bear"]}
    with pytest.raises(UserError, match=r"convolution: cannot take numbers of shape \(2\)"):
        ask(**declared)
    prepare(table, format="table", label="kind", standardize=True).save(unknown.data.folder, {})
    assert registry.form(unknown.data) == Form((2,), 2)
    with pytest.raises(UserError, match=r"convolution: cannot take numbers of shape \(2\)"):
        ask()
    (unknown.data.folder / "card.json").write_text("{")
    assert registry.form(unknown.data) is None and unknown.data.folder.exists()


def test_the_training_job_says_what_could_not_be_known_before(table: Path):
    content = merged(config(), {"studies": {"tiny": {"networks": {"mlp": [{"dense": {"units": "$width"}}]}}}})
    content["studies"]["tiny"]["experiments"]["sweep"]["settings"]["loss"] = "squared_error"
    content["studies"]["tiny"]["experiments"]["sweep"]["grid"] = {"width": [1]}
    parameters = params.parse(content)
    (cell,) = expansion.expand(parameters)
    prepare(table, format="table", label="kind").save(cell.data.folder, {})
    with pytest.raises(UserError, match=r"ends with shape \(1,\), but there are 2 classes"):
        job.train(cell, parameters)


@pytest.mark.parametrize("name", FORMATS)
def test_stand_ins_are_learnable_and_have_the_form_that_is_said(name: str):
    this = identity(described(format=name, **FORMATS[name]), "stand_in")
    data = stand_in(this)
    data.save(this.folder, this.parts)
    card = prepared.card(this.folder)
    assert card["classes"] == ["0", "1", "2"] and card["source"].startswith("generated stand-in")
    assert card["rows_per_class"] == {"train": [20] * 3, "test": [10] * 3}
    assert registry.form(this) == registry._of_card(this)
    if name == "texts":
        rows = [
            np.stack([np.bincount(row[row >= 0], minlength=len(data.vocabulary)) for row in inputs])
            for inputs in (data.train_inputs, data.test_inputs)
        ]
    else:
        rows = [inputs.reshape(len(inputs), -1).astype(float) for inputs in (data.train_inputs, data.test_inputs)]
    means = np.stack([rows[0][data.train_targets == number].mean(0) for number in range(3)])
    nearest = ((rows[1][:, None] - means) ** 2).sum(2).argmin(1)
    assert (nearest == data.test_targets).mean() > 0.8
    again = stand_in(this)
    np.testing.assert_array_equal(again.test_targets, data.test_targets)


DENSE = {"dense": {"units": "classes"}}
EMBEDDING = {"embedding": {"units": 4}}
RECURRENT = {"recurrent": {"cell": "lstm", "units": 4, "layers": 1, "output": "last"}}
READ = {"max_length": 12, "vocab_size": 100}
NETWORKS = {
    "table": ("table", [DENSE], {}),
    "images": ("images", [{"rescale": {"divisor": 255}}, "flatten", DENSE], {}),
    "arrays": ("arrays", [DENSE], {}),
    "recurrent": ("texts", [EMBEDDING, RECURRENT, DENSE], READ),
    "whole": ("texts", [EMBEDDING, "maximum_over_steps", DENSE], {"batch_tokens": 200, "batch_size": None}),
    "bag": ("texts", [{"bag": {"units": 4}}, DENSE], {"ngrams": 2}),
    "tokens": (
        "texts",
        [{"tokens": {"level": "word", "one_hot": 256, "embedding": 5}}, "maximum_over_steps", DENSE],
        READ,
    ),
    "vectors": ("texts", [{"embedding": {"units": 4, "initial": "word_vectors"}}, "maximum_over_steps", DENSE], READ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_train_on_every_format(name: str):
    form, layers, settings = NETWORKS[name]
    content = copy.deepcopy(merged(PARAMS, sweep(settings={"dataset": "own", "epochs": 1} | settings)))
    experiment = content["studies"]["tiny"]["experiments"]["sweep"]
    experiment["settings"] = {key: value for key, value in experiment["settings"].items() if value is not None}
    experiment["grid"] = {"lr": [0.1]}
    content["studies"]["tiny"]["networks"]["mlp"] = layers
    vectors = {"size": 4, "window": 2, "epochs": 1, "min_count": 2}
    content["datasets"]["own"] = {"format": form, "split": DRAW, **FORMATS[form]}
    if form == "texts":
        content["datasets"]["own"]["word_vectors"] = vectors
    parameters = params.parse(content)
    (cell,) = expansion.expand(parameters)
    this = cell.needed_data
    stand_in(this).save(this.folder, this.prepared.parts)
    if this.word_vectors:
        fitted = word_vectors.fit(this.folder, word_vectors.WordVectors(**vectors))
        word_vectors.save(fitted, this.word_vectors_folder, {})
    job.train(cell, parameters)
    assert cell.status == "done"


def test_bytes_of_any_shape_stand_in():
    for shape in ([7], [6, 7], [3, 6, 7]):
        keys = FORMATS["arrays"] | {"stand_in": ROWS | {"shape": shape, "values": "bytes"}}
        this = identity(described(format="arrays", **keys), "stand_in")
        assert stand_in(this).train_inputs.shape == (60, *shape)
        assert registry.form(this) == Form(tuple(shape), 3, "bytes")


def test_a_model_of_drawn_or_shuffled_rows_is_evaluated_on_other_rows_than_the_sources(table: Path):
    shutil.copy(table, "test.csv")
    by_file = {"train": ["zoo.csv"], "test": ["test.csv"]}
    for split, test, held_out in (
        (DRAW, True, True),
        (by_file, False, False),
        (by_file | {"seed": 1}, False, True),
    ):
        this = identity(described(table, Path("test.csv"), format="table", label="kind", split=split))
        assert (registry.own_rows(this, False), registry.own_rows(this, True)) == (test, held_out)


@pytest.mark.parametrize("name", ["zoo.csv", "folder"])
def test_a_wrong_checksum_is_told_with_the_right_one(table: Path, name: str):
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("a")
    path, right = Path(name), checksum(Path(name))
    with pytest.raises(UserError, match=f"its SHA-256 is {right}, not the one in params.yaml"):
        fetch(DataFile(urls=[name], sha256="0" * 64), Path("raw/file"))
    assert not any(Path("raw").iterdir())
    fetch(DataFile(urls=[path.resolve().as_uri()], sha256=right), Path("raw/file"))
    assert sha256("raw/file") == right


def test_dvc_and_the_protocol_know_them(table: Path):
    parameters = params.parse(config())
    stages = dvc_pipeline.pipeline(parameters)["stages"]
    assert stages["prepare"]["foreach"] == {"zoo": {"place0": "datasets.zoo"}}
    (written,) = protocol.protocols(parameters).values()
    zoo = written.datasets["zoo"]
    assert zoo.format == "table" and zoo.description["split"] == DRAW
    assert yaml.safe_load(yaml.safe_dump(written.model_dump(exclude_defaults=True)))
