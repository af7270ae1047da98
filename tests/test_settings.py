"""What the settings of a cell do, against plain implementations."""

import copy
import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT
from regrade import cells, datasets, params
from regrade.cells import HISTORY, MODEL, PREDICTIONS, RECORD, Cell, Configuration
from regrade.datasets import moons, palindromes, prepared, word_vectors
from regrade.datasets.ngrams import Ngrams
from regrade.datasets.prepared import Prepared
from regrade.datasets.ragged import Ragged
from regrade.errors import UserError
from regrade.files import write_json
from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.statistics import selection
from regrade.training import job
from regrade.training.loading import load
from regrade.training.pack import Data
from regrade.training.state import RunState
from regrade.training.streams import stream
from regrade.training.torch_learner import Learner
from runs import advanced, timeless
from safetensors.numpy import load_file, save_file

CONFIG = yaml.safe_load((ROOT / "params.yaml").read_text())
CPU = torch.device("cpu")
MLP = [{"kind": "dense", "units": 5, "activation": "tanh"}, {"kind": "dense", "units": "classes"}]


@pytest.fixture(autouse=True)
def double(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def configuration(network: list[dict], data: dict | None = None, **settings) -> Configuration:
    settings = {
        "dataset": "moons",
        "network": "n",
        "optimizer": "sgd",
        "lr": 0.1,
        "batch_size": 4,
        "epochs": 2,
    } | settings
    data = data or {"dataset": settings["dataset"]}
    return Configuration(conventions="torch", data=data, settings=settings, network=network)


def context(seeds: list[int], **about) -> Context:
    return Context("torch", *([stream(seed, purpose) for seed in seeds] for purpose in ("initial", "dropout")), **about)


def points(rows: int, tested: int = 6) -> Data:
    """Points whose first coordinate is their number."""

    def split(count: int) -> list[torch.Tensor]:
        x = torch.stack([torch.arange(count, dtype=torch.float64), torch.ones(count)], dim=1)
        return [x, torch.arange(count) % 2]

    return Data(*split(rows), *split(tested), classes=2)


def watched(pack, layer: str = "dense1") -> list[torch.Tensor]:
    """A list that the training batches (runs, rows, …) which reach a layer are added to."""
    seen: list[torch.Tensor] = []
    pack.learner.network.get_submodule(layer).register_forward_hook(
        lambda layer, inputs, output: seen.append(inputs[0].clone()) if layer.training else None
    )
    return seen


# Clipping


def test_the_norm_is_clipped_for_each_run_alone():
    """The first run's gradient is too long, the second's is not."""
    limit = 0.5
    random = np.random.default_rng(1)
    x = torch.from_numpy(random.normal(size=(2, 6, 3)) * [[[10.0]], [[0.01]]])
    targets = torch.from_numpy(random.integers(0, 4, (2, 6)))
    this = configuration(MLP, lr=1.0, batch_size=6, clip_norm=limit)
    learner = Learner(this, (3,), context([0, 1], classes=4), CPU)
    before = [parameter.detach().clone() for parameter in learner.network.parameters()]
    learner.learn(x, targets)
    lengths = []
    for run in range(2):
        kernel1, bias1, kernel2, bias2 = (torch.nn.Parameter(value[run].clone()) for value in before)
        outputs = torch.tanh(x[run] @ kernel1 + bias1) @ kernel2 + bias2
        torch.nn.functional.cross_entropy(outputs, targets[run]).backward()
        own = [kernel1, bias1, kernel2, bias2]
        lengths.append(torch.nn.utils.clip_grad_norm_(own, limit).item())
        for parameter, old, value in zip(learner.network.parameters(), before, own, strict=True):
            torch.testing.assert_close(old[run] - parameter.detach()[run], value.grad, rtol=1e-9, atol=1e-12)
    assert lengths[0] > limit > lengths[1]


# When evaluations are


def epochs(this: Configuration, data: Data) -> list[float]:
    (state,) = states = [RunState(0)]
    pack = job._pack(this, states, data)
    while state.epoch < this.settings.epochs:
        advanced_from = len(state.history)
        pack.advance()
        assert len(state.history) > advanced_from
        assert state.epoch > 0, "it does not get on"
    return [row["epoch"] for row in state.history]


def test_evaluations_every_ten_epochs_and_after_the_last():
    assert epochs(configuration(MLP, epochs=25, evaluate_every=10), points(9)) == [10, 20, 25]


@pytest.mark.parametrize(
    ("rows", "every", "expected"),
    [
        (32, 0.5, [0.5, 1.0, 1.5, 2.0]),
        (30, 0.25, [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]),
        # Fewer batches than evaluations asked for: as many as there are batches, the last at the end of the epoch
        (4, 0.5, [1, 2]),
        (9, 0.1, [1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2]),
    ],
)
def test_evaluations_within_an_epoch(rows: int, every: float, expected: list[float]):
    assert epochs(configuration(MLP, evaluate_every=every), points(rows)) == pytest.approx(expected)


def test_every_row_is_seen_once_between_two_ends_of_an_epoch():
    pack = job._pack(configuration(MLP, evaluate_every=0.5), [RunState(0), RunState(1)], points(30))
    seen = watched(pack)
    for _ in range(2):
        seen.clear()
        pack.advance()
        orders = torch.cat(seen, dim=1)[:, :, 0]
        assert [batch.shape[1] for batch in seen] == [4] * 7 + [2]
        assert all(sorted(order.tolist()) == list(range(30)) for order in orders)


def test_resumed_equals_uninterrupted_between_evaluations():
    for every, times in ((2, 2), (0.5, 3)):
        this = configuration(MLP, epochs=5, evaluate_every=every)
        whole, resumed = [RunState(0)], [RunState(0)]
        advanced(this, whole, points(30), times)
        for _ in range(times):
            advanced(this, resumed, points(30), 1)
        assert timeless(whole[0]) == timeless(resumed[0])


@pytest.mark.parametrize("every", [0.3, 2.5])
def test_evaluations_that_divide_no_epoch_are_refused(every: float):
    with pytest.raises(ValueError, match=f"evaluate_every {every}: neither whole epochs nor a whole part of one"):
        configuration(MLP, evaluate_every=every)


# Rows held out


def moons_on_disk() -> dict:
    """Forty training and ten test points, prepared; their identity."""
    options = {"rows": 50, "draw": 1, "noise": 0.1}
    identity = {"dataset": "moons", "data": "real", "options": options}
    moons.prepare({}, moons.Options(**options)).save(datasets.folder(identity), {})
    return identity


def remove_the_test_split(identity: dict) -> None:
    path = datasets.folder(identity) / prepared.TENSORS
    kept = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("test_")}
    save_file(kept, path)


