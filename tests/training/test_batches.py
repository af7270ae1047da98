"""Batches of rows of similar length, and runs of classifiers on them; images read row by row."""

import itertools
import math

import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.training import batches, job, stacking
from regrade.training.state import RunState
from regrade.training.streams import stream
from regrade.training.trainer import Data
from sklearn.metrics import f1_score
from support import runs
from support.runs import advanced, timeless, watched

MLP = [
    {"kind": "embedding", "units": 5},
    {"kind": "dense", "units": 6, "activation": "relu"},
    {"kind": "maximum_over_steps"},
    {"kind": "dense", "units": 1},
]
RNN = [
    {"kind": "embedding", "units": 5},
    {"kind": "recurrent", "cell": "rnn", "units": 6, "output": "states"},
    {"kind": "maximum_over_steps"},
    {"kind": "dropout", "rate": 0.3},
    {"kind": "dense", "units": 1},
]
LONGEST, TOKENS = 12, 40
pytestmark = pytest.mark.usefixtures("double")


def lengths_of(rows: int, seed: int = 0, longest: int = LONGEST) -> torch.Tensor:
    return torch.randint(1, longest + 1, (rows,), generator=torch.Generator().manual_seed(seed))


def texts(rows: int = 61, tested: int = 23) -> Data:
    """Rows of ids, padded with 0 behind; each begins with an id of its own, so that it is known again."""
    random = torch.Generator().manual_seed(7)

    def split(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        lengths = lengths_of(count, count)
        ids = torch.randint(4, 4 + rows, (count, int(lengths.max())), generator=random, dtype=torch.int32)
        ids[:, 0] = torch.arange(4, 4 + count)
        ids[torch.arange(ids.shape[1]) >= lengths[:, None]] = 0
        return ids, torch.randint(0, 2, (count,), generator=random), lengths

    (x, y, lengths), (x_test, y_test, lengths_test) = split(rows), split(tested)
    return Data(x, y, x_test, y_test, 2, lengths, lengths_test, vocabulary_size=4 + rows)


def configuration(network: list[dict] = MLP, **settings) -> Configuration:
    settings = {"optimizer": "adam", "lr": 0.03, "batch_tokens": TOKENS, "epochs": 3, "evaluate_every": 0.1} | settings
    return runs.configuration(network, dataset="imdb", batch_size=None, **settings)


def alone(this: Configuration, state: RunState, data: Data, times: int) -> RunState:
    return advanced(this, [state], data, times)[0]


# Which rows share a batch


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("most", [1, 11, 12, 40, 10_000])
@pytest.mark.parametrize("rows", [1, 2, 200])
def test_each_row_is_in_one_batch_that_has_no_more_tokens_than_allowed(rows: int, most: int, equal: bool):
    lengths = lengths_of(rows)
    made = batches.similar(lengths, most, equal=equal)
    assert sorted(torch.cat([chosen for chosen, _ in made]).tolist()) == list(range(rows))
    for chosen, width in made:
        assert width == lengths[chosen].max()
        assert len(chosen) * width <= most or len(chosen) == 1
        assert not equal or lengths[chosen].min() == width
    # From the shortest to the longest, and no batch could have taken in the first row of the next
    for (one, _), (other, _) in itertools.pairwise(made):
        following = lengths[other[0]]
        assert lengths[one].max() <= following
        assert (len(one) + 1) * following > most or (equal and following > lengths[one].max())


def test_the_order_of_rows_of_equal_length_is_the_given_one():
    lengths = torch.tensor([2, 1, 2, 1, 2])
    made = batches.similar(lengths, 4, torch.tensor([4, 3, 2, 1, 0]))
    assert [(chosen.tolist(), width) for chosen, width in made] == [([3, 1], 1), ([4, 2], 2), ([0], 2)]


def epochs_of(seed: int, epochs: int, pieces: int = 1, rows: int = 61) -> list[list[list[list[int]]]]:
    """For each epoch its pieces, of these the batches, of these the first ids of the rows."""
    data, shuffle = texts(rows), stream(seed, "shuffle")
    found = []
    for _ in range(epochs):
        given = batches.similar_length(
            data.train_inputs, data.train_targets, data.train_lengths, [shuffle], TOKENS, pieces
        )
        parts = []
        for piece in given:
            parts.append([])
            for inputs, targets in piece:
                numbers = inputs[0, :, 0].long() - 4
                width = int(data.train_lengths[numbers].max())
                assert inputs.shape == (1, len(numbers), width)
                assert inputs.numel() <= TOKENS or len(numbers) == 1
                assert torch.equal(inputs[0], data.train_inputs[numbers, :width])
                assert torch.equal(targets[0], data.train_targets[numbers])
                parts[-1].append(numbers.tolist())
        found.append(parts)
    return found


def test_an_epoch_has_each_row_once_in_an_order_of_its_own():
    first, second, third = (together for (together,) in epochs_of(3, 3))
    for together in (first, second, third):
        assert sorted(itertools.chain(*together)) == list(range(61))
    assert first != second != third != first
    # Neither from the short to the long, nor the same rows together each time
    widths = [int(texts().train_lengths[rows].max()) for rows in first]
    assert widths != sorted(widths)
    assert {frozenset(rows) for rows in first} != {frozenset(rows) for rows in second}
    assert epochs_of(3, 3) == epochs_of(3, 3)
    assert epochs_of(3, 1) != epochs_of(4, 1)


@pytest.mark.parametrize("pieces", [1, 2, 3, 10, 1000])
def test_pieces_are_the_epoch_cut_into_nearly_equal_parts(pieces: int):
    (whole,), (parts,) = epochs_of(3, 1), epochs_of(3, 1, pieces)
    assert list(itertools.chain(*parts)) == whole[0]
    sizes = [len(part) for part in parts]
    assert len(parts) == min(pieces, len(whole[0]))
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1


# Runs


@pytest.mark.parametrize(("rows", "tokens"), [(61, TOKENS), (20, TOKENS), (12, 10_000)])
def test_ten_evaluations_per_epoch_or_as_many_as_there_are_batches(rows: int, tokens: int):
    this, data = configuration(batch_tokens=tokens, epochs=2), texts(rows, 5)
    number = min(10, len(batches.similar(data.train_lengths, tokens)))
    assert (number == 10) == (rows == 61)
    assert (number == 1) == (rows == 12)
    state = alone(this, RunState(0), data, 2)
    assert [row["epoch"] for row in state.history] == pytest.approx([(i + 1) / number for i in range(2 * number)])
    ends = [row["epoch"] for row in state.history][number - 1 :: number]
    assert ends == [1, 2]


@pytest.mark.parametrize("network", [MLP, RNN])
def test_resumed_equals_uninterrupted(network: list[dict]):
    data, this = texts(), configuration(network)
    whole, resumed = alone(this, RunState(1), data, 3), RunState(1)
    for _ in range(3):
        alone(this, resumed, data, 1)
    assert timeless(whole) == timeless(resumed)
    assert whole.tensors.keys() == resumed.tensors.keys()
    assert all(torch.equal(values, resumed.tensors[name]) for name, values in whole.tensors.items())
    assert timeless(alone(this, RunState(2), data, 3)) != timeless(whole)


def test_runs_do_not_share_batches_and_are_trained_one_by_one():
    assert len(stacking.groups(configuration(), [RunState(0), RunState(1)], torch.device("cpu"))) == 2


def test_f1_is_that_of_scikit_learn():
    state, data = RunState(0), texts()
    trainer = job.make_trainer(configuration(lr=0.1, epochs=6, evaluate_every=1), [state], data)
    for _ in range(6):
        trainer.advance()
        trainer.save()
        expected = f1_score(data.evaluation_targets.numpy(), state.tensors["predictions/last"].numpy(), zero_division=0)
        assert state.history[-1]["test_f1"] == pytest.approx(expected, abs=1e-6)
    assert len({row["test_f1"] for row in state.history}) > 1


@pytest.mark.parametrize("always", [0, 1])
def test_f1_where_the_network_always_says_the_same(always: int):
    data = texts()
    trainer = job.make_trainer(configuration(lr=1e-9, evaluate_every=1), [RunState(0)], data)
    with torch.no_grad():
        trainer.learner.network.dense2.bias.fill_(100.0 if always else -100.0)
    numbers = trainer.evaluate()
    expected = f1_score(data.evaluation_targets.numpy(), [always] * 23, zero_division=0)
    assert numbers["test_f1"].item() == pytest.approx(expected, abs=1e-6)
    assert (numbers["test_f1"] > 0) == bool(always)


class Plain(torch.nn.Module):
    """The same networks of PyTorch's own layers, for one row at a time."""

    def __init__(self, network: list[dict], tensors: dict[str, torch.Tensor]):
        super().__init__()

        def value(name: str) -> torch.Tensor:
            return tensors[f"network/{name}"]

        self.embedding = torch.nn.Embedding.from_pretrained(value("embedding1.table"))
        self.rnn = network is RNN
        if self.rnn:
            self.middle = torch.nn.RNN(5, 6, batch_first=True)
            self.middle.weight_ih_l0.data, self.middle.bias_ih_l0.data = (
                value("recurrent1.kernel1").T,
                value("recurrent1.bias1"),
            )
            self.middle.weight_hh_l0.data = value("recurrent1.recurrent1").T
            self.middle.bias_hh_l0.data = value("recurrent1.recurrent_bias1")
        else:
            self.middle = torch.nn.Linear(5, 6)
            self.middle.weight.data, self.middle.bias.data = value("dense1.kernel").T, value("dense1.bias")
        last = "dense1" if self.rnn else "dense2"
        self.last = torch.nn.Linear(6, 1)
        self.last.weight.data, self.last.bias.data = value(f"{last}.kernel").T, value(f"{last}.bias")

    def forward(self, row: torch.Tensor) -> torch.Tensor:
        vectors = self.embedding(row.long())[None]
        states = self.middle(vectors)[0] if self.rnn else torch.relu(self.middle(vectors))
        return self.last(states.max(1).values)[0, 0]


def judged(plain: Plain, inputs: torch.Tensor, targets: torch.Tensor, width_of: dict[int, int]) -> tuple[float, float]:
    """Mean loss and accuracy over rows, one after the other, each as wide as its batch."""
    lost, correct = 0.0, 0
    with torch.no_grad():
        for number, (row, target) in enumerate(zip(inputs, targets.tolist(), strict=True)):
            logit = plain(row[: width_of[number]]).item()
            lost += math.log1p(math.exp(-logit if target else logit))
            correct += (logit > 0) == bool(target)
    return lost / len(targets), correct / len(targets)


def widths(made: list[tuple[list[int], int]]) -> dict[int, int]:
    return {number: width for numbers, width in made for number in numbers}


@pytest.mark.parametrize("network", [MLP, RNN])
def test_evaluations_equal_a_plain_loop_over_single_rows(network: list[dict]):
    data = texts()
    state = alone(configuration(network, evaluate_every=1), RunState(0), data, 3)
    made = batches.similar(data.evaluation_lengths, TOKENS)
    width_of = widths([(chosen.tolist(), width) for chosen, width in made])
    assert any(width > data.evaluation_lengths[number] for number, width in width_of.items())
    loss, accuracy = judged(Plain(network, state.tensors), data.evaluation_inputs, data.evaluation_targets, width_of)
    assert state.history[-1]["test_loss"] == pytest.approx(loss, rel=1e-9)
    assert state.history[-1]["test_accuracy"] == pytest.approx(accuracy)
    halves = state.history[-1]["test_correct_even"], state.history[-1]["test_correct_odd"]
    assert sum(halves) == round(accuracy * 23)


def test_training_numbers_equal_a_plain_loop_over_single_rows():
    """With a learning rate that changes nothing, all batches of an epoch are judged by the same weights."""
    data, state = texts(), RunState(5)
    trainer = job.make_trainer(configuration(lr=1e-30, evaluate_every=1), [state], data)
    seen = watched(trainer, "embedding1")
    trainer.advance()
    trainer.save()
    width_of = widths([((rows[:, 0].long() - 4).tolist(), rows.shape[1]) for (rows,) in seen])
    assert sorted(width_of) == list(range(61))
    loss, accuracy = judged(Plain(MLP, state.tensors), data.train_inputs, data.train_targets, width_of)
    assert state.history[0]["train_loss"] == pytest.approx(loss, rel=1e-9)
    assert state.history[0]["train_accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize("network", [MLP, RNN[:3] + RNN[4:]])
def test_steps_equal_those_of_plain_pytorch(network: list[dict]):
    """Ten steps of SGD on the batches of an epoch: the loss is a mean over rows, whatever their number."""
    data, state = texts(), RunState(2)
    this = configuration(network, optimizer="sgd", lr=0.1, evaluate_every=1)
    trainer = job.make_trainer(this, [state], data)
    trainer.save()
    plain = Plain(RNN if network is not MLP else MLP, {name: value.clone() for name, value in state.tensors.items()})
    plain.embedding.weight.requires_grad_()
    seen = watched(trainer, "embedding1")
    trainer.advance()
    trainer.save()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for (rows,) in seen:
        targets = data.train_targets[rows[:, 0].long() - 4].double()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.stack([plain(row) for row in rows]), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    last = "dense2" if network is MLP else "dense1"
    torch.testing.assert_close(state.tensors["network/embedding1.table"], plain.embedding.weight.detach())
    torch.testing.assert_close(state.tensors[f"network/{last}.kernel"], plain.last.weight.detach().T)
    torch.testing.assert_close(state.tensors[f"network/{last}.bias"], plain.last.bias.detach())


# Images row by row


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_of_images_from_the_top_with_their_channels_one_after_the_other(channels: int):
    network = runs.network([{"kind": "image_rows"}], (channels, 4, 5))
    assert network.output_shape == (4, channels * 5)
    images = torch.arange(2 * 3 * channels * 4 * 5).reshape(2, 3, channels, 4, 5).double()
    found = network(images)
    assert found.shape == (2, 3, 4, channels * 5)
    for run in range(2):
        for image in range(3):
            for row in range(4):
                pixels = [images[run, image, channel, row].tolist() for channel in range(channels)]
                assert found[run, image, row].tolist() == list(itertools.chain(*pixels))
    if channels == 1:
        assert torch.equal(found, images.reshape(2, 3, 4, 5))
    # As images lie in memory on a CPU
    last = images.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, (2, 3))
    assert torch.equal(network(last), found)


def test_an_lstm_on_rows_is_pytorchs_lstm_on_the_images_lines():
    layers = [
        {"kind": "image_rows"},
        {"kind": "recurrent", "cell": "lstm", "units": 6},
        {"kind": "dense", "units": "classes"},
    ]
    ours = runs.network(layers, (1, 4, 5), classes=10)
    values = {name: value.detach()[0] for name, value in ours.named_parameters()}
    lstm, last = torch.nn.LSTM(5, 6, batch_first=True), torch.nn.Linear(6, 10)
    lstm.weight_ih_l0.data, lstm.weight_hh_l0.data = values["recurrent1.kernel1"].T, values["recurrent1.recurrent1"].T
    lstm.bias_ih_l0.data, lstm.bias_hh_l0.data = values["recurrent1.bias1"], values["recurrent1.recurrent_bias1"]
    last.weight.data, last.bias.data = values["dense1.kernel"].T, values["dense1.bias"]
    images = torch.randn(7, 1, 4, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(images[None])[0], last(lstm(images[:, 0])[0][:, -1]))
