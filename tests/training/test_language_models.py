"""Language models of formal languages, against plain PyTorch, text by text, and what they write."""

import math

import numpy as np
import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.cells.layout import HISTORY, PREDICTIONS, RECORD
from regrade.core.errors import UserError
from regrade.datasets import prepared, registry
from regrade.datasets.identity import DataIdentity
from regrade.languages.language import END as NOTHING
from regrade.languages.language import Language
from regrade.models.network import Network
from regrade.training import job, results
from regrade.training.loading import load
from regrade.training.sampling import continued
from regrade.training.state import RunState
from regrade.training.store import Store
from regrade.training.streams import stream
from regrade.training.trainer import Data
from support.runs import CPU, advanced, network, timeless, watched

pytestmark = pytest.mark.usefixtures("elsewhere", "double")
START, UNKNOWN, END, FIRST = 1, 2, 3, 4
PROBABILITIES = {"ndfa": {"another_word": 0.6}, "brackets": {"pair_inside": 0.4, "pair_after": 0.2}}
READING = {
    "prompts": 3,
    "shortest_prompt": 2,
    "longest_prompt": 6,
    "samples": 4,
    "free_samples": 5,
    "long_prompts": 2,
    "sample_length": 15,
    "temperature": 1.0,
}
every_language = pytest.mark.parametrize("name", PROBABILITIES)


def model(embedding: int = 6, units: int = 5, layers: int = 1) -> list[dict]:
    return [
        {"kind": "embedding", "units": embedding},
        {"kind": "recurrent", "cell": "lstm", "units": units, "layers": layers, "output": "states"},
        {"kind": "dense", "units": "classes"},
    ]


def made(name: str, train: int = 40, tested: int = 30, network: list[dict] | None = None, **changes) -> Configuration:
    """A configuration on texts that are prepared here; `changes`: of settings, or of what is asked to be written."""
    options = {"train_texts": train, "test_texts": tested, "draw_seed": 1, **PROBABILITIES[name]}
    reading = {key: changes.pop(key, value) for key, value in READING.items()}
    how = registry.reading_of(name, reading, "here")
    identity = DataIdentity(dataset=name, data="real", options=options, reading=how)
    module = registry.module(name)
    module.prepare({}, module.Options(**options)).save(identity.folder, {})
    settings = {"dataset": name, "network": "n", "optimizer": "adam", "lr": 0.01, "batch_tokens": 120, "epochs": 5}
    return Configuration(
        conventions="torch",
        data=identity,
        settings=settings | {"gradient_norm": True} | changes,
        network=network or model(),
    )


def texts(this: Configuration, split: str) -> list[list[int]]:
    """The token ids of a split, from the start to the end."""
    rows, _ = prepared.load_texts(this.data.folder, split)
    return [[START, *(FIRST + int(number) for number in row), END] for row in rows]


def language_of(this: Configuration) -> Language:
    module = registry.module(this.data.dataset)
    return module.language(registry.options(this.data))


def alone(this: Configuration, state: RunState, times: int, data: Data | None = None) -> RunState:
    return advanced(this, [state], data or load(this, CPU), times)[0]


class Plain(torch.nn.Module):
    """The same model of PyTorch's own layers."""

    def __init__(self, tensors: dict[str, torch.Tensor]):
        super().__init__()
        values = {name.removeprefix("network/"): value.clone() for name, value in tensors.items()}
        ids, size = values["embedding1.table"].shape
        units, classes = values["dense1.kernel"].shape
        self.embedding, self.lstm = torch.nn.Embedding(ids, size), torch.nn.LSTM(size, units, batch_first=True)
        self.last = torch.nn.Linear(units, classes)
        self.embedding.weight.data = values["embedding1.table"]
        self.lstm.weight_ih_l0.data = values["recurrent1.kernel1"].T.contiguous()
        self.lstm.weight_hh_l0.data = values["recurrent1.recurrent1"].T.contiguous()
        self.lstm.bias_ih_l0.data = values["recurrent1.bias1"]
        self.lstm.bias_hh_l0.data = values["recurrent1.recurrent_bias1"]
        self.last.weight.data, self.last.bias.data = values["dense1.kernel"].T.contiguous(), values["dense1.bias"]

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(texts, tokens) → logits of each token's successor."""
        return self.last(self.lstm(self.embedding(ids.long()))[0])


def judged(plain: Plain, given: list[list[int]]) -> tuple[float, float]:
    """Loss and accuracy per predicted token, text by text."""
    lost, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for text in given:
            logs = plain(torch.tensor([text[:-1]]))[0].log_softmax(1)
            for place, token in enumerate(text[1:]):
                lost -= logs[place, token].item()
                correct += int(logs[place].argmax()) == token
                count += 1
    return lost / count, correct / count


# Learning