def test_held_out_rows_are_the_last_training_rows_and_never_trained_on():
    identity = moons_on_disk()
    rows, targets = prepared.load(datasets.folder(identity), "train")
    remove_the_test_split(identity)
    for settings, end in (({}, 40), ({"train_rows": 30}, 30), ({"train_rows_cap": 20}, 20)):
        this = configuration(MLP, identity, validation_rows=7, **settings)
        data = load(this, CPU)
        np.testing.assert_array_equal(data.train_inputs.numpy(), rows[: end - 7])
        np.testing.assert_array_equal(data.train_targets.numpy(), targets[: end - 7])
        np.testing.assert_array_equal(data.evaluation_inputs.numpy(), rows[end - 7 : end])
        np.testing.assert_array_equal(data.evaluation_targets.numpy(), targets[end - 7 : end])
    (row,) = timeless(advanced(configuration(MLP, validation_rows=7), [RunState(0)], points(20), 1)[0])
    assert {"validation_loss", "validation_accuracy", "validation_correct_even", "validation_correct_odd"} <= row.keys()
    assert not [name for name in row if name.startswith("test_")]
    with pytest.raises(UserError, match="test_targets"):
        load(configuration(MLP, identity), CPU)


def test_more_rows_held_out_than_there_are_is_one_sentence():
    identity = moons_on_disk()
    with pytest.raises(UserError, match="validation_rows is 40, but there are 40 training rows; hold out fewer"):
        load(configuration(MLP, identity, validation_rows=40), CPU)


# Palindromes, drawn anew

RNN = [
    {"kind": "recurrent", "cell": "rnn", "units": 12, "initial": "linear"},
    {"kind": "dense", "units": "classes"},
]


def palindromes_on_disk(length: int = 5) -> dict:
    options = {"sequence_length": length, "test_draws": 30}
    identity = {"dataset": "palindromes", "data": "real", "options": options}
    palindromes.prepare({}, palindromes.Options(**options)).save(datasets.folder(identity), {})
    return identity


