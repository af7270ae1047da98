"""Texts of a formal language, drawn from its generator: what the datasets ndfa and brackets have in common."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from regrade.config.options import DatasetOptions, Many
from regrade.datasets.prepared import Prepared
from regrade.datasets.text import reading
from regrade.datasets.text.ragged import Ragged
from regrade.languages.language import Language

SPECIAL = [".pad", ".start", ".unk", ".end"]


class FormalOptions(DatasetOptions):
    """How texts are drawn."""

    train_texts: Many
    """Texts drawn for training."""
    test_texts: Many
    """Texts drawn for testing."""
    draw_seed: Annotated[int, Field(ge=0, lt=2**32)]
    """Random seed that draws the texts."""


class FormalReading(reading.Reading):
    """What a network is asked to write after each evaluation. It reads texts whole, as they are."""

    end_token: Literal[True] = True
    max_length: None = None
    vocab_size: None = None
    drop_unseen_words: Literal[False] = False
    ngrams: Literal[1] = 1
    prompts: Many
    """Beginnings of training texts that are continued, of as many lengths as there can be."""
    shortest_prompt: Many
    """Symbols of the shortest of them."""
    longest_prompt: Many
    """Symbols of the longest of them; the lengths between grow by equal ratios."""
    samples: Many
    """Continuations of each prompt."""
    free_samples: Many
    """Texts written from the start."""
    long_prompts: Many
    """Beginnings longer than any training text, each continued once."""
    sample_length: Many
    """Most symbols written after a prompt."""
    temperature: Annotated[float, Field(ge=0.001, le=1000)]
    """What the logits are divided by."""


def generate(language: Language, options: FormalOptions) -> Prepared:
    """Texts as ragged rows of symbol numbers; the same options always give the same. There are no targets but zeros."""
    random = np.random.default_rng(options.draw_seed)
    numbers = {symbol: number for number, symbol in enumerate(language.symbols)}
    rows = [
        Ragged.of([numbers[symbol] for symbol in text] for text in language.draw(count, random))
        for count in (options.train_texts, options.test_texts)
    ]
    return Prepared(
        train_inputs=rows[0],
        train_targets=np.zeros(len(rows[0]), dtype=np.int64),
        test_inputs=rows[1],
        test_targets=np.zeros(len(rows[1]), dtype=np.int64),
        classes=[*SPECIAL, *language.symbols],
        source=f"texts drawn from the generator of the formal language {type(language).__name__.lower()}",
        vocabulary=list(language.symbols),
    )
