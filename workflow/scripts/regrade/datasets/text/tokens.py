"""Texts as rows of ids. Id 0 is padding and whatever the vocabulary does not know."""

import re
from collections import Counter
from collections.abc import Callable

import numpy as np

from regrade.core.errors import UserError

# Ids of characters stay below 256, the width of their one-hot vectors
CHARACTERS = 255


def words(text: str) -> list[str]:
    """The words of a text in small letters; a mark of punctuation is a word of its own."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def vocabulary(texts: list[str], level: str, where: str) -> list[str]:
    """What each id stands for in texts of this level; "", for padding and unknown, comes first.

    word: all words of `texts`, the frequent ones first, equals by alphabet. char: the 255 most frequent characters (of
    equals the lower code points), by code point. UserError, naming `where`, when there are fewer than two.
    """
    counts = Counter(token for text in texts for token in SPLIT[level](text))
    if len(counts) < 2:
        seen = f"nothing but {''.join(counts)[:40]!r}"
        raise UserError(f"{where}: the {level}s of the training texts are {seen}; get files with more text")
    frequent = sorted(counts, key=lambda token: (-counts[token], token))
    return ["", *(sorted(frequent[:CHARACTERS]) if level == "char" else frequent)]


def encode(texts: list[str], level: str, known: list[str], max_length: int) -> np.ndarray:
    """Ids in the vocabulary `known` of each text's first `max_length` tokens, 0 after its end.

    Shape (texts, max_length), int32.
    """
    ids = {token: number for number, token in enumerate(known)}
    rows = np.zeros((len(texts), max_length), dtype=np.int32)
    for row, text in zip(rows, texts, strict=True):
        tokens = SPLIT[level](text)[:max_length]
        row[: len(tokens)] = [ids.get(token, 0) for token in tokens]
    return rows


# The tokens of a text, level by level
SPLIT: dict[str, Callable[[str], list[str]]] = {"char": list, "word": words}
