"""Tables that trackers and spreadsheets export become bundles, or are refused in one sentence."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from regrade.bundle import bundle
from regrade.bundle.tabular import Read
from regrade.config import studies
from regrade.core.errors import UserError
from regrade.reporting import grade
from support import graded


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Grading says once per process where studies are; here that ends with a test."""
    monkeypatch.setattr(studies, "FOLDER", studies.FOLDER)
    yield


def read(folder: Path, content: str | bytes, name: str = "runs.csv", seed: str = "seed", **files: str) -> Read:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    study = folder / "levels_of_text"
    return grade.read(study if study.exists() else graded.study(folder, **files), [path], seed)


def numbers(one: Read) -> dict[tuple, float]:
    """The accuracies by cell and seed."""
    settings = {cell.name: tuple(sorted(cell.varying.items())) for cell in one.bundle.manifest.cells}
    table = one.bundle.runs
    keys = zip(table["cell"], table["seed"], table["test_accuracy_best_epoch"], strict=True)
    return {(settings[cell], seed): value for cell, seed, value in keys}


PLAIN = pd.read_csv(io.StringIO(graded.RUNS))
EXPECTED = {
    ((("level", row.level), ("lr", row.lr)), row.seed): row.test_accuracy_best_epoch for row in PLAIN.itertuples()
}


def test_a_plain_table(tmp_path: Path):
    one = read(tmp_path, graded.RUNS)
    assert numbers(one) == EXPECTED and one.notes == []
    assert {cell.standing.name for cell in one.bundle.manifest.cells} == {"full"}
    assert [look.seeds for look in one.bundle.manifest.looks] == [3]
    assert one.bundle.manifest.title == "Recurrent networks on text"


def test_a_spreadsheets_table_is_the_same(tmp_path: Path):
    lines = [line.replace(",", ";").replace("0.", "0,") for line in graded.RUNS.splitlines()]
    one = read(tmp_path, "\ufeff" + "\r\n".join(lines) + "\r\n")
    assert numbers(one) == EXPECTED


def test_a_short_cell_counts_only_where_a_claim_names_it(tmp_path: Path):
    """Else one cell would take seeds from all claims."""
    more = [PLAIN.assign(seed=PLAIN["seed"] + 3 * n) for n in range(3)]
    table = pd.concat([*more, PLAIN[:2].assign(lr=0.5), PLAIN[3:4].assign(level="char", lr=0.7)], ignore_index=True)
    # Claims about all words, and about words and characters at one rate
    one = read(tmp_path, table[(table["lr"] == 0.01) | (table["level"] == "char")].to_csv(index=False))
    assert [look.seeds for look in one.bundle.manifest.looks] == [9] and one.notes == []
    two = read(tmp_path, table.to_csv(index=False))
    assert [look.seeds for look in two.bundle.manifest.looks] == [2]
    (note,) = two.notes
    assert note.startswith(
        "claims are judged by the first 2 seeds, as the cells of words-over-80 have no more in common"
    )


def test_seeds_that_cells_do_not_share_are_no_look(tmp_path: Path):
    """No claim would ever reach it."""
    table = pd.concat([PLAIN, PLAIN.assign(seed=PLAIN["seed"] + 3)], ignore_index=True)
    words = (table["level"] == "word") & (table["seed"] < 4)
    characters = (table["level"] == "char") & (table["seed"] >= 2)
    one = read(tmp_path, table[words | characters].to_csv(index=False))
    assert [look.seeds for look in one.bundle.manifest.looks] == [2]
    (note,) = one.notes
    assert "the cells of words-beat-characters have no more in common" in note


def test_what_has_to_do_with_an_accuracy_is_not_always_one(tmp_path: Path):
    values = {"steps_to_accuracy": 300, "seconds_to_90_accuracy": 12.5, "accuracy_gap": -0.02}
    lines = graded.REPORTED + "".join(f"table 6,levels,level=word;lr=0.01,{name},{values[name]},\n" for name in values)
    one = read(tmp_path, PLAIN.assign(**values).to_csv(index=False), reported=lines)
    assert one.bundle.runs[list(values)].drop_duplicates().to_dict("records") == [values]
    one.bundle.write(tmp_path / "bundle")
    assert len(bundle.read(tmp_path / "bundle").runs) == len(PLAIN)
    with pytest.raises(UserError, match="the value is 86, but it is a share, from 0 to 1; divide percentages by 100"):
        read(tmp_path, PLAIN.assign(**values, test_accuracy_best_epoch=86).to_csv(index=False))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_other_encodings_are_the_same(encoding: str, tmp_path: Path):
    assert numbers(read(tmp_path, graded.RUNS.replace(",", "\t").encode(encoding))) == EXPECTED


