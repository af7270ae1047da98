"""Cells that a reduced scale leaves at full protocol, beside those that it reduces."""

from pathlib import Path

import pytest
from regrade.cells import batching, layout, prune
from regrade.cells.cell import Cell
from regrade.config import params
from regrade.core.errors import UserError
from support.expanded import CONFIG, expanded, experiment, of


def change(name: str, *some: dict):
    """A change to params.yaml: the demo leaves these cells of an experiment as they are."""
    return lambda config: experiment(config, name).update(full_at={"demo": list(some)})


def trained(cell: Cell) -> tuple:
    """What decides the results of a cell's runs."""
    return cell.configuration().hash, cell.code


def test_what_is_left_as_it_is_equals_the_cell_at_full_protocol():
    """Its runs are those of scale paper, seed by seed; the rest of its experiment is reduced."""
    paper, demo = (of("q2_language_models", expanded(scale=scale)) for scale in ("paper", "demo"))
    left = [cell.in_full for cell in demo]
    assert left == [True, False, True]
    assert [trained(one) == trained(other) for one, other in zip(paper, demo, strict=True)] == left
    assert [cell.seeds for cell in demo if cell.in_full] == [tuple(range(20)), tuple(range(5))]
    assert {cell.seeds for cell in demo if not cell.in_full} == {(0, 1)}
    assert not any(cell.in_full for cell in expanded())


def test_it_has_jobs_of_its_own():
    every = expanded(scale="demo")
    batched = {cell.name for batch in batching.batches(every, 40).values() for cell in batch}
    assert not batched & {cell.name for cell in every if cell.in_full}


def test_without_seeds_of_its_own_it_has_the_general_ones():
    def without(config: dict) -> None:
        del config["scales"]["demo"]["full_seeds"]

    assert {cell.seeds for cell in expanded(without, "demo") if cell.in_full} == {(0, 1, 2, 3, 4)}


def test_a_number_of_seeds_is_a_whole_number():
    for seeds in (0, 1.5, "ten"):
        with pytest.raises(UserError, match=r"q2_language_models: .*full_at.demo: seeds is .*; give how many"):
            expanded(change("q2_language_models", {"epochs": 3, "seeds": seeds}), "demo")


def test_batches_and_evaluations_are_capped_where_the_experiment_has_them():
    every = {cell.experiment: cell.configuration().settings for cell in expanded(scale="demo") if not cell.in_full}
    assert (every["b1_b5_models"].batch_size, every["p1_toy"].batch_size) == (8, 1)
    assert (every["q1_tuning"].batch_tokens, every["q1_final"].batch_tokens) == (1000, 300)
    assert (every["p1_cifar_mlp"].evaluate_every, every["q1_tuning"].evaluate_every) == (1, 0.1)


REFUSED = {
    r"p2_cnn\.full_at\.demo: .*only cells with generated data.*cifar10 is made from files": ("p2_cnn", {"lr": 0.01}),
    r"p3_palindromes\.full_at\.demo\.1: no cell has sequence_length=6; give": (
        *("p3_palindromes", {"sequence_length": 5}, {"sequence_length": 6}),
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_left_as_it_is_is_refused_by_name(sentence: str):
    with pytest.raises(UserError, match=sentence):
        expanded(change(*REFUSED[sentence]), "demo")


def test_an_unknown_scale_is_refused_by_name():
    for key, value in {"full_at": {"dem": [{}]}, "keep_models": {"dem": []}}.items():
        with pytest.raises(UserError, match=rf"p2_cnn\.{key}: 'dem' is not one of paper, quick, demo"):
            expanded(lambda config, key=key, value=value: experiment(config, "p2_cnn").update({key: value}))


def test_an_experiment_may_keep_other_weights_at_a_scale():
    parameters = params.parse(CONFIG | {"scale": "demo"})
    assert parameters.of_experiment("cs324", "p2_cnn").keep_models == []
    assert parameters.of_experiment("cs324", "p1_toy").keep_models == [0]
    assert params.parse(CONFIG | {"scale": "paper"}).of_experiment("cs324", "p2_cnn").keep_models == [0]


def test_states_that_are_forgotten_leave_their_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    first, second = of("p1_toy", expanded(scale="demo"))[:2]
    files = [
        layout.STATES / cell.configuration().hash / name
        for cell in (first, second)
        for name in ("lock", "seed=0.state")
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    prune.forget([first])
    assert [file.exists() for file in files] == [True, False, True, True]
