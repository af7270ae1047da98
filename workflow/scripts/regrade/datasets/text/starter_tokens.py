"""Texts as the starter code of the CE4042 course reads them (2020): what is kept, and what counts as a word.

Both levels keep letters without accents, digits, spaces and ^ , . ' only; all else is dropped without a trace, so that
"well-known" is "wellknown" and "café" is "caf". The vocabulary is that of the training and the test texts, and nothing
is unknown.
"""

import re
from collections import Counter
from collections.abc import Callable

from regrade.datasets.text.tokens import require_two

SPACE, PADDING, UNKNOWN, END = " ", "<pad>", "<unk>", "<eos>"

_DROPPED = re.compile(r"[^a-zA-Z0-9^,.' ]")
# How NLTK 3.5's word_tokenize, which the starter code calls, splits what is left: the rules of the Penn Treebank that
# texts of small letters, digits, commas, apostrophes and single spaces can meet, in its order
_BEFORE_PADDING = (
    (r" ''", " `` "),
    (r"'(?!re|ve|ll|m|t|s|d)(\w)\b", r"' \1"),
    (r",(\D)", r" , \1"),
    (r",$", " , "),
    (r"([^'])' ", r"\1 ' "),
)
_AFTER_PADDING = (
    (r"(\S)''", r"\1 '' "),
    (r"([^' ])('[smd]|') ", r"\1 \2 "),
    (r"([^' ])('ll|'re|'ve|n't) ", r"\1 \2 "),
    (r"\b(can)(not)\b", r" \1 \2 "),
    (r"\b(d)('ye)\b", r" \1 \2 "),
    (r"\b(gim|lem)(me)\b", r" \1 \2 "),
    (r"\b(gon)(na)\b", r" \1 \2 "),
    (r"\b(got)(ta)\b", r" \1 \2 "),
    (r"\b(mor)('n)\b", r" \1 \2 "),
    (r"\b(wan)(na)\s", r" \1 \2 "),
    (r" ('t)(is)\b", r" \1 \2 "),
    (r" ('t)(was)\b", r" \1 \2 "),
)


def characters(text: str) -> list[str]:
    """The characters of a text in small letters."""
    return list(_kept(text))


def words(text: str) -> list[str]:
    """The words of a text in small letters, and END. Full stops and ^ are spaces; a comma or a clitic is a word."""
    text = " ".join(re.sub(r"[.^]", " ", _kept(text)).split())
    text = f" {_replaced(text, _BEFORE_PADDING)} "
    return [*_replaced(text, _AFTER_PADDING).split(), END]


def vocabulary(train: list[str], test: list[str], level: str, where: str) -> list[str]:
    """What each id stands for in texts of this level; what rows are padded with comes first.

    char: the space, then the others by code point. word: PADDING, UNKNOWN, END, then the frequent words first, equals
    in the order of their first appearance. UserError, naming `where`, when there are fewer than two.
    """
    counts = Counter(token for text in (*train, *test) for token in SPLIT[level](text))
    special = [SPACE] if level == "char" else [PADDING, UNKNOWN, END]
    own = [token for token, _ in counts.most_common() if token not in special]
    require_two(own, level, where)
    return [*special, *(sorted(own) if level == "char" else own)]


def _kept(text: str) -> str:
    return _DROPPED.sub("", text).lower()


def _replaced(text: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    return text


# The tokens of a text, level by level
SPLIT: dict[str, Callable[[str], list[str]]] = {"char": characters, "word": words}
