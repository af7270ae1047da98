"""The cells that params.yaml asks for: around a centre, under caps, with options and networks by setting."""

import pytest
from regrade.cells.cell import Cell
from regrade.core.errors import UserError
from support.expanded import CONFIG, expanded, experiment, of


def test_around_varies_one_factor_at_a_time_and_has_each_combination_once():
    given = experiment(CONFIG, "q3_lstm_sweep")
    found = of("q3_lstm_sweep", expanded())
    centre = {key: {"max_length": 512, **given["settings"]}[key] for key in given["around"]}
    expected = {tuple((centre | {key: value}).items()) for key, values in given["around"].items() for value in values}
    assert len(found) == len(expected) == 21
    assert {tuple(cell.varying.items()) for cell in found} == expected
    assert len({cell.hash for cell in found}) == 21
    for cell in found:
        assert sum(cell.varying[key] != centre[key] for key in centre) <= 1
        assert cell.configuration().settings.epochs == 3


def test_around_has_its_centre_even_where_no_list_names_it():
    def change(config: dict) -> None:
        experiment(config, "q3_lstm_sweep")["around"] = {"hidden_size": [64, 96], "batch_size": [16]}

    varying = [cell.varying for cell in of("q3_lstm_sweep", expanded(change))]
    assert varying == [
        {"hidden_size": 64, "batch_size": 32},
        {"hidden_size": 96, "batch_size": 32},
        {"hidden_size": 128, "batch_size": 16},
        {"hidden_size": 128, "batch_size": 32},
    ]


def test_around_a_setting_without_a_value_is_refused_by_name():
    def change(config: dict) -> None:
        experiment(config, "q3_lstm_sweep")["around"]["momentum"] = [0.1]

    with pytest.raises(UserError, match=r"q3_lstm_sweep\.around: momentum has no value under settings; add it"):
        expanded(change)


def test_caps_of_an_experiment_come_on_top_of_those_of_the_scale():
    def change(config: dict) -> None:
        config["scales"]["quick"]["at_most"] = {"epochs": 2, "train_rows": 10_000}
        experiment(config, "p2_cnn")["at_most"] = {"quick": {"epochs": 9, "train_rows": 2000, "test_rows": 70}}

    def settings(every: list[Cell], name: str) -> dict:
        (found,) = {tuple(cell.configuration().settings.model_dump().items()) for cell in of(name, every)[:1]}
        return dict(found)

    every = expanded(change, "quick")
    deep, plain = settings(every, "p2_cnn"), settings(every, "p1_cifar_mlp")
    assert (deep["epochs"], deep["train_rows_cap"], deep["test_rows_cap"]) == (2, 2000, 70)
    assert (plain["epochs"], plain["train_rows_cap"], plain["test_rows_cap"]) == (2, 10_000, None)
    # An experiment has the caps of the one that it is like; train_rows that are asked for are capped themselves
    assert settings(every, "q3_gru")["train_rows_cap"] == 5000
    assert settings(every, "p3_palindromes")["train_rows"] == 1280
    untouched = settings(expanded(change), "p2_cnn")
    assert (untouched["epochs"], untouched["train_rows_cap"]) == (200, None)


def test_caps_of_an_unknown_scale_are_refused_by_name():
    def change(config: dict) -> None:
        experiment(config, "p2_cnn")["at_most"] = {"quik": {"epochs": 9}}

    with pytest.raises(
        UserError, match=r"cs324\.experiments\.p2_cnn\.at_most: 'quik' is not one of paper, quick, demo"
    ):
        expanded(change)


def test_options_of_a_dataset_are_those_of_its_cells_unless_they_say_otherwise():
    def change(config: dict) -> None:
        config["datasets"]["moons"]["options"]["rows"] = 70
        other = experiment(config, "p1_classification")
        other["settings"] = {"noise": 0.2}
        other["grid"] = {"dataset": ["moons"], "backend": ["torch"], "initial": ["pytorch"]}

    def options(every: list[Cell], name: str) -> list[dict]:
        return [cell.data.options for cell in of(name, every) if cell.varying["dataset"] == "moons"]

    assert options(expanded(), "p1_toy") == [{"rows": 5000, "draw": 1, "noise": 0.07}] * 4
    changed = expanded(change)
    assert options(changed, "p1_toy") == [{"rows": 70, "draw": 1, "noise": 0.07}] * 4
    assert options(changed, "p1_classification") == [{"rows": 70, "draw": 1, "noise": 0.2}]


def test_an_unknown_option_is_refused_by_name():
    def change(config: dict) -> None:
        config["datasets"]["moons"]["options"]["nois"] = 0.1

    with pytest.raises(UserError, match=r"datasets\.moons\.options: there is no 'nois' \(did you mean 'noise'\?\)"):
        expanded(change)


def test_a_setting_in_a_networks_name_chooses_the_network():
    one, two = (cell.configuration() for cell in of("q2_cnn", expanded()))
    assert [config.settings.network for config in (one, two)] == ["cnn1", "cnn2"]
    assert [sum(layer.kind == "convolution" for layer in config.network) for config in (one, two)] == [1, 2]

    def change(config: dict) -> None:
        experiment(config, "q2_cnn")["cells"][0]["conv_layers"] = 3

    with pytest.raises(UserError, match=r"q2_cnn: network 'cnn3' is not one of the study's networks"):
        expanded(change)