def test_parquet_is_the_same(tmp_path: Path):
    PLAIN.to_parquet(tmp_path / "runs.parquet")
    assert numbers(grade.read(graded.study(tmp_path), [tmp_path / "runs.parquet"], "seed")) == EXPECTED


def test_an_export_of_mlflow(tmp_path: Path):
    """As `mlflow.search_runs().to_csv()` writes it: parameters are texts, and a run has crashed."""
    names = {
        "level": "params.level",
        "lr": "params.lr",
        "seed": "params.seed",
        "test_accuracy_best_epoch": "metrics.acc",
    }
    table = PLAIN.rename(columns=names).assign(run_id=list("abcdef"), status="FINISHED", artifact_uri="file:///x,y")
    crashed = table.iloc[[0]].assign(status="FAILED", **{"metrics.acc": None, "params.seed": 9})
    content = pd.concat([table, crashed]).to_csv(index=False)
    description = graded.DESCRIPTION + "columns: {metrics.acc: test_accuracy_best_epoch}\n"
    one = read(tmp_path, content, study=description)
    assert numbers(one) == EXPECTED
    assert one.notes == [f"{tmp_path / 'runs.csv'}: rows of runs without a result are left out (1 failed)"]


def test_an_export_of_weights_and_biases(tmp_path: Path):
    table = PLAIN.rename(columns={"test_accuracy_best_epoch": "best_acc"}).assign(Name="run", State="finished")
    crashed = table.iloc[[0]].assign(State="crashed", seed=9, best_acc=None)
    description = "columns: {State: status, best_acc: test_accuracy_best_epoch}\n"
    one = read(tmp_path, pd.concat([table, crashed]).to_csv(index=False, quoting=csv.QUOTE_ALL), study=description)
    assert numbers(one) == EXPECTED


def test_histories_give_the_metrics_of_runs(tmp_path: Path):
    lines = ["level,lr,random_state,epoch,test_accuracy,test_loss"]
    for row in PLAIN.itertuples():
        best = row.test_accuracy_best_epoch
        epochs = [(1, best - 0.1, 0.9), (2, best, 0.5), (3, best - 0.05, 0.6)]
        lines += [f"{row.level},{row.lr},{row.seed},{epoch},{accuracy},{loss}" for epoch, accuracy, loss in epochs]
    one = read(tmp_path, "\n".join(lines), seed="random_state")
    assert numbers(one) == EXPECTED
    runs = one.bundle.runs
    assert runs["best_epoch"].tolist() == [2] * 6 and runs["test_loss_best"].tolist() == [0.5] * 6
    assert runs["test_accuracy_last_epoch"].tolist() == pytest.approx([value - 0.05 for value in EXPECTED.values()])
    assert len(one.bundle.curves) == 18


def test_runs_and_histories_in_two_files(tmp_path: Path):
    history = "level,lr,seed,epoch,test_loss\n" + "".join(
        f"{row.level},{row.lr},{row.seed},{epoch},{1 / epoch}\n" for row in PLAIN.itertuples() for epoch in (1, 2)
    )
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    (tmp_path / "history.csv").write_text(history)
    one = grade.read(graded.study(tmp_path), [tmp_path / "runs.csv", tmp_path / "history.csv"], "seed")
    assert numbers(one) == EXPECTED and one.bundle.runs["test_loss_last_epoch"].eq(0.5).all()


def test_a_run_that_diverged_may_have_no_number(tmp_path: Path):
    lines = graded.RUNS.splitlines()
    content = "\n".join([lines[0] + ",status", *(line + ",done" for line in lines[1:]), "char,0.01,3,,diverged"])
    one = read(tmp_path, content)
    assert one.bundle.runs["test_accuracy_best_epoch"].isna().sum() == 1
    assert sorted(cell.status for cell in one.bundle.manifest.cells) == ["diverged", "done"]


