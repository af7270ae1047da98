"""Whether a cell is run as its source did it, and if not, what is said of it."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import yaml
from regrade.bundle.manifest import Standing
from regrade.bundle.standings import Standings
from regrade.cells import expansion
from regrade.config import params, protocol
from regrade.config.settings import RECORDING, Settings
from regrade.core.errors import UserError
from regrade.core.files import write_json
from regrade.datasets import content, registry
from regrade.reporting.exports import protocol as exported
from safetensors.numpy import load_file, save_file
from support.expanded import CONFIG, expanded, experiment, of

pytestmark = pytest.mark.usefixtures("elsewhere")

Change = Callable[[dict], object]


def standings(change: Change, scale: str = "paper") -> dict[tuple[str, str], Standing]:
    """The standing of every cell by experiment and what varies, after a change to params.yaml."""
    config = copy.deepcopy(CONFIG) | {"scale": scale}
    change(config)
    parameters = params.parse(config)
    by_study = {study: Standings(parameters, study) for study in parameters.studies}
    return {
        (cell.experiment, ", ".join(f"{key}={value}" for key, value in cell.varying.items())): by_study[cell.study](
            cell
        )
        for cell in expansion.expand(parameters)
    }


def settings(name: str, **changed: object) -> Change:
    return lambda config: experiment(config, name).setdefault("settings", {}).update(changed)


def unchanged(config: dict) -> None:
    pass


def layer(config: dict, study: str, network: str, number: int) -> dict:
    (body,) = config["studies"][study]["networks"][network][number].values()
    return body


def test_the_protocols_are_those_of_params_yaml():
    for study, expected in exported.protocols(params.parse(CONFIG)).items():
        assert protocol.read(study) == expected, "run: regrade protocol"


def test_all_that_params_yaml_asks_for_is_at_full_protocol():
    assert {one.name for one in standings(unchanged).values()} == {"full"}


def test_all_at_other_scales_is_not_unless_left_as_it_is():
    assert {one.name for one in standings(unchanged, "quick").values()} == {"not at full protocol"}
    assert {name for name, one in standings(unchanged, "demo").items() if one.name == "full"} == {
        ("q2_language_models", "dataset=ndfa, epochs=3"),
        ("q2_language_models", "dataset=brackets, epochs=3"),
    }
    # A change to what is left as it is has its usual standing
    changed = standings(settings("q2_language_models", lr=0.1), "demo")["q2_language_models", "dataset=ndfa, epochs=3"]
    assert (changed.name, changed.why) == ("other protocol", "lr: 0.1 instead of 0.01")


# What deviates: of which experiments, and what is said of them
DEVIATIONS: dict[str, tuple[Change, set[str], str]] = {
    "a fixed setting": (settings("p1_cifar_mlp", epochs=10), {"p1_cifar_mlp"}, "epochs: 10 instead of 200"),
    "a setting of the experiment that others are like": (
        settings("q3_lstm_long", lr=0.01),
        {"q3_lstm_long", "q3_lstm_sweep", "q3_gru", "q3_same_lstm", "q3_pretrained"},
        "lr: 0.01 instead of 0.001",
    ),
    "a setting that was left at its default": (
        settings("p1_cifar_mlp", momentum=0.9),
        {"p1_cifar_mlp"},
        "momentum: 0.9 instead of 0",
    ),
    "rows": (settings("p1_cifar_mlp", train_rows=99), {"p1_cifar_mlp"}, "train_rows: 99 instead of all"),
    "a setting that varied, and does no more": (
        lambda config: experiment(config, "cnn_tuning").update(
            grid={"optimizer": ["adam"], "epochs": [10]},
            settings=experiment(config, "cnn_tuning")["settings"] | {"lr": 0.001, "l2": 0.1},
        ),
        {"cnn_tuning"},
        "l2: 0.1 instead of 0",
    ),
    "a setting that varies now": (
        lambda config: experiment(config, "rnn_tuning")["grid"].update(epochs=[1]),
        {"rnn_tuning"},
        "epochs: 1 instead of 10",
    ),
    "how a dataset is generated": (
        lambda config: config["datasets"]["moons"]["options"].update(noise=0.5),
        {"p1_toy"},
        "noise: 0.5 instead of 0.07",
    ),
    "how a dataset is read": (settings("q1_final", end_token=False), {"q1_final"}, "end_token: False instead of True"),
    "how word vectors are fitted": (
        lambda config: config["datasets"]["imdb"]["word_vectors"].update(window=2),
        {"q3_pretrained", "q3_candidates", "q3_best"},
        "word_vectors.window: 2 instead of 5",
    ),
    "a file": (
        lambda config: config["datasets"]["cifar10"]["files"]["cifar-10-python.tar.gz"].update(sha256="0" * 64),
        {"a1_baseline", "a2_filters", "a3_optimizers", "a3_our_winner", "p1_cifar_mlp", "p2_cnn", "cnn_tuning"},
        "checksum of cifar10/cifar-10-python.tar.gz: 0000",
    ),
    "the dataset": (settings("rnn_tuning", dataset="cifar10"), {"rnn_tuning"}, "dataset: cifar10 instead of mnist"),
    "a layer": (
        lambda config: layer(config, "cs324", "image_mlp", 2).update(units=30),
        {"p1_cifar_mlp"},
        "image_mlp.2.dense.units: 30 instead of 20",
    ),
    "the layers": (
        lambda config: config["studies"]["cs324"]["networks"]["image_mlp"].insert(3, {"dropout": {"rate": 0.5}}),
        {"p1_cifar_mlp"},
        "network: rescale, flatten, dense, dropout, dense instead of rescale, flatten, dense, dense",
    ),
    "another network": (
        lambda config: (
            config["studies"]["cs324"]["networks"].update(
                mine=[{"rescale": {"divisor": 255}}, "flatten", {"dense": {"units": "classes"}}]
            ),
            settings("p1_cifar_mlp", network="mine")(config),
        ),
        {"p1_cifar_mlp"},
        "network: rescale, flatten, dense instead of rescale, flatten, dense, dense",
    ),
    "conventions": (
        lambda config: config["studies"]["comp576"].update(conventions="keras"),
        {"cnn_tuning", "rnn_tuning"},
        "conventions: keras instead of torch",
    ),
    "when a run has converged": (
        lambda config: experiment(config, "p1_toy").update(converged_at=0.9),
        {"p1_toy"},
        "converged_at: 0.9 instead of 1",
    ),
    "how a winner is chosen": (
        lambda config: experiment(config, "q1_winners")["select"].update(by="validation_accuracy_best_epoch", same=[]),
        {"q1_winners"},
        "select.same: none instead of network",
    ),
    "what candidates are trained with": (
        settings("q1_tuning", batch_tokens=10000),
        {"q1_tuning", "q1_final", "q1_winners"},
        "batch_tokens: 10000 instead of 20000",
    ),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_is_another_protocol_and_is_named(name: str):
    change, experiments, text = DEVIATIONS[name]
    every = standings(change)
    others = {of: standing for of, standing in every.items() if standing.name != "full"}
    assert {of for of, _ in others} == experiments
    assert {standing.name for standing in others.values()} == {"other protocol"}
    assert all(text in standing.why for standing in others.values())


def test_settings_that_vary_together_do_so_as_in_the_source():
    def fewer_epochs(config: dict) -> None:
        experiment(config, "q2_cnn")["cells"][0]["epochs"] = 10

    every = standings(fewer_epochs)
    assert every["q2_cnn", "conv_layers=1, epochs=10"].name == "other protocol"
    assert every["q2_cnn", "conv_layers=1, epochs=10"].why == "epochs: 10 instead of 100"
    assert every["q2_cnn", "conv_layers=2, epochs=50"].name == "full"


def test_other_archives_with_the_same_data_are_the_source_s():
    """The rows decide, not how they were packed; without a look at them, the checksum does."""
    config = copy.deepcopy(CONFIG) | {"scale": "paper"}
    config["datasets"]["cifar10"]["files"]["cifar-10-python.tar.gz"]["sha256"] = "0" * 64
    parameters = params.parse(config)
    (cell,) = of("a1_baseline", expansion.expand(parameters))

    def standing(accepted: list[str]) -> Standing:
        standings = Standings(parameters, "ce4042")
        standings.protocol.datasets["cifar10"].contents[:] = accepted
        return standings(cell)

    shipped = protocol.read("ce4042").datasets["cifar10"].contents
    assert shipped and "checksum of cifar10/" in standing(shipped).why  # not prepared here
    registry.module("cifar10").stand_in({}).save(cell.data.folder, cell.data.parts)
    assert "checksum of cifar10/" in standing(shipped).why
    assert standing([content.digest(cell.data.folder)]) == Standing()
    tensors = cell.data.folder / "tensors.safetensors"
    changed = load_file(tensors) | {"train_targets": np.roll(load_file(tensors)["train_targets"], 1)}
    accepted = content.digest(cell.data.folder)
    save_file(changed, tensors)
    assert "checksum of cifar10/" in standing([accepted]).why


def test_datasets_and_networks_that_the_source_lacks_are_another_protocol():
    def more(config: dict) -> None:
        experiment(config, "p1_toy")["grid"]["dataset"].append("tiny_toy")
        mlp = config["studies"]["vudl"]["networks"]["mlp"]
        config["studies"]["vudl"]["networks"]["mine"] = mlp
        experiment(config, "q1_winners")["grid"]["network"].append("mine")
        cell = {"network": "mine", "hidden_size": 300, "embedding_size": 300, "lr": 0.01}
        experiment(config, "q1_tuning")["cells"].append(cell)

    others = {of: one.why for of, one in standings(more).items() if one.name != "full"}
    lacking = "a dataset or a network that the source does not have"
    assert {why for (name, of), why in others.items() if name == "p1_toy" and "tiny_toy" in of} == {lacking}
    assert others["q1_winners", "network=mine"] == lacking
    assert len(others) == 5  # the candidate is one of the source's, by another name


def test_one_setting_at_a_time_may_vary_around_the_sources_values():
    further = standings(lambda config: experiment(config, "q3_lstm_sweep")["around"]["max_length"].append(2000))
    assert {one.name for one in further.values()} == {"full"}
    around_others = standings(settings("q3_lstm_sweep", vocab_size=1000))
    of_sweep = {of: one for (name, of), one in around_others.items() if name == "q3_lstm_sweep"}
    centre = "max_length=512, vocab_size=1000, embedding_size=64, batch_size=32, hidden_size=128"
    assert of_sweep[centre].name == "full"  # one of the source's cells, too
    shorter = of_sweep[centre.replace("512", "128", 1)]
    assert shorter.name == "other protocol"
    assert "vocab_size: 1000 instead of 5000" in shorter.why


# What may be changed without harm
UNHARMED: dict[str, Change] = {
    "seeds": lambda config: config.update(seeds=[7, 8, 9], keep_models=[7]),
    "a value of a grid": lambda config: experiment(config, "a2_filters")["grid"]["filters1"].append(110),
    "what is recorded": settings("p1_cifar_mlp", gradient_norm=True, batch_means=True),
    "a default that is spelt out": settings("p1_cifar_mlp", momentum=0.0, l2=0, loss="cross_entropy"),
    "a network that is called otherwise": lambda config: (
        config["studies"]["cs324"]["networks"].update(mine=config["studies"]["cs324"]["networks"]["image_mlp"]),
        settings("p1_cifar_mlp", network="mine")(config),
    ),
    "an address": lambda config: config["datasets"]["cifar10"]["files"]["cifar-10-python.tar.gz"].update(
        urls=["file:///mirror/cifar"]
    ),
    "the coursework's own files": lambda config: config["datasets"]["dbpedia"]["files"].update(
        {name: {"urls": ["file:///own"], "sha256": "1" * 64} for name in ("train_medium.csv", "test_medium.csv")}
    ),
    "an experiment of one's own": lambda config: config["studies"]["cs324"]["experiments"].update(
        mine={"title": "Mine", "like": "p1_cifar_mlp", "settings": {"epochs": 3}}
    ),
    "fewer cells": lambda config: experiment(config, "p2_cnn").update(cells=experiment(config, "p2_cnn")["cells"][:2]),
}


@pytest.mark.parametrize("name", UNHARMED)
def test_what_has_no_influence_deviates_from_nothing(name: str):
    assert {one.name for one in standings(UNHARMED[name]).values()} == {"full"}


def test_a_winner_of_ours_in_the_place_of_the_sources_is_another_protocol():
    every = standings(lambda config: experiment(config, "a3_optimizers")["select"].update(winner="measured"))
    assert {one.name for (name, _), one in every.items() if name != "a3_optimizers"} == {"full"}
    # Nothing is trained yet, so that the first candidate's widths stand in
    of_third = [one for (name, _), one in every.items() if name == "a3_optimizers"]
    assert {one.name for one in of_third} == {"other protocol"}
    assert all("image_cnn.1.convolution.filters: 10 instead of 70" in one.why for one in of_third)


def test_what_is_taken_over_from_a_winner_is_the_sources_whoever_wins():
    (best,) = of("q3_best", expanded())
    winner = {"network": "bag", "ngrams": 3, "lr": 0.01, "batch_size": 256, "epochs": 2}
    write_json(best.selection.path, {"settings": winner})
    assert standings(unchanged)["q3_best", ""].name == "full"
    changed = standings(settings("q3_best", ngram_min_count=9))["q3_best", ""]
    assert changed.why == "ngram_min_count: 9 instead of 3"


def test_caps_without_an_effect_take_nothing_from_the_protocol():
    def capped(config: dict) -> None:
        config["scales"]["short"] = {"data": "real", "at_most": {"epochs": 20, "seeds": 3}}
        config["scale"] = "short"

    every = standings(capped)
    names = {name: {one.name for (of, _), one in every.items() if of == name} for name, _ in every}
    assert names["cnn_tuning"] == names["q3_gru"] == {"full"}
    assert names["a1_baseline"] == {"not at full protocol"}
    assert every["p1_cifar_mlp", ""].why == "epochs: 20 instead of 200"


def test_an_experiment_of_ones_own_is_not_at_full_protocol_where_it_is_capped():
    for scale in ("quick", "demo"):
        assert standings(UNHARMED["an experiment of one's own"], scale)["mine", ""].name == "not at full protocol"


# Experiment, change, scale; the standing of its counts of parameters where the experiment is not at full protocol
COUNTS: list[tuple[str, Change, str, str]] = [
    ("q2_cnn", unchanged, "demo", "full"),
    ("q1_numpy_mlp", unchanged, "demo", "full"),
    ("p1_cifar_mlp", settings("p1_cifar_mlp", epochs=10), "paper", "full"),
    # Stand-ins have other words, but fewer rows do not
    ("q3_gru", unchanged, "demo", "not at full protocol"),
    ("q3_gru", unchanged, "quick", "full"),
    ("q3_gru", settings("q3_gru", epochs=2), "paper", "full"),
    ("q3_gru", settings("q3_gru", vocab_size=100), "paper", "other protocol"),
    ("p1_cifar_mlp", DEVIATIONS["a layer"][0], "paper", "other protocol"),
    # As many layers, but other inputs
    ("rnn_tuning", settings("rnn_tuning", dataset="cifar10"), "paper", "other protocol"),
]


@pytest.mark.parametrize(("name", "change", "scale", "expected"), COUNTS)
def test_parameters_are_counted_wherever_the_network_is_the_sources(
    name: str, change: Change, scale: str, expected: str
):
    of_experiment = [one for (own, _), one in standings(change, scale).items() if own == name]
    assert {one.of("trainable_parameters").name for one in of_experiment} == {expected}
    for metrics in (["best_epoch"], ["trainable_parameters", "best_epoch"], [{"measure": "gain", "of": "test_loss"}]):
        assert {one.of(*metrics).name for one in of_experiment} == {
            "other protocol" if scale == "paper" else "not at full protocol"
        }


def test_sequences_of_words_are_those_of_the_training_rows():
    every = {of: one.of("parameters").name for (name, of), one in standings(unchanged, "quick").items()}
    rest = "lr=0.01, batch_size=256"
    assert every[f"network=bag, ngrams=1, {rest}"] == "full"
    assert every[f"network=bag, ngrams=2, {rest}"] == "not at full protocol"


def test_what_only_records_are_settings():
    assert Settings.model_fields.keys() >= RECORDING


def test_a_study_without_a_protocol_is_judged_by_its_scale(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr("regrade.config.studies.FOLDER", tmp_path)
    assert protocol.read("cs324") is None
    parameters = params.parse(CONFIG | {"scale": "paper", "studies": {"cs324": CONFIG["studies"]["cs324"]}})
    assert Standings(parameters, "cs324")(expansion.expand(parameters)[0]).name == "full"


def test_a_protocol_that_is_wrong_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path):
    content = yaml.safe_load(protocol.path("cs324").read_text())
    content["experiments"]["p1_toy"]["epochs"] = 3
    (tmp_path / "cs324").mkdir()
    monkeypatch.setattr("regrade.config.studies.FOLDER", tmp_path)
    protocol.path("cs324").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"protocol\.yaml: experiments\.p1_toy.*regrade protocol writes it again"):
        protocol.read("cs324")
