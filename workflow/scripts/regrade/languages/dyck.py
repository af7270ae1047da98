"""Balanced brackets: (), (()), (()(())). A context-free language."""

import math
from itertools import accumulate
from typing import Annotated

import numpy as np
from pydantic import Field

from regrade.config.options import DatasetOptions
from regrade.languages.language import END, Language, binary_entropy


class Options(DatasetOptions):
    """What follows in a text, unless it is certain."""

    pair_inside: Annotated[float, Field(gt=0, lt=0.5)]
    """Probability that the next symbol within a pair opens another one instead of closing it. From 1/2 on, the mean
    length would be infinite.
    """
    pair_after: Annotated[float, Field(ge=0, lt=1)]
    """Probability that another pair follows when an outermost one has closed. With 0 a text is one outermost pair and
    what is in it.
    """


class Brackets(Language):
    """All balanced texts but the empty one, with probabilities from a context-free grammar.

    With i = pair_inside and a = pair_after::

        S -> ( T ) R    always             a text
        R -> S          probability a      after an outermost pair
           | nothing    probability 1 - a
        T -> ( T ) T    probability i      what is left of the inside of a pair
           | nothing    probability 1 - i

    The next symbol tells which rule was used, so each text has exactly one derivation and its probability is that of
    the derivation. With a = 0 texts of several outermost pairs are still accepted, though the generator makes none: the
    source's judge accepts them, too.
    """

    symbols = ("(", ")")

    def __init__(self, options: Options):
        self._inside = options.pair_inside
        self._after = options.pair_after

    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """So many independent texts from the generator."""
        pairs = rng.geometric(1 - self._after, count)
        return ["".join(self._outermost_pair(rng) for _ in range(number)) for number in pairs]

    def first_error(self, text: str) -> int | None:
        """See `Language`. Any text in which no bracket closes too early can still be completed."""
        depth = 0
        for place, symbol in enumerate(text):
            if symbol not in _STEP or depth + _STEP[symbol] < 0:
                return place
            depth += _STEP[symbol]
        return None if text and depth == 0 else len(text)

    def next_probabilities(self, prefix: str) -> dict[str, float]:
        """See `Language`. Only the depth counts, and whether anything came before.

        Expanding from the left, what is left to expand after a prefix of depth d > 0 is T ) T ) ... R, with d times T:
        an opening bracket leaves T inside its pair, a closing one uncovers the T behind it. So T decides next, whatever
        came before: another pair, or nothing and then the closing bracket. At depth 0 what is left is R, or S at first.
        """
        self._require_prefix(prefix)
        if not prefix:
            return {"(": 1.0}
        if prefix.count("(") > prefix.count(")"):
            return {"(": self._inside, ")": 1 - self._inside}
        return {END: 1 - self._after} | ({"(": self._after} if self._after else {})

    def log_probability(self, text: str) -> float:
        """See `Language`. With n pairs, m of them outermost: i^(n - m) (1 - i)^n a^(m - 1) (1 - a).

        Each T that opens a pair makes one of the n - m inner ones, each T that does not closes one of n, and each R but
        the last makes one of the outermost pairs after the first.
        """
        if not self.accepts(text):
            return -math.inf
        pairs = len(text) // 2
        outermost = list(accumulate(_STEP[symbol] for symbol in text)).count(0)
        if self._after == 0 and outermost > 1:
            return -math.inf
        inside = (pairs - outermost) * math.log(self._inside) + pairs * math.log(1 - self._inside)
        more = (outermost - 1) * math.log(self._after) if outermost > 1 else 0.0
        return inside + more + math.log(1 - self._after)

    def entropy(self) -> float:
        """Entropy of a text, in nats: (h(i) / (1 - 2i) + h(a)) / (1 - a), where h is the binary entropy.

        With one derivation per text, the entropy of what a nonterminal makes is that of the choice of its rule plus the
        expected entropies of the rule's nonterminals (Grenander, Syntax-controlled probabilities, 1967; Chi,
        Computational Linguistics 25, 1999): H_T = h(i) + 2i H_T, H_R = h(a) + a H_S, H_S = H_T + H_R. Solve for H_S.
        """
        inside = binary_entropy(self._inside) / (1 - 2 * self._inside)
        return (inside + binary_entropy(self._after)) / (1 - self._after)

    def expected_length(self) -> float:
        """Mean number of symbols: 2 (1 - i) / ((1 - 2i) (1 - a)).

        By the same recursion: L_T = i (2 + 2 L_T), L_S = 2 + L_T + a L_S.
        """
        return 2 * (1 - self._inside) / ((1 - 2 * self._inside) * (1 - self._after))

    def _outermost_pair(self, rng: np.random.Generator) -> str:
        symbols, depth = ["("], 1
        while depth:
            symbols.append("(" if rng.random() < self._inside else ")")
            depth += _STEP[symbols[-1]]
        return "".join(symbols)


_STEP = {"(": 1, ")": -1}