def test_runs_with_other_settings_than_the_sources_are_not_judged(tmp_path: Path):
    lines = graded.RUNS.splitlines()
    content = "\n".join([lines[0] + ",epochs", *(line + f",{10 if 'word' in line else 100}" for line in lines[1:])])
    description = graded.DESCRIPTION + "experiments: {levels: {title: Levels, settings: {epochs: 100}}}\n"
    one = read(tmp_path, content, study=description)
    standings = {cell.varying["level"]: cell.standing for cell in one.bundle.manifest.cells}
    assert standings["word"].why == "epochs: 10 instead of 100" and standings["char"].name == "full"
    (verdicts,) = grade.write([one.bundle], tmp_path / "out")
    assert {claim["verdict"] for claim in verdicts.claims} == {"other protocol"}


def test_rows_that_are_about_something_else_are_left_out_and_named(tmp_path: Path):
    lines = graded.RUNS.splitlines()
    content = "\n".join(["experiment," + lines[0], *("levels," + line for line in lines[1:]), "level,word,0.01,7,0.5"])
    one = read(tmp_path, content)
    assert numbers(one) == EXPECTED
    assert "1 row of 'level' left out" in one.notes[0] and "did you mean 'levels'" in one.notes[0]


def spoilt(old: str, new: str) -> str:
    assert old in graded.RUNS
    return graded.RUNS.replace(old, new, 1)