@every_language
def test_loss_and_accuracy_per_token_equal_those_counted_text_by_text(name: str):
    this = made(name)
    state = alone(this, RunState(0), 2)
    loss, accuracy = judged(Plain(state.tensors), texts(this, "test"))
    assert state.history[-1]["test_loss"] == pytest.approx(loss, rel=1e-9)
    assert state.history[-1]["test_accuracy"] == pytest.approx(accuracy, rel=1e-9)
    # With a learning rate that changes nothing, all batches are judged by the same weights
    state = alone(made(name, lr=1e-30), RunState(0), 1)
    loss, accuracy = judged(Plain(state.tensors), texts(this, "train"))
    assert state.history[-1]["train_loss"] == pytest.approx(loss, rel=1e-9)
    assert state.history[-1]["train_accuracy"] == pytest.approx(accuracy, rel=1e-9)


def compared_with_plain(this: Configuration) -> tuple[dict, list[torch.Tensor]]:
    """Train one epoch, and the plain model on the same batches: the row of numbers, and the batches."""
    state = RunState(0)
    trainer = job.make_trainer(this, [state], load(this, CPU))
    trainer.save()
    plain = Plain(state.tensors)
    seen = watched(trainer, "embedding1")
    trainer.advance()
    trainer.save()
    ends = {tuple(text[:-1]): text[1:] for text in texts(this, "train")}
    optimizer = torch.optim.Adam(plain.parameters(), lr=this.settings.lr)
    norms, lost, count = [], 0.0, 0
    for (batch,) in seen:
        targets = torch.tensor([ends[tuple(row)] for row in batch.tolist()])
        loss = torch.nn.functional.cross_entropy(plain(batch).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.get_total_norm([value.grad for value in plain.parameters()]).item())
        optimizer.step()
        lost, count = lost + loss.item() * targets.numel(), count + targets.numel()
    (row,) = state.history
    assert row["gradient_norm"] == pytest.approx(np.mean(norms), rel=1e-7)
    assert row["train_loss"] == pytest.approx(lost / count, rel=1e-8)
    for ours, theirs in (
        ("embedding1.table", plain.embedding.weight),
        ("recurrent1.kernel1", plain.lstm.weight_ih_l0.T),
        ("recurrent1.recurrent1", plain.lstm.weight_hh_l0.T),
        ("recurrent1.bias1", plain.lstm.bias_ih_l0),
        ("recurrent1.recurrent_bias1", plain.lstm.bias_hh_l0),
        ("dense1.kernel", plain.last.weight.T),
        ("dense1.bias", plain.last.bias),
    ):
        torch.testing.assert_close(state.tensors[f"network/{ours}"], theirs.detach(), rtol=1e-6, atol=1e-8, msg=ours)
    return row, [batch for (batch,) in seen]


@every_language
def test_an_epoch_equals_one_of_plain_pytorch(name: str):
    this = made(name)
    _, seen = compared_with_plain(this)
    assert len(seen) > 5
    assert all(batch.numel() + len(batch) <= 120 or len(batch) == 1 for batch in seen)
    rows = sorted(tuple(row) for batch in seen for row in batch.tolist())
    assert rows == sorted(tuple(text[:-1]) for text in texts(this, "train"))


def test_the_norm_of_a_single_step():
    row, seen = compared_with_plain(made("ndfa", train=1))
    assert len(seen) == 1
    assert row["gradient_norm"] > 0
    assert "gradient_norm" not in alone(made("ndfa", gradient_norm=False), RunState(0), 1).history[0]