def on_palindromes(identity: dict, **settings) -> Configuration:
    settings = {"train_rows": 24, "optimizer": "rmsprop", "lr": 0.01, "batch_size": 8, "clip_norm": 1.0} | settings
    return configuration(RNN, identity, dataset="palindromes", **settings)


def doubled(data: Data) -> Data:
    """The same in float64."""
    draw = data.draw

    def drawn(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, targets = draw(rows, generator)
        return inputs.double(), targets

    inputs = [data.train_inputs.double(), data.train_targets, data.evaluation_inputs.double(), data.evaluation_targets]
    return Data(*inputs, draw=drawn, classes=data.classes)


def test_every_epoch_has_new_palindromes_and_they_are_those_of_the_seed():
    identity = palindromes_on_disk()
    this = on_palindromes(identity, epochs=3)
    data = doubled(load(this, CPU))

    def batches(seeds: list[int]) -> torch.Tensor:
        pack = job._pack(this, [RunState(seed) for seed in seeds], data)
        seen = watched(pack, "recurrent1")
        for _ in range(3):
            pack.advance()
        assert [batch.shape[1] for batch in seen] == [8] * 9
        return torch.cat(seen, dim=1)

    five, alone = batches([0, 1, 2, 3, 4]), batches([3])
    assert torch.equal(five[3], alone[0])
    parts = [*five[0].split(24), *five[1].split(24)]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(parts, 2))
    # Ten times as many digits as rows could be the same by chance
    assert len({tuple(row) for row in five[:, :, :, 0].flatten(0, 1).tolist()}) > 200


def test_runs_on_palindromes_alone_as_among_five_and_resumed():
    identity = palindromes_on_disk()
    this = on_palindromes(identity, epochs=4)
    data = doubled(load(this, CPU))
    five = advanced(this, [RunState(seed) for seed in range(5)], data, 4)
    (resumed,) = advanced(this, advanced(this, [RunState(3)], data, 1), data, 3)
    assert timeless(five[3]) == timeless(resumed)
    assert all(torch.equal(five[3].tensors[name], resumed.tensors[name]) for name in resumed.tensors)


@pytest.mark.parametrize("mistake", [{"train_rows": None}, {"validation_rows": 5}])
def test_palindromes_need_a_number_of_rows_and_cannot_be_held_out(mistake: dict):
    identity = palindromes_on_disk()
    with pytest.raises(UserError, match="the training rows of palindromes are drawn anew in each epoch"):
        load(on_palindromes(identity, **mistake), CPU)


def test_the_rnn_is_a_plain_loop_of_three_linear_layers():
    """Steps of RMSprop with clipped gradients, as the homework's own code takes them."""
    this = on_palindromes(palindromes_on_disk())
    learner = Learner(this, (5, 1), context([0, 1], classes=10), CPU)
    plain = []
    for run in range(2):
        values = {name: value.detach()[run].clone() for name, value in learner.network.named_parameters()}
        linear = [torch.nn.Linear(1, 12), torch.nn.Linear(12, 12), torch.nn.Linear(12, 10)]
        names = [("kernel1", "bias1"), ("recurrent1", "recurrent_bias1"), ("kernel", "bias")]
        for layer, part, (kernel, bias) in zip(linear, ["recurrent1", "recurrent1", "dense1"], names, strict=True):
            layer.weight.data, layer.bias.data = values[f"{part}.{kernel}"].T.clone(), values[f"{part}.{bias}"]
        plain.append((linear, torch.optim.RMSprop(torch.nn.ModuleList(linear).parameters(), lr=0.01)))
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        drawn = [palindromes.draw(8, 5, generator) for _ in range(2)]
        x, targets = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        loss, _ = learner.learn(x.double(), targets)
        for run, ((to_state, between, to_output), optimizer) in enumerate(plain):
            state = torch.zeros(8, 12)
            for step in range(5):
                state = torch.tanh(to_state(x[run, :, step].double()) + between(state))
            expected = torch.nn.functional.cross_entropy(to_output(state), targets[run])
            optimizer.zero_grad()
            expected.backward()
            own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(own, 1.0)
            optimizer.step()
            assert loss[run].item() / 8 == pytest.approx(expected.item(), rel=1e-9)
    for run, ((to_state, between, to_output), _) in enumerate(plain):
        ours = {name: value.detach()[run] for name, value in learner.network.named_parameters()}
        for name, value in {
            "recurrent1.kernel1": to_state.weight.T,
            "recurrent1.bias1": to_state.bias,
            "recurrent1.recurrent1": between.weight.T,
            "recurrent1.recurrent_bias1": between.bias,
            "dense1.kernel": to_output.weight.T,
            "dense1.bias": to_output.bias,
        }.items():
            torch.testing.assert_close(ours[name], value.detach(), rtol=1e-8, atol=1e-10, msg=name)