LR = "columns: {test_accuracy_best_epoch: lr}\n"
MISTAKES: dict[str, tuple[str, dict[str, str], str]] = {
    "no seeds": (spoilt("seed", "run"), {}, "no column 'seed'"),
    "a seed that is no number": (
        spoilt("word,0.01,0", "word,0.01,first"),
        {},
        "row 2, column 'seed': 'first' is no whole",
    ),
    "a run twice": (
        spoilt("word,0.01,1", "word,0.01,0"),
        {},
        "row 3: seed 0 of level=word, lr=0.01 is there already, in",
    ),
    "no metric": (
        spoilt("test_accuracy_best_epoch", "test_acc"),
        {},
        "no table has the metric 'test_accuracy_best_epoch'",
    ),
    "an empty metric": (spoilt("0.8886", ""), {}, "row 3, column 'test_accuracy_best_epoch': the cell is empty"),
    "a metric that is no number": (spoilt("0.8886", "n/a"), {}, "row 3, column 'test_accuracy_best_epoch': 'n/a'"),
    "not a number": (spoilt("0.8886", "nan"), {}, "row 3, column 'test_accuracy_best_epoch': 'nan'"),
    "percent": (
        spoilt("0.8886", "88.86"),
        {},
        "row 3, column 'test_accuracy_best_epoch': the value is 88.86, but it is a share",
    ),
    "no setting": (spoilt("level", "lvl"), {}, "has no column 'level', by which it names cells of levels"),
    "an empty setting": (spoilt("word,0.01,1", ",0.01,1"), {}, "row 3, column 'level': the setting is empty"),
    "too few columns": (spoilt("word,0.01,1,0.8886", "word,0.01,1"), {}, "row 3: 3 columns where the header has 4"),
    "an unknown status": (
        spoilt("seed", "status").replace("0.01,0,", "0.01,okay,"),
        {"study": "columns: {lr: seed}\n"},
        "column 'status': 'okay' is none of",
    ),
    "a column that is not there": (
        graded.RUNS,
        {"study": "columns: {acc: test_loss}\n"},
        "study.yaml: columns: no table has 'acc'",
    ),
    "a mistake in study.yaml": (graded.RUNS, {"study": "titel: A\n"}, "study.yaml: titel: there is no such key"),
    "nothing to grade": (
        graded.RUNS,
        {"claims": "claims: []\n", "reported": graded.REPORTED.splitlines()[0]},
        "nothing to grade",
    ),
    "an unknown measure": (
        graded.RUNS,
        {
            "claims": graded.CLAIMS.replace(
                "metric: test_accuracy_best_epoch", "metric: {measure: lowest, of: test_loss}"
            )
        },
        "no table has 'test_loss' by epoch",
    ),
    "nothing in it": (graded.RUNS.splitlines()[0], {}, "has no rows"),
    "nothing at all": ("", {}, "runs.csv is empty; export it again"),
    "a seed of more than 64 bits": (spoilt("word,0.01,2", f"word,0.01,{10**22}"), {}, "row 4, column 'seed'"),
    "a metric that is not finite": (
        spoilt("0.8886", "1e999"),
        {},
        "row 3, column 'test_accuracy_best_epoch': the number",
    ),
    "a setting that is not finite": (spoilt("0.01", "1e999"), {}, "row 2, column 'lr': inf is no finite number"),
    "an epoch that is not finite": (
        spoilt("lr", "epoch").replace("0.01,2", "1e999,2"),
        {"study": LR},
        "column 'epoch'",
    ),
    "an empty experiment": (
        "experiment," + graded.RUNS.replace("\n", "\n,")[:-1],
        {},
        "row 2, column 'experiment' is empty; fill it in",
    ),
    "a setting twice": (spoilt("lr", "level"), {}, "has several columns for 'level'"),
    "an experiment in study.yaml that no claim names": (
        graded.RUNS,
        {"study": "experiments: {level: {settings: {lr: 1}}}\n"},
        "no claim and no number is about 'level' (did you mean 'levels'?)",
    ),
    "a setting in study.yaml that no table has": (
        graded.RUNS,
        {"study": "experiments: {levels: {settings: {epochs: 100}}}\n"},
        "study.yaml: experiments.levels.settings: no table has the column 'epochs'",
    ),
    "looks that promise too little": (
        graded.RUNS,
        {"study": "looks: [{seeds: 3, error: 0.04}, {seeds: 5, error: 0.02}]\n"},
        "study.yaml: looks: their errors add up to 0.06, more than 0.05",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_one_sentence(mistake: str, tmp_path: Path):
    content, files, complaint = MISTAKES[mistake]
    with pytest.raises(UserError) as said:
        read(tmp_path, content, **files)
    assert complaint in str(said.value) and "\n" not in str(said.value)
    # Options of data sets in params.yaml are of no use here
    assert not any(word in str(said.value) for word in ("under features", "give separator", "set decimal", "sha256"))


def test_several_columns_of_a_name_that_nothing_needs(tmp_path: Path):
    lines = graded.RUNS.splitlines()
    one = read(tmp_path, "\n".join([lines[0] + ",x,x,,", *(line + ",1,2,," for line in lines[1:])]))
    assert numbers(one) == EXPECTED


@pytest.mark.parametrize("value", ["a b/c", "../../x", "<script>", "it's", "x;y=z", "$x^$", "x" * 3000, "\u00e4" * 300])
def test_settings_are_any_text(value: str, tmp_path: Path):
    claims = graded.CLAIMS.replace("level: word", f"level: {json.dumps(value)}")
    content = PLAIN.replace({"level": {"word": value}}).to_csv(index=False)
    one = read(tmp_path, content, claims=claims, reported=graded.REPORTED.splitlines()[0])
    (verdicts,) = grade.write([one.bundle], tmp_path / "out")
    assert verdicts.claims[0]["verdict"] == "confirmed"
    assert f"level={value}, " in verdicts.claims[0]["parts"][0]["text"]
    assert len(list((tmp_path / "out/levels_of_text/cells/levels").iterdir())) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"levels_of_text", "out", "runs.csv"}
    # A bundle that we write is one that we read
    assert len(bundle.read(tmp_path / "out/levels_of_text/bundle").runs) == 6


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("word,0.01,2", "word,0.01,7", "a history of seed 7 of levels, level=word, lr=0.01, but no run"),
        ("word,0.01,2,1,0.5\n", "", "seed 2 of levels, level=word, lr=0.01 has no history, but other runs"),
    ],
)
def test_runs_and_histories_that_disagree(old: str, new: str, complaint: str, tmp_path: Path):
    history = "level,lr,seed,epoch,test_loss\n" + "".join(
        f"{row.level},{row.lr},{row.seed},1,0.5\n" for row in PLAIN.itertuples()
    )
    assert old in history
    (tmp_path / "runs.csv").write_text(graded.RUNS)
    (tmp_path / "history.csv").write_text(history.replace(old, new))
    with pytest.raises(UserError, match=complaint):
        grade.read(graded.study(tmp_path), [tmp_path / "runs.csv", tmp_path / "history.csv"], "seed")


def test_runs_of_which_nothing_is_known(tmp_path: Path):
    lines = [f"{line.rsplit(',', 1)[0]},,diverged" for line in graded.RUNS.splitlines()[1:]]
    one = read(tmp_path, "\n".join([graded.RUNS.splitlines()[0] + ",status", *lines]))
    assert "here not known" in grade.as_text(grade.write([one.bundle], tmp_path / "out")[0])[-1]


