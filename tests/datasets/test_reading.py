"""What a network reads of a text: ids that begin with fitted word vectors, and ids of n-grams."""

from collections import Counter

import numpy as np
import pytest
import torch
from regrade.datasets import registry
from regrade.datasets.identity import DataIdentity
from regrade.datasets.prepared import Prepared
from regrade.datasets.text import word_vectors
from regrade.datasets.text.ngrams import Ngrams
from regrade.datasets.text.ragged import Ragged
from regrade.models.network import Network
from regrade.training.loading import load
from support.runs import CPU, configuration, context

pytestmark = pytest.mark.usefixtures("elsewhere", "double")


def reviews_on_disk(reading: dict, vectors: np.ndarray | None = None) -> DataIdentity:
    """Three reviews of a vocabulary of five words to train on, one to test on."""
    fitted = {"size": vectors.shape[1]} if vectors is not None else None
    how = registry.reading_of("imdb", reading, "here")
    identity = DataIdentity(dataset="imdb", data="stand_in", reading=how, word_vectors=fitted)
    Prepared(
        train_inputs=Ragged.of([[0, 1, 2, 0, 1], [4, 0, 1, 3], [3, 2]]),
        train_targets=np.array([0, 1, 0]),
        test_inputs=Ragged.of([[0, 1, -1, 0, 1, 2]]),
        test_targets=np.array([1]),
        classes=["negative", "positive"],
        source="five words",
        vocabulary=["the", "film", "is", "so", "bad"],
    ).save(identity.folder, {})
    if vectors is not None:
        fitted = word_vectors.Fitted(vectors, len(vectors), "made up")
        word_vectors.save(fitted, identity.word_vectors_folder, {})
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


@pytest.mark.parametrize("held", [0, 1])
def test_held_out_reviews_take_no_part_in_the_ngrams(held: int):
    """The third of the training reviews alone has "so is"."""
    identity = reviews_on_disk({"ngrams": 2})
    data = load(configuration([{"kind": "bag", "units": 2}], identity, dataset="imdb", validation_rows=held), CPU)
    pairs = {("the", "film"), ("film", "is"), ("is", "the"), ("bad", "the"), ("film", "so")}
    assert data.vocabulary_size == 9 + len(pairs) + (not held)
    if held:
        assert data.evaluation_inputs.tolist() == [[0] * (data.evaluation_inputs.shape[1] - 3) + [1, 7, 6]]
    assert len(data.train_inputs) == 3 - held


@pytest.mark.parametrize("held", [0, 1])
def test_whole_texts_are_held_out_whole(held: int):
    identity = reviews_on_disk({"end_token": True})
    layers = [{"kind": "embedding", "units": 3}, {"kind": "maximum_over_steps"}]
    changes = {"batch_size": None, "batch_tokens": 20, "validation_rows": held}
    data = load(configuration(layers, identity, dataset="imdb", **changes), CPU)
    assert data.train_lengths.tolist() == [7, 6, 4][: 3 - held]
    assert data.evaluation_lengths.tolist() == ([4] if held else [8])
    assert data.evaluation_inputs.tolist() == ([[1, 7, 6, 3]] if held else [[1, 4, 5, 2, 4, 5, 6, 3]])


def test_the_mnist_of_the_course_is_held_out_in_the_order_of_the_file():
    """Rows 0 to 49,999 to train on, 50,000 to 59,999 to evaluate."""
    numbers = np.arange(60_000)
    images = np.zeros((60_000, 1, 28, 28), dtype=np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = numbers // 256, numbers % 256
    identity = DataIdentity(dataset="mnist", data="real")
    few = np.zeros(1, dtype=np.int64)
    digits = [str(digit) for digit in range(10)]
    Prepared(images, numbers % 10, images[:1], few, digits, "numbered images").save(identity.folder, {})
    layers = [{"kind": "rescale", "divisor": 255}, {"kind": "flatten"}]
    data = load(configuration(layers, identity, dataset="mnist", validation_rows=10_000), CPU)
    for inputs, targets, expected in (
        (data.train_inputs, data.train_targets, numbers[:50_000]),
        (data.evaluation_inputs, data.evaluation_targets, numbers[50_000:]),
    ):
        found = inputs[:, 0, 0, 0].int() * 256 + inputs[:, 0, 0, 1].int()
        np.testing.assert_array_equal(found.numpy(), expected)
        np.testing.assert_array_equal(targets.numpy(), expected % 10)


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
