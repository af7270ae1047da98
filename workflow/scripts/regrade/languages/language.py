"""What the formal languages share."""

import math
from abc import ABC, abstractmethod

import numpy as np

# What follows the last symbol of a text
END = ""


class Language(ABC):
    """A set of texts, none of them empty, and a generator that gives each a probability.

    Each symbol is one character. The predicted tokens of a text are its symbols and its end: one more than its length.
    """

    symbols: tuple[str, ...]

    @abstractmethod
    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """So many independent texts from the generator."""

    @abstractmethod
    def first_error(self, text: str) -> int | None:
        """Index of the first symbol after which no continuation is valid any more.

        The length of the text if the only fault is that it ends too early, None if it is valid.
        """

    @abstractmethod
    def next_probabilities(self, prefix: str) -> dict[str, float]:
        """The generator's distribution over what follows `prefix`: a symbol, or END. Impossible ones are left out.

        ValueError if no valid text begins with `prefix`.
        """

    @abstractmethod
    def log_probability(self, text: str) -> float:
        """Natural logarithm of the probability that the generator makes this text; -inf if it never does."""

    @abstractmethod
    def entropy(self) -> float:
        """Entropy of a whole text, in nats: the mean of -log_probability over the generator's texts."""

    @abstractmethod
    def expected_length(self) -> float:
        """Mean number of symbols of a text, its end not counted."""

    def accepts(self, text: str) -> bool:
        """Whether the text belongs to the language."""
        return self.first_error(text) is None

    def entropy_per_token(self) -> float:
        """The floor of a language model's loss, in nats per predicted token.

        A model's loss is a mean over tokens, not over texts: the sum of -ln q over the tokens of many texts, divided by
        their number. Over n texts both grow like n times their means per text, so that the loss tends to (cross entropy
        of a text) / (expected_length + 1). A text's cross entropy is its entropy plus a Kullback-Leibler divergence,
        which is zero only for q = next_probabilities (Cover and Thomas, Elements of Information Theory, 2006, theorems
        2.5.1 and 2.6.3). A finite sample has a floor of its own beside this one: its mean -log_probability per token.
        """
        return self.entropy() / (self.expected_length() + 1)

    def _require_prefix(self, text: str) -> None:
        if self.first_error(text) not in (None, len(text)):
            raise ValueError(f"no text of the language begins with {text!r}")


def binary_entropy(probability: float) -> float:
    """Entropy of a decision with two outcomes, in nats; 0 if it is certain."""
    return -sum(p * math.log(p) for p in (probability, 1 - probability) if p > 0)