def test_the_rnn_begins_as_pytorchs_linear_layers():
    made = Network(configuration(RNN).network, (5, 1), context(list(range(300)), classes=10)).recurrent1
    for parameter, inputs in ((made.kernel1, 1), (made.bias1, 1), (made.recurrent1, 12), (made.recurrent_bias1, 12)):
        limit = 1 / math.sqrt(inputs)
        values = parameter.detach()
        assert 0.99 * limit < values.abs().max() <= limit
        assert values.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)


# Texts: word vectors and n-grams


def reviews_on_disk(reading: dict, vectors: np.ndarray | None = None) -> dict:
    """Three reviews of a vocabulary of five words to train on, one to test on."""
    identity = {
        "dataset": "imdb",
        "data": "stand_in",
        "reading": datasets.reading_of("imdb", reading, "here")["reading"],
    }
    Prepared(
        train_inputs=Ragged.of([[0, 1, 2, 0, 1], [4, 0, 1, 3], [3, 2]]),
        train_targets=np.array([0, 1, 0]),
        test_inputs=Ragged.of([[0, 1, -1, 0, 1, 2]]),
        test_targets=np.array([1]),
        classes=["negative", "positive"],
        source="five words",
        vocabulary=["the", "film", "is", "so", "bad"],
    ).save(datasets.folder(identity), {})
    if vectors is not None:
        identity["word_vectors"] = {"size": vectors.shape[1]}
        fitted = word_vectors.Fitted(vectors, len(vectors), "made up")
        word_vectors.save(fitted, datasets.word_vectors_folder(identity), {})
    return identity


def test_an_embedding_takes_the_fitted_rows_and_keeps_random_ones_for_special_ids():
    torch.set_default_dtype(torch.float32)
    vectors = np.arange(15, dtype=np.float32).reshape(5, 3) + 100
    identity = reviews_on_disk({"vocab_size": 8, "max_length": 6}, vectors)
    data = load(configuration([{"kind": "embedding", "units": 3}], identity, dataset="imdb"), CPU)
    assert data.vocabulary_size == 8

    def table(initial: str) -> torch.Tensor:
        layers = configuration([{"kind": "embedding", "units": 3, "initial": initial}]).network
        about = context([0, 1], vocabulary_size=data.vocabulary_size, word_vectors=data.word_vectors)
        return Network(layers, (6,), about).embedding1.table.detach()

    fitted, random = table("word_vectors"), table("random")
    for run in range(2):
        # Ids 0 to 3 are padding, start, unknown, end; of the five words, four are below vocab_size
        torch.testing.assert_close(fitted[run, 4:], torch.from_numpy(vectors[:4]), rtol=0, atol=0)
        torch.testing.assert_close(fitted[run, :4], random[run, :4], rtol=0, atol=0)
    assert not torch.equal(fitted[0, :4], fitted[1, :4])


def test_ngrams_by_hand():
    """Ids 4 to 8 are the words. Only "the film" is twice in the training texts, of all pairs and triples."""
    identity = reviews_on_disk({"ngrams": 3, "ngram_min_count": 2})
    data = load(configuration([{"kind": "bag", "units": 2}], identity, dataset="imdb"), CPU)
    assert data.vocabulary_size == 10
    the_film = 9
    assert data.train_inputs.tolist() == [
        [0, 1, 4, 5, 6, 4, 5, the_film, the_film],
        [0, 0, 0, 1, 8, 4, 5, 7, the_film],
        [0, 0, 0, 0, 0, 0, 1, 7, 6],
    ]
    assert data.evaluation_inputs.tolist()[0] == [1, 4, 5, 2, 4, 5, 6, the_film, the_film]


