"""Generated numbers, images and texts with classes that can be told apart: what stands in for one's own data."""

import numpy as np

from regrade.config.own_data import OwnOptions, StandIn

SOURCE = "generated stand-in (a cluster of rows per class), not the real data"
SEED = 31
# Standard deviation of what a class's rows have in common, in that of what they do not
SPREAD = 2.5
# Words of a text that are its class's own, and how many words there are
OWN_WORDS = 0.2
CLASS_WORDS, COMMON_WORDS = 10, 200
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ren",
    "tas",
    "vel",
    "dor",
    "an",
    "bri",
    "sto",
    "hal",
    "mer",
    "gon",
    "pel",
    "wick",
    "fu",
]


def names(options: OwnOptions, described: StandIn) -> list[str]:
    """The names of the classes: those of the real data where params.yaml lists them."""
    return [str(name) for name in options.classes or range(described.classes)]


def targets(described: StandIn) -> tuple[np.ndarray, np.ndarray]:
    """The classes of the training and of the test rows, shuffled: (rows,) int64 each, as many rows of each class."""
    draw = np.random.default_rng(SEED)
    rows = (described.train_rows, described.test_rows)
    train, test = (draw.permutation(np.arange(count) % described.classes) for count in rows)
    return train.astype(np.int64), test.astype(np.int64)


def numbers(of_class: np.ndarray, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Normally distributed points about the centre of each row's class, (rows, *shape) float32.

    `seed` draws the points; the centres are always the same.
    """
    centres = np.random.default_rng(SEED).normal(0, SPREAD, (int(of_class.max()) + 1, *shape))
    return (centres[of_class] + np.random.default_rng([SEED, seed]).normal(size=(len(of_class), *shape))).astype(
        np.float32
    )


def pixels(of_class: np.ndarray, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """A pattern of coarse squares for each class, in noise: (rows, *shape) uint8; squares are in the last two sides."""
    *channels, height, width = (1, *shape)
    coarse = (int(of_class.max()) + 1, *channels, -(-height // 4), -(-width // 4))
    patterns = np.random.default_rng(SEED).normal(0, SPREAD, coarse)
    patterns = patterns.repeat(4, axis=-2).repeat(4, axis=-1)[..., :height, :width]
    noise = np.random.default_rng([SEED, seed]).normal(size=(len(of_class), *shape))
    values = patterns[of_class].reshape(noise.shape) + noise
    return (values * 32 + 128).clip(0, 255).astype(np.uint8)


def texts(of_class: np.ndarray, words: int, seed: int) -> list[str]:
    """Texts of this many words, some of which only the text's class has."""
    draw = np.random.default_rng([SEED, seed])
    written = []
    for number in of_class:
        own = draw.random(words) < OWN_WORDS
        own[draw.integers(words)] = True
        ranks = np.where(
            own,
            COMMON_WORDS + CLASS_WORDS * number + draw.integers(CLASS_WORDS, size=words),
            draw.integers(COMMON_WORDS, size=words),
        )
        written.append(" ".join(map(_word, ranks)))
    return written


def _word(rank: int) -> str:
    """A word for each number: its digits in base 16 as syllables, the lowest first, at least two."""
    first, rank = _SYLLABLES[rank % 16], rank // 16
    return first + (_word(rank) if rank >= 16 else _SYLLABLES[rank])