def test_runs_of_several_protocols_in_one_cell_are_refused(tmp_path: Path):
    lines = graded.RUNS.splitlines()
    content = "\n".join([lines[0] + ",epochs", *(f"{line},{10 * number}" for number, line in enumerate(lines[1:]))])
    description = "experiments: {levels: {settings: {epochs: 10}}}\n"
    with pytest.raises(UserError, match=r"has runs of several protocols \(epochs: 0 instead of 10; as in study"):
        read(tmp_path, content, study=description)


TEN_EPOCHS = "experiments: {levels: {settings: {epochs: 10}}}\n"
BY_EPOCH = PLAIN.drop(columns="test_accuracy_best_epoch").assign(epoch=1, test_loss=0.5)


def of_tables(folder: Path, first: pd.DataFrame, second: pd.DataFrame, **files: str) -> Read:
    """What is read of two tables, by a study whose source trained for ten epochs."""
    paths = [folder / "first.csv", folder / "second.csv"]
    for path, table in zip(paths, (first, second), strict=True):
        table.to_csv(path, index=False)
    return grade.read(graded.study(folder, study=TEN_EPOCHS, **files), paths, "seed")


def test_runs_of_several_protocols_in_several_tables_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"^levels, level=word, lr=0.01 has runs of several protocols"):
        of_tables(tmp_path, PLAIN.assign(epochs=10), PLAIN.assign(epochs=5, seed=PLAIN["seed"] + 3))


def test_what_only_histories_tell_counts(tmp_path: Path):
    """That the protocol is another one, and that a run diverged."""
    history = BY_EPOCH.assign(epochs=5, status=["diverged" if seed == 2 else "done" for seed in PLAIN["seed"]])
    one = of_tables(tmp_path, PLAIN, history)
    assert {cell.standing.why for cell in one.bundle.manifest.cells} == {"epochs: 5 instead of 10"}
    assert dict(one.bundle.runs.groupby("seed")["status"].first()) == {0: "done", 1: "done", 2: "diverged"}


def test_the_last_epoch_beside_the_numbers_of_runs(tmp_path: Path):
    """As some trackers have it."""
    one = read(tmp_path, PLAIN.assign(**{"metrics.epoch": 20}).to_csv(index=False))
    assert numbers(one) == EXPECTED and one.bundle.curves.empty


def test_what_the_user_says_of_a_column_takes_the_name_from_others(tmp_path: Path):
    table = PLAIN.rename(columns={"seed": "rs", "test_accuracy_best_epoch": "acc"})
    content = table.assign(seed=9, test_accuracy_best_epoch=0.1).to_csv(index=False)
    study = "columns: {acc: test_accuracy_best_epoch}\n"
    assert numbers(read(tmp_path, content, seed="rs", study=study)) == EXPECTED


def test_two_columns_with_the_seeds_are_refused(tmp_path: Path):
    content = PLAIN.assign(rs=PLAIN["seed"]).to_csv(index=False)
    with pytest.raises(UserError, match=r"--seed is 'seeds', but study.yaml has columns.rs: seed; remove one"):
        read(tmp_path, content, seed="seeds", study="columns: {rs: seed}\n")


def test_an_accuracy_of_held_out_rows_is_one_only_where_it_is_known(tmp_path: Path):
    """Of two tables, one may have accuracies of test rows and the other of held-out rows."""
    metric = "validation_accuracy_best_epoch"
    table = PLAIN.assign(epochs=10)
    held_out = table[table["level"] == "char"].rename(columns={"test_accuracy_best_epoch": metric})
    reported = graded.REPORTED + f"table 7,levels,level=char;lr=0.01,{metric},0.7,\n"
    one = of_tables(tmp_path, table[table["level"] == "word"], held_out, reported=reported)
    evaluated = {cell.varying["level"]: cell.evaluated for cell in one.bundle.manifest.cells}
    assert evaluated == {"word": "test", "char": "validation"}


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(UserError, match="is not there; give a CSV or Parquet file"):
        grade.read(graded.study(tmp_path), [tmp_path / "runs.csv"], "seed")
    with pytest.raises(UserError, match="is no folder; give the one with"):
        grade.read(tmp_path / "nowhere", [tmp_path / "runs.csv"], "seed")


def test_bundles_are_graded_one_by_one_and_have_their_seeds(tmp_path: Path):
    study = graded.study(tmp_path)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with pytest.raises(UserError, match="first is a folder; give CSV or Parquet files, or one bundle: `regrade merge`"):
        grade.read(study, folders, "seed")
    with pytest.raises(UserError, match=r"--seed is for tables, but .*first is a bundle"):
        grade.read(study, folders[:1], "rs")