@pytest.mark.parametrize(("longest", "min_count"), [(2, 1), (2, 3), (3, 1), (3, 2)])
def test_ngrams_equal_plain_counting(longest: int, min_count: int):
    random = np.random.default_rng(longest + min_count)
    train, test = ([random.integers(0, 9, random.integers(0, 13)).tolist() for _ in range(rows)] for rows in (60, 30))
    made = Ngrams(Ragged.of(train), longest, min_count, lowest=3, first_id=9)

    def sequences(text: list[int]) -> list[tuple]:
        found = [tuple(text[at : at + n]) for n in range(2, longest + 1) for at in range(len(text) - n + 1)]
        return [sequence for sequence in found if min(sequence) >= 3]

    counts = Counter(sequence for text in train for sequence in sequences(text))
    known = sorted((s for s, count in counts.items() if count >= min_count), key=lambda s: (len(s), s))
    ids = {sequence: 9 + place for place, sequence in enumerate(known)}
    assert made.size == len(known) > 0
    for texts in (train, test, [[]], [[5]]):
        for text, found in zip(texts, made.appended(Ragged.of(texts)), strict=True):
            assert found.tolist() == text + [ids[s] for s in sequences(text) if s in ids]


# Layers of the studies, several runs at once

OVER_TEXTS = {
    "bag": [{"kind": "bag", "units": 7}, {"kind": "dense", "units": 1}],
    "convolution and lstm": [
        {"kind": "embedding", "units": 7},
        {"kind": "sequence_convolution", "filters": 5, "kernel": 3, "activation": "relu"},
        {"kind": "sequence_pooling", "size": 4, "stride": 4},
        {"kind": "recurrent", "cell": "lstm", "units": 6, "output": "states"},
        {"kind": "maximum_over_steps"},
        {"kind": "dense", "units": 1},
    ],
    "gru states": [
        {"kind": "embedding", "units": 7},
        {"kind": "recurrent", "cell": "gru", "units": 6, "output": "states", "reset_after": False},
        {"kind": "dense", "units": 3, "activation": "tanh"},
        {"kind": "flatten"},
        {"kind": "dense", "units": "classes"},
    ],
}


@pytest.mark.parametrize("name", OVER_TEXTS)
def test_runs_over_texts_alone_as_among_five_and_resumed(name: str):
    """In float32, as in earnest."""
    torch.set_default_dtype(torch.float32)
    random = np.random.default_rng(5)
    parts = [random.integers(0, high, size) for size in (45, 21) for high, size in ((12, (size, 15)), (2, size))]
    data = Data(*map(torch.from_numpy, parts), classes=2, vocabulary_size=12)
    this = configuration(OVER_TEXTS[name], optimizer="adagrad", l2=0.01, clip_norm=0.5, batch_size=16, epochs=3)
    five = advanced(this, [RunState(seed) for seed in range(5)], data, 3)
    (resumed,) = advanced(this, advanced(this, [RunState(3)], data, 1), data, 2)
    assert timeless(five[3]) == timeless(resumed)
    assert all(torch.equal(five[3].tensors[name], resumed.tensors[name]) for name in resumed.tensors)
    assert timeless(five[3]) != timeless(five[2])


@pytest.mark.parametrize("layer", [{"activation": "sigmoid"}, {"activation": "elu"}, {"kind": "batch_normalization"}])
def test_what_pytorch_rounds_by_its_position_is_not_stacked_on_a_cpu(layer: dict):
    """PyTorch's sigmoid, elu and batch normalisation of vectors: with them, stacked runs would depend on each other."""
    states = [RunState(0), RunState(1)]
    assert job.groups(configuration(MLP), states, CPU) == [states]
    first = layer if "kind" in layer else MLP[0] | layer
    assert job.groups(configuration([first, MLP[1]]), states, CPU) == [[state] for state in states]
    if "kind" not in layer:
        this = configuration([first, MLP[1]], backend="numpy")
        assert job.groups(this, states, CPU) == [states]


def test_running_statistics_are_among_what_a_run_goes_on_from():
    this = configuration([MLP[0], {"kind": "batch_normalization"}, MLP[1]], optimizer="adam", epochs=3)
    (whole,) = advanced(this, [RunState(0)], points(30), 3)
    (resumed,) = advanced(this, advanced(this, [RunState(0)], points(30), 1), points(30), 2)
    assert timeless(whole) == timeless(resumed)
    assert all(torch.equal(values, resumed.tensors[name]) for name, values in whole.tensors.items())
    assert whole.tensors["buffers/batch_normalization1.variance"].ne(1).all()


