"""A bundle keeps what it is given, and whatever is wrong with one from elsewhere is one sentence."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from regrade.bundle import CORRECT, CURVES, MANIFEST, RUNS, bundle, histories
from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell
from regrade.cells import expansion
from regrade.config import params
from regrade.core.errors import UserError
from regrade.statistics import grading
from support.bundles import made_up
from support.expanded import CONFIG

PARAMETERS = params.parse(CONFIG | {"scale": "paper"})


@pytest.fixture(scope="module")
def whole() -> dict[str, Bundle]:
    """Made-up runs of all five studies."""
    every = expansion.expand(PARAMETERS)
    return {study: made_up(study, PARAMETERS, every) for study in PARAMETERS.studies}


@pytest.fixture
def written(whole: dict[str, Bundle], tmp_path: Path) -> Path:
    """The folder of a bundle without checksums, as other programs may write one."""
    whole["cs324"].write(tmp_path / "bundle")
    change(tmp_path / "bundle", lambda content: content.pop("sha256"))
    return tmp_path / "bundle"


def change(folder: Path, edit: Callable[[dict], object]) -> None:
    """Change the manifest, and leave out the seal by which the workflow notices that."""
    content = json.loads((folder / MANIFEST).read_text())
    content.pop("seal", None)
    edit(content)
    (folder / MANIFEST).write_text(json.dumps(content))


def rows(folder: Path, name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    edit(pd.read_parquet(folder / name)).to_parquet(folder / name)


def test_what_is_written_is_what_is_read(whole: dict[str, Bundle], tmp_path: Path):
    for study, given in whole.items():
        given.write(tmp_path / study)
        read = bundle.read(tmp_path / study)
        assert read.manifest.model_copy(update={"sha256": {}}) == given.manifest
        pd.testing.assert_frame_equal(read.runs, given.runs, check_like=True, check_dtype=False)
        keys = ["experiment", "cell", "seed", "epoch"]
        ours, theirs = (one.set_index(keys).sort_index() for one in (given.curves, read.curves))
        # To the last digit; a column is not there where no cell has the metric
        pd.testing.assert_frame_equal(theirs, ours, check_like=True, check_exact=True, check_dtype=False)
        assert read.correct.keys() == given.correct.keys()
        for key, correct in given.correct.items():
            assert read.correct[key].sample == correct.sample
            assert all(np.array_equal(read.correct[key].by_seed[seed], bits) for seed, bits in correct.by_seed.items())


def test_the_same_bundle_is_graded_the_same(whole: dict[str, Bundle], written: Path):
    ours, theirs = grading.grade(whole["cs324"]), grading.grade(bundle.read(written))
    assert ours.claims == theirs.claims
    pd.testing.assert_frame_equal(ours.numbers, theirs.numbers)


def test_curves_and_answers_may_be_missing(written: Path):
    (written / CURVES).unlink()
    (written / CORRECT).unlink()
    read = bundle.read(written)
    assert len(read.runs) and not len(read.curves) and not read.correct
    assert grading.grade(read).claims["claims"]


def test_the_curves_of_a_run_that_diverged_may_end_at_any_time(written: Path):
    change(written, lambda content: cell(content).update(status="diverged"))
    rows(written, RUNS, with_value("status", "diverged"))
    rows(written, CURVES, lambda table: with_value("value", np.nan)(table[~(of_run(table) & (table["epoch"] > 5))]))
    read = bundle.read(written)
    assert read.curves.groupby(["experiment", "cell", "seed"], sort=False).size().tolist()[:3] == [5, 12, 12]


@pytest.mark.parametrize(
    ("every", "last", "epochs", "complaint"),
    [
        (0.3, 2, [0.25, 0.6, 1, 1.25, 1.6, 2], None),
        (10, 25, [10, 20, 25], None),
        # Nobody says how often; before any training, perhaps
        (None, 7, [0, 2, 7], None),
        (0.5, 2, [0.5, 1, 1.5], "has no evaluation at epoch 2"),
        (10, 25, [10, 25], "has no evaluation at epoch 20"),
        (1, 25, [1, 2, 3], "has no evaluation at epoch 4"),
        (1e300, 25, [1], "has no evaluation at epoch 25"),
    ],
)
def test_the_epochs_of_a_run_that_is_done(every: float | None, last: float, epochs: list[float], complaint: str | None):
    settings = {} if every is None else {"evaluate_every": every}
    about = {"study": "s", "experiment": "e", "name": "c", "status": "done", "configuration": {"settings": settings}}
    keys = {"experiment": "e", "cell": "c", "seed": 0}
    runs = pd.DataFrame([keys | {"status": "done", "epochs": last}])
    curves = pd.DataFrame([keys | {"epoch": epoch, "metric": "test_loss", "value": 0.5} for epoch in epochs])
    said = next(histories.complaints(curves, runs, [BundledCell(**about)]), None)
    assert said == complaint or complaint in said


def cell(content: dict, number: int = 0) -> dict:
    return content["cells"][number]


def without_last_seed(table: pd.DataFrame) -> pd.DataFrame:
    return table[~((table["cell"] == table["cell"].iloc[0]) & (table["seed"] == 2))]


def with_value(column: str, value: object, row: int = 0) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def edit(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].astype(object).tolist()
        values[row] = value
        return table.assign(**{column: values}).infer_objects()

    return edit


def of_run(table: pd.DataFrame, seed: int = 0) -> "pd.Series[bool]":
    """The rows of one of the first cell's runs."""
    return (table["cell"] == table["cell"].iloc[0]) & (table["seed"] == seed)