@every_language
def test_resumed_equals_uninterrupted(name: str):
    this = made(name)
    data, store = load(this, CPU), Store("0", "code")
    whole, resumed = alone(this, RunState(3), 3, data), RunState(3)
    for _ in range(3):
        store.write(alone(this, resumed, 1, data))
        resumed = store.read(3)
    assert timeless(whole) == timeless(resumed)
    assert whole.samples == resumed.samples
    assert whole.tensors.keys() == resumed.tensors.keys()
    assert all(torch.equal(values, resumed.tensors[name]) for name, values in whole.tensors.items())
    assert alone(this, RunState(4), 1, data).samples != whole.samples[: len(resumed.samples) // 3]


def test_a_run_of_three_epochs_is_the_beginning_of_a_longer_one():
    short, long = (alone(made("brackets", epochs=epochs), RunState(0), epochs) for epochs in (3, 5))
    assert timeless(short) == timeless(long)[:3]
    assert short.samples == [sample for sample in long.samples if sample["epoch"] <= 3]
    assert {sample["epoch"] for sample in long.samples} == {1, 2, 3, 4, 5}


def test_samples_bear_the_epoch_of_their_evaluation():
    state = alone(made("ndfa", epochs=5, evaluate_every=2), RunState(0), 3)
    assert [row["epoch"] for row in state.history] == [2, 4, 5]
    assert {sample["epoch"] for sample in state.samples} == {2, 4, 5}


@every_language
def test_the_loss_comes_down_to_its_floor_and_not_below(name: str):
    torch.set_default_dtype(torch.float32)
    this = made(name, 2000, 2000, model(32, 16), batch_tokens=600, epochs=6, lr=0.02, free_samples=60, sample_length=60)
    state, language = alone(this, RunState(0), 6), language_of(this)
    floor = language.entropy_per_token()
    found = ["".join(language.symbols[token - FIRST] for token in text[1:-1]) for text in texts(this, "test")]
    # The standard error of a ratio of sums over texts
    tokens = np.array([len(text) + 1 for text in found])
    beyond = np.array([-language.log_probability(text) for text in found]) - floor * tokens
    error = beyond.std(ddof=1) * math.sqrt(len(found)) / tokens.sum()
    loss = state.history[-1]["test_loss"]
    assert error < 0.03
    assert floor - 3 * error < loss < floor + 0.3
    assert loss - floor < 0.1 * (math.log(FIRST + len(language.symbols)) - floor), "it has learnt next to nothing"
    assert state.history[-1]["valid_free"] > 0.3


# Writing


def network_of(layers: list[dict], ids: int, runs: int = 1) -> Network:
    return network(layers, (20,), runs, classes=ids, vocabulary_size=ids)


def chain(after: dict[int, int], ids: int = 8) -> Network:
    """A network that knows for certain which token follows which."""
    network = network_of([{"kind": "embedding", "units": ids}, {"kind": "dense", "units": "classes"}], ids)
    with torch.no_grad():
        network.embedding1.table.zero_()
        for token, next_token in after.items():
            network.embedding1.table[0, token, next_token] = 1e4
        network.dense1.kernel[0] = torch.eye(ids)
        network.dense1.bias.zero_()
    return network


def test_what_is_certain_is_written():
    network = chain({START: 4, 4: 5, 5: 6, 6: END, 7: 7, UNKNOWN: UNKNOWN})
    prompts = [[START], [START, 4], [START, 6], [START, 4, 5, 6], [START, 6, 6, 6, 6, 5], [START, 7], [UNKNOWN], [5, 4]]
    expected = [[4, 5, 6], [5, 6], [], [], [6], [7] * 9, [UNKNOWN] * 9, [5, 6]]
    assert continued(network, prompts, END, 9, 1.0, stream(0, "samples")) == expected
    # An end within a prompt ends nothing, and no more is written than asked for
    shorter = continued(network, [[START], [START, END, 4], [7]], END, 2, 1.0, stream(0, "samples"))
    assert shorter == [[4, 5], [5, 6], [7, 7]]


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_tokens_are_drawn_with_the_probabilities_of_the_softmax(temperature: float):
    network = chain({})
    logits = torch.tensor([-1.0, 0.5, 0.0, 1.0, 2.0, -0.5, 0.3, 1.5])
    with torch.no_grad():
        network.dense1.bias[0] = logits
    count = 20_000
    drawn = continued(network, [[START]] * count, END, 1, temperature, stream(1, "samples"))
    found = np.bincount([tokens[0] if tokens else END for tokens in drawn], minlength=8) / count
    expected = torch.softmax(logits / temperature, 0).numpy()
    assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / count))


def lstm(layers: int = 2, runs: int = 1) -> Network:
    """An LSTM whose next token depends on all that came before."""
    network = network_of(model(7, 9, layers), 8, runs)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(10)
    return network


def test_step_by_step_equals_the_whole_pass():
    network = lstm(runs=2)
    ids = torch.randint(0, 8, (2, 5, 12), generator=torch.Generator().manual_seed(1), dtype=torch.int32)
    whole = network(ids)
    for lengths in ([1] * 12, [3, 1, 8], [12]):
        parts, states = [], None
        for part in ids.split(lengths, dim=2):
            outputs, states = network.step(part, states)
            parts.append(outputs)
        torch.testing.assert_close(torch.cat(parts, dim=2), whole, rtol=0, atol=1e-6)


def greedy(network: Network, prompt: list[int], most: int) -> list[int]:
    """What follows by passing the whole text through the network again for each token."""
    written: list[int] = []
    while len(written) < most:
        token = int(network(torch.tensor([[prompt + written]]))[0, 0, -1].argmax())
        if token == END:
            break
        written.append(token)
    return written


