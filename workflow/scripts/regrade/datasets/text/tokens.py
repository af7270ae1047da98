"""Texts as rows of ids, and the plain way to split them into characters or words.

Id 0 is padding and whatever the vocabulary does not know.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection

import numpy as np

from regrade.core.errors import UserError

# Ids of characters stay below 256, the width of their one-hot vectors
CHARACTERS = 255


def characters(text: str) -> list[str]:
    """The characters of a text, without the white space around it."""
    return list(text.strip())


def words(text: str) -> list[str]:
    """The words of a text in small letters; a mark of punctuation is a word of its own."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def vocabulary(train: list[str], test: list[str], level: str, where: str) -> list[str]:
    """What each id stands for in texts of this level; "", for padding and unknown, comes first.

    word: all words of the training texts, the frequent ones first, equals by alphabet. char: their 255 most frequent
    characters (of equals the lower code points), by code point. The test texts have no say. UserError, naming `where`,
    when there are fewer than two.
    """
    counts = Counter(token for text in train for token in SPLIT[level](text))
    require_two(counts, level, where)
    frequent = sorted(counts, key=lambda token: (-counts[token], token))
    return ["", *(sorted(frequent[:CHARACTERS]) if level == "char" else frequent)]


def require_two(tokens: Collection[str], level: str, where: str) -> None:
    """UserError, naming `where`, when there are fewer than two different tokens."""
    if len(tokens) < 2:
        only = f"nothing but {''.join(tokens)[:40]!r}"
        raise UserError(f"{where}: the {level}s of its texts are {only}; get files with more text")


def encode(rows: list[list[str]], known: list[str], max_length: int) -> np.ndarray:
    """Ids in the vocabulary `known` of each row's first `max_length` tokens, 0 after its end.

    Shape (rows, max_length), int32.
    """
    ids = {token: number for number, token in enumerate(known)}
    encoded = np.zeros((len(rows), max_length), dtype=np.int32)
    for row, tokens in zip(encoded, rows, strict=True):
        read = tokens[:max_length]
        row[: len(read)] = [ids.get(token, 0) for token in read]
    return encoded


# The tokens of a text, level by level
SPLIT: dict[str, Callable[[str], list[str]]] = {"char": characters, "word": words}
