"""All studies but ce4042 whole, on a few rows of built-in data: every experiment, every table and figure."""

import copy
import re
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from regrade.config import params
from regrade.core.errors import UserError
from regrade.core.files import read_json, sha256, write_json
from regrade.statistics import GRADES
from regrade.training import scoring
from safetensors.numpy import save_file
from support.apart import graded_apart, same
from support.project import ROOT, Project, copy_workflow

STUDIES = ("cs324", "csci5622", "comp576", "vudl")
CONFIG = yaml.safe_load((ROOT / "params.yaml").read_text())


def narrow(layers: list) -> list:
    """A network with a sixteenth of the filters."""
    layers = copy.deepcopy(layers)
    for layer in layers:
        if "convolution" in layer:
            layer["convolution"]["filters"] //= 16
    return layers


WRITTEN = {"prompts": 2, "samples": 3, "free_samples": 20, "long_prompts": 2, "sample_length": 40}
SIZES = [("mlp", 600, 150), ("mlp", 150, 150), ("rnn", 300, 300), ("lstm", 600, 600)]

# Every experiment, but fewer cells of the large grids
SMALL = {
    "scale": "small",
    "seeds": [0, 1],
    "device": "cpu",
    "audit_worlds": 2,
    # Most of a job's time would be Python starting up
    "cells_per_job": 12,
    "keep_models": [0],
    "scales": {
        "small": {
            "data": "stand_in",
            "full_seeds": [0, 1],
            "keep_states": False,
            "at_most": {"epochs": 2, "train_rows": 48, "test_rows": 40, "validation_rows": 16, "max_length": 20},
        }
    },
    "datasets": {
        name: {"options": {"train_texts": 300, "test_texts": 300, **WRITTEN}} for name in ("ndfa", "brackets")
    },
    "studies": {
        "cs324": {
            "networks": {"cnn": narrow(CONFIG["studies"]["cs324"]["networks"]["cnn"])},
            "experiments": {"p3_palindromes": {"grid": {"lr": [0.01]}}},
        },
        "csci5622": {
            "experiments": {
                "q1_numpy_mlp": {"full_at": {"small": [{"dataset": "tiny_toy"}]}},
                "q1_hidden_size": {"grid": {"hidden_size": [2, 30]}},
                "q2_activations": {
                    "grid": {"activation": ["relu", "elu"], "batch_size": [32, 64]},
                    "keep_models": {"small": []},
                },
                "q3_lstm_long": {"at_most": {"small": {"max_length": 10}}},
                "q3_lstm_sweep": {
                    "around": {
                        "max_length": [128, 512],
                        "vocab_size": [1000, 5000],
                        "embedding_size": [16, 64],
                        "batch_size": [32, 64],
                        "hidden_size": [64, 128],
                    }
                },
            }
        },
        "comp576": {
            "experiments": {
                "cnn_tuning": {"grid": {"lr": [0.01], "optimizer": ["adagrad"], "epochs": [20]}},
                "rnn_tuning": {
                    "grid": {"rnn_cell": ["gru"], "lr": [0.001], "hidden_size": [128], "optimizer": ["adam"]}
                },
            }
        },
        "vudl": {
            "experiments": {
                "q1_tuning": {
                    "cells": [
                        {"network": name, "hidden_size": hidden, "embedding_size": embedding, "lr": 0.001}
                        for name, hidden, embedding in SIZES
                    ]
                }
            }
        },
    },
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A working copy in which these studies have run the whole way. Tests must leave it as it is."""
    project = copy_workflow(tmp_path_factory.mktemp("studies"), STUDIES)
    answer = project.snakemake(overlay=SMALL)
    assert answer.returncode == 0, answer.stdout
    return project


def table(project: Project, study: str, name: str) -> pd.DataFrame:
    return pd.read_csv(project.folder / f"reports/{study}/tables/table-{name}.csv")


def folders(project: Project, experiment: str) -> list:
    return [path.parent for path in project.find(f"results/*/{experiment}/*/run.json")]


def test_every_cell_is_trained_and_every_part_of_the_reports_is_there(whole: Project):
    listed = whole.regrade("cells", overlay=SMALL).stdout.splitlines()
    assert Counter(line.split()[0] for line in listed if " results/" in line) == {"done": 69}
    experiments = {study: set(CONFIG["studies"][study]["experiments"]) for study in STUDIES}
    for study in STUDIES:
        assert {path.parts[-3] for path in whole.find(f"results/{study}/*/*/run.json")} == experiments[study]
        page = (whole.folder / f"reports/{study}/index.html").read_text()
        assert "class='missing'" not in page
        assert 'class="missing"' not in page
        assert "Reduced run (scale small)" in page
        figures = whole.find(f"reports/{study}/figures/*.svg")
        assert figures
        assert all(f"figures/{path.name}" in page for path in figures)
    assert whole.find("reports/csci5622/figures/figure-q3-sweep.svg")
    assert all((whole.folder / f"reports/{study}/index.html").exists() for study in STUDIES)
    assert "Nothing to be done" in whole.snakemake(options=("-n",), overlay=SMALL).stdout


def test_what_is_at_full_protocol_is_told_from_the_rest(whole: Project):
    page = " ".join((whole.folder / "reports/csci5622/index.html").read_text().split())
    cells = len(whole.find("results/csci5622/*/*/run.json"))
    assert f"1 of {cells} cells are run as in the source, and only what rests on them alone is judged." in page
    front = (whole.folder / "reports/index.html").read_text()
    assert "which is not the sources' protocol, except in 1 of 69 cells" in front


def test_only_what_is_at_full_protocol_keeps_its_states(whole: Project):
    full = [path for path in folders(whole, "q1_numpy_mlp") if "tiny_toy" in path.name]
    assert [path.name for path in whole.find("results/.state/*/*.state")] == ["seed=0.state", "seed=1.state"]
    assert read_json(full[0] / "run.json")["runs"][1]["epochs"] == 200


def test_weights_are_kept_as_the_experiment_says(whole: Project):
    sizes = {
        name: [(path / "model.safetensors").stat().st_size for path in folders(whole, name)]
        for name in ("q2_cnn", "q2_activations")
    }
    assert min(sizes["q2_cnn"]) > 1e6 > 1e3 > max(sizes["q2_activations"])


@pytest.mark.parametrize("study", STUDIES)
def test_a_bundle_is_graded_elsewhere_as_it_is_here(whole: Project, study: str, tmp_path: Path):
    """What it says there needs no project, no data, no weights, and nothing that trains."""
    bundle = whole.folder / f"reports/{study}/bundle"
    answer = graded_apart(ROOT / "workflow/studies" / study, bundle, "--to", "out", at=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "[]"
    ours, theirs = (
        read_json(folder / study / "claims.json") for folder in (whole.folder / "reports", tmp_path / "out")
    )
    assert same(ours, theirs)
    ours, theirs = (pd.read_parquet(folder / study / GRADES) for folder in (whole.folder / "reports", tmp_path / "out"))
    pd.testing.assert_frame_equal(ours, theirs)


def test_tables_have_a_row_for_each_cell(whole: Project):
    rows = {
        "cs324": {
            "p1": 6,
            "p1-train": 2,
            "p1-epochs": 6,
            "p1-initial": 12,
            "p1-cifar": 1,
            "p2": 20,
            "p3": 4,
            "p3-steps": 4,
        },
        "csci5622": {
            "q1": 2,
            "q1-size": 2,
            "q2": 4,
            "q2-activations": 4,
            "q3-sweep": 6,
            "q3-cells": 4,
            "q3-pretrained": 2,
        },
    }
    for study, counts in rows.items():
        found = {name: table(whole, study, name) for name in counts}
        assert {name: len(content) for name, content in found.items()} == counts
        for name in (name for name in found if not name.endswith(("-epochs", "-initial", "-steps"))):
            assert found[name]["mean"].between(0, 1).all(), name
            assert (found[name]["seeds"] == 2).all(), name
        # Where a run does not converge, there is no number
        for name in (name for name in found if name.endswith(("-epochs", "-steps"))):
            assert (found[name]["of"] == 2).all()
            assert (found[name]["mean"].isna() == (found[name]["seeds"] == 0)).all()


def test_numpy_and_torch_are_as_far_apart_as_rounding(whole: Project):
    pairs = table(whole, "cs324", "p1-pairs")
    assert len(pairs) == 6
    assert (pairs["seeds"] == 2).all()
    assert (pairs[["test_loss", "test_accuracy"]] < 1e-3).all(axis=None)
    assert (pairs["test_loss"] > 0).all(), "one of them was compared with itself"


def test_parameters_are_those_that_the_source_states(whole: Project):
    counts = table(whole, "csci5622", "q2-parameters")
    one, two = [4_619_842, 832, 4_609_000, 10_010], [1_087_106, 832, 51_264, 1_025_000, 10_010]
    assert counts["counted"].tolist() == counts["reported"].tolist() == [*one, *two]
    of_layers = table(whole, "csci5622", "q3-parameters").set_index("Unnamed: 0")
    # The stand-in has fewer words, so its embeddings are smaller
    same = of_layers[~of_layers.index.str.contains("embedding")]
    assert same["counted"].tolist() == same["reported"].tolist() == [49_408, 65, 98_688, 129]


def test_candidates_are_judged_on_held_out_rows_and_the_best_is_trained_on_all(whole: Project):
    for folder in folders(whole, "q3_candidates"):
        history = pd.read_parquet(folder / "history.parquet")
        assert {"validation_loss", "validation_accuracy"} <= set(history.columns)
        assert not [name for name in history.columns if name.startswith("test_")]
        assert read_json(folder / "run.json")["validation_rows"] == 16
    (selected,) = whole.find("results/csci5622/q3_candidates/selected-*.json")
    choice = read_json(selected)
    means = {
        folder.name: pd.read_parquet(folder / "history.parquet").groupby("seed")["validation_accuracy"].max().mean()
        for folder in folders(whole, "q3_candidates")
    }
    assert choice["ranking"] == pytest.approx(means)
    assert means[choice["cell"].split("/")[-1]] == max(means.values())
    winner = pd.read_parquet(whole.folder / choice["cell"] / "history.parquet")
    best = winner.loc[winner.groupby("seed")["validation_accuracy"].idxmax(), "epoch"].mean()
    (folder,) = folders(whole, "q3_best")
    record = read_json(folder / "run.json")
    assert record["configuration"]["settings"]["epochs"] == choice["settings"]["epochs"] == max(round(best), 1)
    assert {record["configuration"]["settings"][key] for key in ("network",)} == {choice["settings"]["network"]}
    assert record["configuration"]["data"]["reading"]["ngrams"] == choice["settings"]["ngrams"]
    assert record["test_rows"] == 40
    assert "test_accuracy" in pd.read_parquet(folder / "history.parquet")


def test_what_the_best_cnn_sees_is_shown(whole: Project):
    seen = table(whole, "comp576", "activations")
    assert seen["layer"].tolist() == ["relu1", "relu2"]
    assert (seen[["mean", "std"]] > 0).all(axis=None)
    assert seen["reported_mean"].tolist() == [0.0657, 0.1]
    assert seen["reported_std"].tolist() == [0.1373, 0.3112]
    for name in ("filters", "projections", "occluded"):
        assert "<image" in (whole.folder / f"reports/comp576/figures/figure-{name}.svg").read_text()
    assert (whole.folder / "reports/comp576/figures/figure-occlusion.svg").exists()
    for part in ("cnn", "rnn"):
        best = table(whole, "comp576", f"{part}-best").set_index("column")
        assert best.index.tolist() == ["Train loss", "Train accuracy", "Test loss", "Test accuracy"]
        assert (best["seeds"] == 2).all()
        assert best["reported"].notna().all()
        history = pd.concat(pd.read_parquet(folder / "history.parquet") for folder in folders(whole, f"{part}_tuning"))
        by_seed = history.groupby("seed")
        assert best.loc["Test accuracy", "mean"] == pytest.approx(by_seed["test_accuracy_batch_mean"].max().mean())
        assert best.loc["Train loss", "mean"] == pytest.approx(by_seed["train_loss"].min().mean())


def test_sizes_are_judged_ten_times_per_epoch_and_each_networks_best_is_trained_on_all(whole: Project):
    tuned: dict[str, dict] = {}
    for folder in folders(whole, "q1_tuning"):
        history, settings = pd.read_parquet(folder / "history.parquet"), read_json(folder / "run.json")["varying"]
        # 48 - 16 reviews of 20 to 120 words are one batch of 20,000 tokens
        assert history["epoch"].tolist() == [1, 2] * 2
        assert history["validation_f1"].between(0, 1).all()
        share = history.groupby("seed")["validation_accuracy"].max().mean()
        sizes = (settings["hidden_size"], settings["embedding_size"])
        tuned.setdefault(settings["network"], {})[sizes] = share
    assert {network: len(cells) for network, cells in tuned.items()} == {"mlp": 2, "rnn": 1, "lstm": 1}
    chosen = {}
    for folder in folders(whole, "q1_winners"):
        record = read_json(folder / "run.json")
        network = record["varying"]["network"]
        embedding, middle = record["configuration"]["network"][:2]
        chosen[network] = (middle["units"], embedding["units"])
        assert tuned[network][chosen[network]] == max(tuned[network].values())
        assert record["test_rows"] == 40
        assert "test_f1" in pd.read_parquet(folder / "history.parquet")
    assert chosen.keys() == tuned.keys()
    assert len(table(whole, "vudl", "1")) == 4
    assert table(whole, "vudl", "2")["mean"].between(0, 1).all()


def test_the_elman_layer_by_hand_is_that_of_the_library(whole: Project):
    parity = table(whole, "vudl", "elman").set_index("compared")["largest difference"]
    times = [name for name in parity.index if name.startswith("time")]
    differences = parity.drop(times).astype(float)
    assert len(differences) == 7
    # The experiments' layer is another function: tanh, and no second linear layer
    assert differences.pop("outputs, against the layer of the experiments") > 0.1
    assert (differences < 1e-8).all()
    assert (differences > 0).any(), "one of them was compared with itself"
    assert [parity[name].endswith("×") for name in times] == [True]
    # Measured once, by a job of its own: a report reads it
    measured = read_json(whole.folder / "results/vudl/measurements.json")
    assert parity[times[0]] == f"{measured['time_ratio']:.2f} ×"


def test_language_models_have_their_floor_and_show_what_they_wrote(whole: Project):
    models = table(whole, "vudl", "q2")
    assert len(models) == 3
    assert (models["seeds"] == 2).all()
    assert (models["gap"] - (models["loss"] - models["floor"])).abs().max() < 1e-9
    assert (models["gap"] > 0).all()
    assert models["floor"].round(4).tolist() == [0.2049, 0.5483, 0.5483]
    assert models[["prompted", "free", "long"]].stack().between(0, 1).all()
    page = (whole.folder / "reports/vudl/index.html").read_text()
    assert "<svg" in (whole.folder / "reports/vudl/figures/figure-05.svg").read_text()
    shown = {"valid": 0, "wrong": 0}
    for folder in folders(whole, "q2_language_models"):
        samples = pd.read_parquet(folder / "predictions.parquet")
        assert Counter(samples["kind"]) == {"prompted": 2 * 2 * 6, "long": 2 * 2 * 2}, "seeds, epochs, texts"
        last = samples[(samples["epoch"] == 2) & (samples["kind"] == "prompted") & (samples["seed"] == 0)]
        for text, error in zip(last["text"], last["first_error"], strict=True):
            valid = pd.isna(error)
            shown["valid" if valid else "wrong"] += 1
            place = len(text) if valid else int(error)
            assert text[:place].replace("&", "&amp;") in page
    assert page.count("<mark>") == shown["wrong"] > 0
    counts = [int(count) for count in re.findall(r"(\d+) of \d+ valid", page)]
    assert sum(counts) == shown["valid"]
    assert len(counts) == page.count("<div class='samples'>") * 2 == 6


@pytest.mark.parametrize("experiment", ["cnn_tuning", "q1_numpy_mlp", "q2_language_models", "q3_candidates"])
def test_a_stored_model_scores_as_in_training(whole: Project, experiment: str):
    """Of a network of PyTorch, of numpy, of a language model, and of one judged on rows held out."""
    folder = folders(whole, experiment)[-1]
    answer = whole.regrade("model", str(folder.relative_to(whole.folder)), overlay=SMALL)
    assert answer.returncode == 0, answer.stdout
    history = pd.read_parquet(folder / "history.parquet").query("seed == 0").iloc[-1]
    split = "validation" if experiment == "q3_candidates" else "test"
    line = (
        f"seed 0: {split} accuracy {history[f'{split}_accuracy']:.6f}, as stored; loss {history[f'{split}_loss']:.6f}; "
    )
    assert answer.stdout.startswith(line)
    assert len(answer.stdout.splitlines()) == 1, "weights of seed 0 only are kept"


def test_several_models_are_scored_one_after_the_other(whole: Project):
    names = [str(folders(whole, name)[0].relative_to(whole.folder)) for name in ("cnn_tuning", "q1_numpy_mlp")]
    answer = whole.regrade("model", *names, overlay=SMALL)
    assert answer.returncode == 0, answer.stdout
    assert answer.stdout.splitlines()[::2] == [f"{name}:" for name in names]
    assert answer.stdout.count("as stored") == 2


def test_what_a_model_lacks_is_said(whole: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    parameters = params.parse(CONFIG)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="nothing-here is not the folder of a trained cell"):
        list(scoring.scores(Path("nothing-here"), parameters))
    cell = shutil.copytree(folders(whole, "cnn_tuning")[0], tmp_path / "cell")
    with pytest.raises(UserError, match=r"data/prepared/cifar10/stand_in-.*missing; .*`snakemake prepare_cifar10`"):
        list(scoring.scores(cell, parameters))
    save_file({}, cell / "model.safetensors")
    # What lies elsewhere than in results/ is not ours to delete
    with pytest.raises(UserError, match=r"model\.safetensors: damaged or missing; copy the cell's folder again"):
        list(scoring.scores(cell, parameters))
    record = read_json(cell / "run.json")
    record["sha256"]["model.safetensors"] = sha256(cell / "model.safetensors")
    write_json(cell / "run.json", record)
    with pytest.raises(UserError, match="has no weights: name seeds under keep_models"):
        list(scoring.scores(cell, parameters))