def test_prompts_are_continued_together_as_alone():
    network, random = lstm(), np.random.default_rng(2)
    with torch.no_grad():
        network.dense1.bias[0, END] += 4
    prompts = [[START, *random.integers(4, 8, length).tolist()] for length in (0, 1, 2, 3, 5, 8, 13, 13)]
    together = continued(network, prompts, END, 10, 1e-6, stream(0, "samples"))
    assert together == [greedy(network, prompt, 10) for prompt in prompts]
    assert together == [continued(network, [prompt], END, 10, 1e-6, stream(5, "samples"))[0] for prompt in prompts]
    assert len({tuple(text) for text in together}) > 3
    assert {len(text) == 10 for text in together} == {True, False}, "none ended, or none had to be cut"


@every_language
def test_prompts_samples_and_verdicts(name: str):
    this = made(name, prompts=4, samples=3, long_prompts=5)
    state, language = RunState(0), language_of(this)
    alone(this, state, 3)
    training = ["".join(language.symbols[token - FIRST] for token in text[1:-1]) for text in texts(this, "train")]
    seen = set()
    for epoch, row in enumerate(state.history, 1):
        of_epoch = [sample for sample in state.samples if sample["epoch"] == epoch]
        prompted, long = ([s for s in of_epoch if s["kind"] == kind] for kind in ("prompted", "long"))
        assert (len(prompted), len(long)) == (12, 5)
        prompts = [sample["prompt"] for sample in prompted]
        assert prompts == [prompt for prompt in prompts[::3] for _ in range(3)]
        assert all(any(text.startswith(prompt) and text != prompt for text in training) for prompt in prompts)
        seen.add(tuple(prompts))
        for sample in of_epoch:
            assert sample["text"].startswith(sample["prompt"])
            assert len(sample["text"]) - len(sample["prompt"]) <= READING["sample_length"]
            assert sample["first_error"] == language.first_error(sample["text"])
        for kind, samples in (("prompted", prompted), ("long", long)):
            share = sum(sample["first_error"] is None for sample in samples) / len(samples)
            assert row[f"valid_{kind}"] == pytest.approx(share)
        assert row["valid_free"] * READING["free_samples"] == pytest.approx(round(row["valid_free"] * 5))
    assert len(seen) == 1, "all epochs have the same prompts"
    other = RunState(1)
    alone(this, other, 1)
    assert seen == {tuple(sample["prompt"] for sample in other.samples if sample["kind"] == "prompted")}


@every_language
def test_long_prompts_are_longer_than_any_training_text_and_can_go_on(name: str):
    this = made(name, long_prompts=8)
    state, language = alone(this, RunState(0), 2), language_of(this)
    longest = max(len(text) - 2 for text in texts(this, "train"))
    first, second = (
        [sample["prompt"] for sample in state.samples if (sample["kind"], sample["epoch"]) == ("long", epoch)]
        for epoch in (1, 2)
    )
    assert first == second
    assert len(set(first)) > 1
    for prompt in first:
        assert len(prompt) > longest
        assert language.first_error(prompt) in (None, len(prompt))
        assert set(language.next_probabilities(prompt)) != {NOTHING}


# What cannot be done


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"cell": "rnn"}, "an LSTM only, not by rnn"),
        ({"cell": "gru"}, "an LSTM only, not by gru"),
        ({"recurrent_activation": "hard_sigmoid"}, "an LSTM with the usual sigmoid only"),
    ],
)
def test_other_cells_than_the_lstm_are_refused_before_training(settings: dict, complaint: str):
    layers = model()
    layers[1] |= settings
    this = made("ndfa", network=layers)
    with pytest.raises(UserError, match=f"the network 'n' cannot be built: texts are continued by {complaint};"):
        job.make_trainer(this, [RunState(0)], load(this, CPU))


def test_a_network_that_gives_its_last_state_only_is_refused():
    layers = model()
    layers[1]["output"] = "last"
    this = made("ndfa", network=layers)
    with pytest.raises(UserError, match="ends with shape"):
        job.make_trainer(this, [RunState(0)], load(this, CPU))


def test_a_run_that_diverges_ends_with_what_it_wrote(tmp_path):
    this, data = made("ndfa", epochs=1), load(made("ndfa"), CPU)
    states = [RunState(0), RunState(1)]
    for state in states:
        trainer = job.make_trainer(this, [state], data)
        if state.seed:
            with torch.no_grad():
                trainer.learner.network.dense1.bias.fill_(math.nan)
        trainer.advance()
        trainer.save()
    assert [state.diverged for state in states] == [False, True]
    samples = [sample for sample in states[1].samples if sample["kind"] == "prompted"]
    assert all(sample["text"] == sample["prompt"] for sample in samples)
    cell = type(
        "Cell",
        (),
        {"study": "s", "experiment": "e", "name": "n", "varying": {}, "scale": "t", "seeds": (0, 1), "code": "c"},
    )
    results.write(tmp_path / "cell", cell, this, states, data.evaluation_targets.numpy(), [])
    assert all((tmp_path / "cell" / name).exists() for name in (HISTORY, PREDICTIONS, RECORD))
