"""Beginnings of texts, for a network to continue."""

import numpy as np

from regrade.languages.language import END, Language


def prompts(
    language: Language, texts: list[str], count: int, shortest: int, longest: int, rng: np.random.Generator
) -> list[str]:
    """Beginnings of `texts`, cut before the end: `count` of them, from `shortest` to `longest` symbols by equal ratios.

    None is a valid text itself, and none is there twice unless all of its length are. Where no text has a beginning of
    a length, it is the next shorter one that there is.
    """
    drawn: list[str] = []
    for length in np.geomspace(shortest, longest, count).round().astype(int):
        possible = _beginnings(language, texts, length)
        unused = [beginning for beginning in possible if beginning not in drawn] or possible
        drawn.append(unused[rng.integers(len(unused))])
    return drawn


def _beginnings(language: Language, texts: list[str], length: int) -> list[str]:
    """The different beginnings of this length, or else the next shorter one, that are not valid texts themselves.

    Every text of more than one symbol has one: its first symbol.
    """
    for size in range(min(length, max(map(len, texts)) - 1), 0, -1):
        beginnings = {text[:size] for text in texts if len(text) > size}
        if unfinished := sorted(beginning for beginning in beginnings if not language.accepts(beginning)):
            return unfinished
    raise ValueError("no text can be cut")


def long_prefix(language: Language, length: int, rng: np.random.Generator) -> str:
    """A beginning of a text, of this length, after which the text can still go on: what the generator does if made to.

    Each symbol is drawn from `next_probabilities` without the end and without what would leave the end alone.
    """
    text = ""
    while len(text) < length:
        possible = {symbol: p for symbol, p in language.next_probabilities(text).items() if symbol != END}
        going_on = [symbol for symbol in possible if set(language.next_probabilities(text + symbol)) != {END}]
        weights = np.array([possible[symbol] for symbol in going_on])
        text += going_on[rng.choice(len(going_on), p=weights / weights.sum())]
    return text