def twice(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.iloc[[4]]], ignore_index=True)


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing there": (lambda folder: (folder / MANIFEST).unlink(), "it has no manifest.json; give the folder"),
    "another version": (
        lambda folder: change(folder, lambda content: content.update(schema_version=2)),
        "schema_version is 2, but this release of Regrade reads 1",
    ),
    "no version": (
        lambda folder: change(folder, lambda content: content.pop("schema_version")),
        "schema_version is None, but this release of Regrade reads 1",
    ),
    "no JSON": (lambda folder: (folder / MANIFEST).write_text("{"), "cannot be read as JSON"),
    "a list": (lambda folder: (folder / MANIFEST).write_text("[]"), "is no object"),
    "an unknown key": (
        lambda folder: change(folder, lambda content: content.update(plot=1)),
        "manifest.json: plot: there is no such key",
    ),
    "a wrong type": (
        lambda folder: change(folder, lambda content: cell(content).update(seeds=["0"])),
        "cells.0.seeds.0: '0' should be a whole number",
    ),
    "a setting that others do not vary": (
        lambda folder: change(folder, lambda content: cell(content)["varying"].update(depth=3)),
        "varies depth; give both a value of it",
    ),
    "runs of several protocols": (
        lambda folder: change(folder, lambda content: cell(content).update(scale="quick")),
        "its scale is 'quick', but that of the bundle is 'paper'; runs of several protocols are several bundles",
    ),
    "a cell twice": (
        lambda folder: change(folder, lambda content: content["cells"].append(cell(content))),
        "this cell is there twice",
    ),
    "another study's cell": (
        lambda folder: change(folder, lambda content: cell(content).update(study="vudl")),
        "study is 'vudl', but the bundle is of 'cs324'",
    ),
    "an experiment without a title": (
        lambda folder: change(folder, lambda content: content["experiments"].pop("p1_toy")),
        "there is no experiment 'p1_toy' under experiments; add it",
    ),
    "no table of runs": (lambda folder: (folder / RUNS).unlink(), "runs.parquet cannot be read as Parquet"),
    "no Parquet": (lambda folder: (folder / RUNS).write_bytes(b"seed,cell"), "runs.parquet cannot be read as Parquet"),
    "a table of another bundle": (
        lambda folder: change(folder, lambda content: content.update(sha256={RUNS: "0" * 64})),
        "is not the table that manifest.json was written for",
    ),
    "a table that is lost": (
        lambda folder: (
            (folder / CURVES).unlink(),
            change(folder, lambda content: content.update(sha256={CURVES: "0" * 64})),
        ),
        "has no curves.parquet, of which its manifest.json has the checksum; copy the bundle again",
    ),
    "a missing seed": (
        lambda folder: rows(folder, RUNS, without_last_seed),
        "has no row of seed 2; add it, or correct its seeds",
    ),
    "a run twice": (lambda folder: rows(folder, RUNS, twice), "is there twice; keep one row"),
    "a value twice": (lambda folder: rows(folder, CURVES, twice), "is there twice; keep one row"),
    "a metric that is no number": (
        lambda folder: rows(folder, RUNS, with_value("train_loss_best", np.nan)),
        "row 1: train_loss_best is not a number in experiment p1_toy",
    ),
    "an accuracy in percent": (
        lambda folder: rows(folder, RUNS, with_value("test_accuracy_best_epoch", 91.5)),
        "row 1: test_accuracy_best_epoch is 91.5, but it is a share, from 0 to 1; divide percentages by 100",
    ),
    "another share in percent": (
        lambda folder: rows(folder, RUNS, lambda table: table.assign(valid_prompted_last_epoch=81.9)),
        "row 1: valid_prompted_last_epoch is 81.9, but it is a share",
    ),
    "a negative time": (
        lambda folder: rows(folder, RUNS, with_value("train_seconds", -1.5)),
        "row 1: train_seconds is -1.5, but it is never below 0; correct it",
    ),
    "a negative epoch": (
        lambda folder: rows(folder, RUNS, with_value("best_epoch", -4)),
        "row 1: best_epoch is -4, but it is never below 0; correct it",
    ),
    "a negative time in a curve": (
        lambda folder: rows(folder, CURVES, lambda table: table.assign(value=-1.0, metric="seconds")[:1]),
        "row 1: seconds is -1, but it is never below 0; correct it",
    ),
    "an unknown status": (
        lambda folder: rows(folder, RUNS, with_value("status", "ok")),
        "row 1: status is 'ok'; it is",
    ),
    "an unknown cell": (
        lambda folder: rows(folder, RUNS, with_value("cell", "other")),
        "row 1: experiment p1_toy, cell other is not among the cells",
    ),
    "runs of a cell that has none": (
        lambda folder: change(folder, lambda content: cell(content).update(status="missing")),
        "is missing, so it has no runs, says manifest.json",
    ),
    "an empty cell": (lambda folder: rows(folder, RUNS, with_value("cell", None)), "row 1: cell is empty"),
    "no column": (
        lambda folder: rows(folder, RUNS, lambda table: table.drop(columns="seed")),
        "column seed is missing",
    ),
    "seeds that are texts": (
        lambda folder: rows(folder, RUNS, lambda table: table.assign(seed=table["seed"].astype(str))),
        "the column seed needs whole values",
    ),
    "too few bits": (
        lambda folder: rows(folder, CORRECT, with_value("bits", b"a")),
        "bits are 1 bytes, but 50 rows need 7",
    ),
    "a path as a cell's name": (
        lambda folder: change(folder, lambda content: cell(content).update(name="../../x")),
        "cells.0.name: '../../x' does not have the form",
    ),
    "a path as a study's name": (
        lambda folder: change(folder, lambda content: content.update(study="..")),
        "study: '..' does not have the form",
    ),
    "a name too long for a file": (
        lambda folder: change(folder, lambda content: cell(content).update(name="x" * 240)),
        "cells.0.name: the value should have at most 230 characters",
    ),
    "not a number in JSON": (
        lambda folder: change(folder, lambda content: cell(content)["settings"].update(lr=float("nan"))),
        "NaN is no number of JSON",
    ),
    "JSON without an end": (
        lambda folder: (folder / MANIFEST).write_text("[" * 100_000),
        "cannot be read as JSON",
    ),
    "settings that are a list": (
        lambda folder: change(folder, lambda content: cell(content).update(configuration={"settings": [1]})),
        "cells.0.configuration: settings: must be an object",
    ),
    "more rows than any test set": (
        lambda folder: change(folder, lambda content: cell(content).update(rows={"test": 10**30})),
        "cells.0.rows.test",
    ),
    "a follower of nothing": (
        lambda folder: change(folder, lambda content: cell(content).update(follows="other")),
        "follows 'other', but its experiment has no select",
    ),
    "looks that promise too little": (
        lambda folder: change(folder, lambda content: content.update(looks=[{"seeds": 3, "error": 0.9}])),
        "looks: their errors add up to 0.9",
    ),
    "a seed that no cell has": (
        lambda folder: rows(folder, RUNS, with_value("seed", 77)),
        "row 1: seed 77 is not among the seeds of experiment p1_toy",
    ),
    "a metric that is text": (
        lambda folder: rows(folder, RUNS, lambda table: table.assign(train_loss_best="low")),
        "the metric train_loss_best needs numbers, but has other values, such as 'low'",
    ),
    "a metric that is not finite": (
        lambda folder: rows(folder, RUNS, with_value("train_loss_best", np.inf)),
        "row 1: train_loss_best is not finite",
    ),
    "versions that are no JSON": (
        lambda folder: rows(folder, RUNS, lambda table: table.assign(versions="torch 2")),
        "the column versions needs JSON objects",
    ),
    "a commit that is a number": (
        lambda folder: rows(folder, RUNS, lambda table: table.assign(commit=5)),
        "the column commit needs texts",
    ),
    "a curve called seed": (
        lambda folder: rows(folder, CURVES, with_value("metric", "seed")),
        "metric is 'seed', which is the name of a column",
    ),
    "an epoch that is not finite": (
        lambda folder: rows(folder, CURVES, with_value("epoch", np.inf)),
        "row 1: epoch is no finite number",
    ),
    "a curve in percent": (
        lambda folder: rows(
            folder, CURVES, lambda table: table.assign(value=table["value"] + 50, metric="test_accuracy").iloc[:1]
        ),
        "row 1: test_accuracy is 5",
    ),
    "a curve with a hole": (
        lambda folder: rows(folder, CURVES, with_value("value", np.nan, 4)),
        "train_loss is not a number at epoch 5 of experiment p1_toy, cell",
    ),
    "a curve without an epoch of the others": (
        lambda folder: rows(folder, CURVES, lambda table: table.drop(index=4)),
        "seed 0 has no train_loss at epoch 5; add it, or say diverged",
    ),
    "a run without a curve": (
        lambda folder: rows(folder, CURVES, lambda table: table[~of_run(table, 1)]),
        "seed 1 has no curve, but other runs of its cell have",
    ),
    "curves without an epoch": (
        lambda folder: rows(folder, CURVES, lambda table: table[~(of_run(table) & (table["epoch"] == 3))]),
        "seed 0 has no evaluation at epoch 3; add it, or say diverged",
    ),
    "curves without the last epoch": (
        lambda folder: rows(folder, CURVES, lambda table: table[~(of_run(table) & (table["epoch"] == 12))]),
        "seed 0 has no evaluation at epoch 12",
    ),
    "an epoch before any training": (
        lambda folder: rows(
            folder,
            CURVES,
            lambda table: table.assign(epoch=table["epoch"].mask(of_run(table) & (table["epoch"] == 1), 0)),
        ),
        "seed 0 has an epoch 0, before any training; remove it",
    ),
    "answers without rows": (
        lambda folder: rows(folder, CORRECT, lambda table: with_value("rows", 0)(with_value("bits", b"")(table))),
        "bits are 0 bytes, but 0 rows need 0",
    ),
    "as many answers as atoms": (
        lambda folder: rows(folder, CORRECT, with_value("rows", 2**62)),
        "bits are 7 bytes, but 4611686018427387904 rows need",
    ),
    "a run without answers": (
        lambda folder: rows(folder, CORRECT, lambda table: table.iloc[1:]),
        "has no row of seed 0; add it",
    ),
    "answers to other rows": (
        lambda folder: rows(folder, CORRECT, with_value("sample", "other")),
        "row 2: sample is",
    ),
    "an unknown rule": (lambda folder: rows(folder, CORRECT, with_value("rule", "first")), "rule is 'first'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_one_sentence(mistake: str, written: Path):
    spoil, complaint = MISTAKES[mistake]
    spoil(written)
    with pytest.raises(UserError) as said:
        bundle.read(written)
    assert complaint in str(said.value) and "\n" not in str(said.value)
    assert str(written) in str(said.value)


def test_any_damage_is_one_sentence(written: Path):
    """Bytes that are changed at random, in files that no checksum guards."""
    chance, refused = random.Random(15), 0
    for _ in range(100):
        path = written / chance.choice((MANIFEST, RUNS, CURVES, CORRECT))
        content = path.read_bytes()
        place = chance.randrange(len(content))
        path.write_bytes(content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :])
        try:
            bundle.read(written)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
        path.write_bytes(content)
    assert refused > 30


def test_a_damaged_bundle_of_the_workflow_is_deleted(whole: dict[str, Bundle], tmp_path: Path):
    whole["vudl"].write(tmp_path / "bundle")
    assert len(bundle.read_own(tmp_path / "bundle").runs)
    content = bytearray((tmp_path / "bundle" / CURVES).read_bytes())
    content[100] ^= 1
    (tmp_path / "bundle" / CURVES).write_bytes(content)
    with pytest.raises(UserError, match="what is left of it was deleted: run `snakemake` again"):
        bundle.read_own(tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