# How cells are written


def expanded(change=lambda config: None, scale: str = "paper") -> list[Cell]:
    config = copy.deepcopy(CONFIG) | {"scale": scale}
    change(config)
    return cells.expand(params.parse(config))


def of(experiment: str, every: list[Cell]) -> list[Cell]:
    return [cell for cell in every if cell.experiment == experiment]


def experiment(config: dict, name: str) -> dict:
    return next(study["experiments"][name] for study in config["studies"].values() if name in study["experiments"])


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

    with pytest.raises(UserError, match=r"cs324\.experiments\.p2_cnn\.at_most: 'quik' is none of paper, quick, demo"):
        expanded(change)


def test_options_of_a_dataset_are_those_of_its_cells_unless_they_say_otherwise():
    def change(config: dict) -> None:
        config["datasets"]["moons"]["options"]["rows"] = 70
        initial = experiment(config, "p1_initial")
        initial["grid"], initial["settings"]["noise"] = {"dataset": ["moons"]}, 0.2

    def options(every: list[Cell], name: str) -> list[dict]:
        return [cell.data["options"] for cell in of(name, every) if cell.varying["dataset"] == "moons"]

    assert options(expanded(), "p1_toy") == [{"rows": 5000, "draw": 1, "noise": 0.07}] * 2
    changed = expanded(change)
    assert options(changed, "p1_toy") == [{"rows": 70, "draw": 1, "noise": 0.07}] * 2
    assert options(changed, "p1_initial") == [{"rows": 70, "draw": 1, "noise": 0.2}]


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

    with pytest.raises(UserError, match=r"q2_cnn: network 'cnn3' is none of the study's networks"):
        expanded(change)


# For how long the best candidate is trained


def finish(cell: Cell, correct: dict[int, list[int]]) -> None:
    """Files of a trained cell with so many correct held-out rows of 40, by seed and epoch."""
    cell.folder.mkdir(parents=True)
    rows = [
        {
            "seed": seed,
            "epoch": float(epoch),
            "train_loss": 1.0,
            "train_accuracy": 0.5,
            "validation_loss": 1.0,
            "validation_accuracy": count / 40,
            "validation_correct_even": count // 2,
            "validation_correct_odd": count - count // 2,
            "seconds": 1.0,
        }
        for seed, counts in correct.items()
        for epoch, count in enumerate(counts, 1)
    ]
    pd.DataFrame(rows).to_parquet(cell.folder / HISTORY, index=False)
    about = {"epochs": 6, "parameters": 1, "parameters_by_layer": {}, "commit": "", "dirty": False, "device": ""}
    runs = [about | {"seed": seed, "status": "done", "peak_memory_bytes": 1} for seed in correct]
    write_json(cell.folder / RECORD, {"validation_rows": 40, "runs": runs})
    for name in (PREDICTIONS, MODEL):
        Path(cell.folder / name).touch()


def test_the_best_candidate_is_trained_for_as_long_as_it_took_to_be_at_its_best():
    every = expanded(lambda config: config.update(seeds=[0, 1]))
    candidates = of("q3_candidates", every)
    (best,) = of("q3_best", every)
    made_up = [
        {0: [20, 30, 31, 25, 25, 25], 1: [20, 31, 30, 25, 25, 25]},
        # The winner on average: at its best after epochs 2 and 6
        {0: [20, 36, 30, 25, 25, 25], 1: [20, 30, 31, 32, 33, 35]},
        {0: [39, 30, 31, 25, 25, 25], 1: [20, 31, 30, 25, 25, 25]},
        {0: [20, 30, 31, 25, 25, 25], 1: [20, 31, 30, 25, 25, 25]},
    ]
    for cell, correct in zip(candidates, made_up, strict=True):
        finish(cell, correct)
    choice = selection.choose(best.selection)
    assert choice["cell"] == candidates[1].folder.as_posix()
    assert choice["settings"] == {"network": "bag", "ngrams": 1, "lr": 0.01, "batch_size": 256, "epochs": 4}
    resolved = best.configuration(choice["settings"])
    assert resolved.settings.epochs == 4
    assert resolved.settings.validation_rows == 0
    assert resolved.data["reading"]["ngrams"] == 1
    assert [layer.kind for layer in resolved.network] == ["bag", "dense"]


