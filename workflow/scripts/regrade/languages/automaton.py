"""s, then one of three words any number of times, then s: ss, sabc!s, sklm!klm!s. A regular language."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from regrade.config.options import DatasetOptions
from regrade.languages.language import END, Language, binary_entropy

WORDS = ("abc!", "uvw!", "klm!")
START, OPENED, CLOSED = "start", "opened", "closed"


class Options(DatasetOptions):
    """What follows in a text, unless it is certain."""

    another_word: Annotated[float, Field(gt=0, lt=1)]
    """Probability that, after the first s or a whole word, a word follows instead of the last s."""


class Ndfa(Language):
    """One word out of WORDS, all equally likely, repeated a geometrically distributed number of times between two s.

    It is always the same word that repeats. Were the word chosen before the first s, ss could come about in three ways;
    this automaton is deterministic, so that each text has one path.
    """

    symbols = ("s", *sorted(set("".join(WORDS))))

    def __init__(self, options: Options):
        self._another = options.another_word
        self._targets: dict[str, dict[str, str]] = {CLOSED: {}}
        for state, symbol, target in self.describe():
            self._targets.setdefault(state, {})[symbol] = target

    @staticmethod
    def describe() -> list[tuple[str, str, str]]:
        """The automaton's edges: a state, a symbol, and the state that it leads to. From START; CLOSED accepts.

        A state within a word is named by what has been read of the word.
        """
        edges = [(START, "s", OPENED), (OPENED, "s", CLOSED)]
        for word in WORDS:
            edges += [(word[:place] or OPENED, symbol, word[: place + 1]) for place, symbol in enumerate(word)]
            edges += [(word, word[0], word[0]), (word, "s", CLOSED)]
        return edges

    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """So many independent texts from the generator."""
        repetitions = rng.geometric(1 - self._another, count) - 1
        words = rng.integers(len(WORDS), size=count)
        return [f"s{WORDS[word] * times}s" for word, times in zip(words, repetitions, strict=True)]

    def first_error(self, text: str) -> int | None:
        """See `Language`. From every state a path leads to CLOSED, so an error is a symbol without an edge."""
        state = START
        for place, symbol in enumerate(text):
            if symbol not in self._targets[state]:
                return place
            state = self._targets[state][symbol]
        return None if state == CLOSED else len(text)

    def next_probabilities(self, prefix: str) -> dict[str, float]:
        """See `Language`. There is a choice after the first s and after each word; all else is certain."""
        self._require_prefix(prefix)
        state = START
        for symbol in prefix:
            state = self._targets[state][symbol]
        possible = list(self._targets[state]) or [END]
        if len(possible) == 1:
            return {possible[0]: 1.0}
        words = [symbol for symbol in possible if symbol != "s"]
        return {"s": 1 - self._another} | dict.fromkeys(words, self._another / len(words))

    def log_probability(self, text: str) -> float:
        """See `Language`. With n words: (1 - a) a^n, where a = another_word, and a third of it if n > 0."""
        if not self.accepts(text):
            return -math.inf
        repetitions = (len(text) - 2) // len(WORDS[0])
        which = math.log(len(WORDS)) if repetitions else 0.0
        return math.log(1 - self._another) + repetitions * math.log(self._another) - which

    def entropy(self) -> float:
        """Entropy of a text, in nats: h(a) / (1 - a) + a ln 3, where a = another_word and h is the binary entropy.

        A text says the number N of its words and, if N > 0, which word; nothing else varies. The chain rule (Cover and
        Thomas, Elements of Information Theory, 2006, theorem 2.5.1) gives H(N) + P(N > 0) ln 3. N is the number of
        yes before the first no in decisions of entropy h(a) each, 1 / (1 - a) of them on average, and P(N > 0) = a.
        """
        a = self._another
        return binary_entropy(a) / (1 - a) + a * math.log(len(WORDS))

    def expected_length(self) -> float:
        """Mean number of symbols: the two s, and a / (1 - a) words of four, where a = another_word."""
        return 2 + len(WORDS[0]) * self._another / (1 - self._another)