def test_the_best_epoch_of_a_reported_winner_is_not_known():
    def change(config: dict) -> None:
        experiment(config, "q3_best")["select"]["winner"] = "reported"

    with pytest.raises(UserError, match=r"q3_best\.select: epochs: best needs winner: measured"):
        expanded(change)


# Winners among cells that have something in common with the one that follows them


def test_each_network_takes_over_the_sizes_of_its_own_best():
    every = expanded(lambda config: config.update(seeds=[0, 1]))
    candidates = {network: [] for network in ("mlp", "rnn", "lstm")}
    for cell in of("q1_tuning", every):
        candidates[cell.settings["network"]].append(cell)
    # The MLP's second is best on average, not in any single run; the other two networks' fourth and first are
    best = {"mlp": 1, "rnn": 3, "lstm": 0}
    for network, cells_of_network in candidates.items():
        assert len(cells_of_network) == 5
        for place, cell in enumerate(cells_of_network):
            correct = {0: [20, 21, 22], 1: [22, 21, 20]}
            if place == best[network]:
                correct = {0: [20, 30, 25], 1: [20, 25, 28]}
            elif network == "mlp" and place == 2:
                correct = {0: [20, 31, 25], 1: [20, 21, 22]}
            elif network == "mlp" and place == 4:
                # Better than all at the end, but an evaluation in between counts
                correct = {0: [10, 10, 29], 1: [10, 10, 28]}
            finish(cell, correct)
    final = of("q1_final", every)
    assert [cell.varying for cell in final] == [{"network": network} for network in candidates]
    for cell in final:
        network = cell.varying["network"]
        own = candidates[network]
        assert cell.selection.candidates == tuple(own)
        choice = selection.choose(cell.selection)
        winner = own[best[network]]
        assert choice["cell"] == winner.folder.as_posix()
        assert choice["by"] == "validation_accuracy_best_epoch"
        assert choice["ranking"][winner.name] == pytest.approx((30 + 28) / 80)
        assert set(choice["ranking"]) == {candidate.name for candidate in own}
        sizes = {key: winner.varying[key] for key in ("hidden_size", "embedding_size", "lr")}
        # Best after epochs 2 and 3: 2.5, and a half goes up
        assert choice["settings"] == sizes | {"epochs": 3}
        resolved = cell.configuration(choice["settings"])
        assert resolved.settings.network == network
        assert resolved.settings.epochs == 3
        assert resolved.settings.lr == sizes["lr"]
        assert resolved.settings.validation_rows == 0
        assert resolved.network[0].units == sizes["embedding_size"]
        assert resolved.network[1].units == sizes["hidden_size"]
    assert len({cell.selection.path for cell in final}) == 3


def test_each_network_may_choose_among_others_than_its_neighbours():
    """A candidate more or less of one network renames what follows that network only."""

    def change(config: dict) -> None:
        experiment(config, "q1_tuning")["cells"].pop(0)

    before, after = (
        {cell.varying["network"]: cell for cell in of("q1_final", expanded(how))} for how in (dict, change)
    )
    assert before["mlp"].folder != after["mlp"].folder
    assert [len(cell.selection.candidates) for cell in after.values()] == [4, 5, 5]
    for network in ("rnn", "lstm"):
        assert before[network].folder == after[network].folder


def test_a_cell_without_candidates_is_refused():
    def change(config: dict) -> None:
        tuning = experiment(config, "q1_tuning")
        tuning["cells"] = [cell for cell in tuning["cells"] if cell["network"] != "rnn"]

    with pytest.raises(
        UserError, match=r"vudl\.experiments\.q1_final\.select\.same: q1_tuning has no cell with network=rnn"
    ):
        expanded(change)


def test_an_unknown_setting_in_same_is_refused_by_name():
    def change(config: dict) -> None:
        experiment(config, "q1_final")["select"]["same"] = ["netwerk"]

    with pytest.raises(UserError, match=r"q1_final\.select\.same: q1_tuning has no setting 'netwerk'"):
        expanded(change)


def test_a_reported_winner_is_that_of_the_whole_experiment():
    def change(config: dict) -> None:
        select = experiment(config, "q1_final")["select"]
        select["winner"] = "reported"
        del select["epochs"]

    with pytest.raises(UserError, match=r"q1_final\.select: same needs winner: measured"):
        expanded(change)
