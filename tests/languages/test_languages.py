"""The formal languages: what they accept, and their probabilities and entropies by other ways of counting."""

import itertools
import math
import re

import numpy as np
import pytest
from pydantic import ValidationError
from regrade.languages import automaton, dyck
from regrade.languages.automaton import WORDS, Ndfa
from regrade.languages.dyck import Brackets
from regrade.languages.language import END, Language

LANGUAGES = {
    "ndfa": Ndfa(automaton.Options(another_word=0.7)),
    "brackets": Brackets(dyck.Options(pair_inside=0.4, pair_after=0.3)),
    "one outermost pair": Brackets(dyck.Options(pair_inside=0.4, pair_after=0)),
}
every_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES.keys())
NDFA, BRACKETS, ONE_PAIR = LANGUAGES.values()


def random() -> np.random.Generator:
    return np.random.default_rng(3)


def is_ndfa(text: str) -> bool:
    """Membership by a regular expression."""
    return re.fullmatch(r"s((abc!)*|(uvw!)*|(klm!)*)s", text) is not None


def is_balanced(text: str) -> bool:
    """Membership by taking pairs away until nothing changes."""
    left = text
    while "()" in left:
        left = left.replace("()", "")
    return text != "" and left == ""


def texts_up_to(length: int, symbols: str) -> list[str]:
    return ["".join(text) for n in range(length + 1) for text in itertools.product(symbols, repeat=n)]


@every_language
def test_draws_are_repeatable_accepted_and_made_of_the_symbols(language: Language):
    texts = language.draw(2000, random())
    assert texts == language.draw(2000, random())
    assert len(texts) == 2000
    assert all(language.accepts(text) for text in texts)
    assert set("".join(texts)) == set(language.symbols)
    assert len(set(language.symbols)) == len(language.symbols)


@every_language
def test_probabilities_of_next_tokens_multiply_to_the_probability_of_the_text(language: Language):
    for text in set(language.draw(500, random())):
        steps = [language.next_probabilities(text[:place]) for place in range(len(text) + 1)]
        assert all(sum(step.values()) == pytest.approx(1, abs=1e-12) for step in steps)
        chain = sum(math.log(step[token]) for step, token in zip(steps, [*text, END], strict=True))
        assert chain == pytest.approx(language.log_probability(text), abs=1e-9)


@every_language
def test_next_tokens_are_those_that_leave_a_valid_prefix(language: Language):
    """An impossible token is an error at its place; END is possible after valid texts only."""
    for text in language.draw(200, random()):
        for place in range(len(text)):
            prefix, possible = text[:place], language.next_probabilities(text[:place])
            assert (END in possible) == language.accepts(prefix)
            for symbol in language.symbols:
                fails = language.first_error(prefix + symbol) == place
                unused = language is ONE_PAIR and language.accepts(prefix)
                assert fails == (symbol not in possible) or unused


@every_language
def test_frequencies_of_draws_are_the_probabilities(language: Language):
    draws = language.draw(20_000, random())
    for text in ["s" + word * 2 + "s" for word in WORDS] + ["ss", "()", "(())", "()()", "(()())", "()(())"]:
        probability = math.exp(language.log_probability(text))
        error = math.sqrt(probability * (1 - probability) / len(draws))
        assert abs(draws.count(text) / len(draws) - probability) <= 4 * error


@every_language
def test_entropy_and_length_against_draws(language: Language):
    texts = language.draw(50_000, random())
    losses = -np.array([language.log_probability(text) for text in texts])
    lengths = np.array([len(text) for text in texts])
    root = math.sqrt(len(texts))
    assert abs(losses.mean() - language.entropy()) < 4 * losses.std() / root
    assert abs(lengths.mean() - language.expected_length()) < 4 * lengths.std() / root
    # The error of a ratio of means, by the delta method
    floor = language.entropy_per_token()
    error = (losses - floor * (lengths + 1)).std() / root / (lengths + 1).mean()
    assert abs(losses.sum() / (lengths + 1).sum() - floor) < 4 * error


def test_ndfa_probabilities_by_enumeration():
    """All texts with at most `most` words, written down: their mass is that of the geometric distribution."""
    most = 60
    texts = ["ss"] + ["s" + word * times + "s" for word in WORDS for times in range(1, most + 1)]
    logs = np.array([NDFA.log_probability(text) for text in texts])
    probabilities = np.exp(logs)
    assert probabilities.sum() == pytest.approx(1 - 0.7 ** (most + 1), abs=1e-12)
    assert -(probabilities * logs).sum() == pytest.approx(NDFA.entropy(), abs=1e-6)
    assert probabilities @ [len(text) for text in texts] == pytest.approx(NDFA.expected_length(), abs=1e-6)


@pytest.mark.parametrize("after", [0, 0.3])
def test_brackets_probabilities_by_enumeration(after: float):
    """All texts of up to 16 brackets: for each length, their mass is that of the derivations, counted by recursion."""
    inside = 0.4
    language = Brackets(dyck.Options(pair_inside=inside, pair_after=after))
    # Mass of what T and S of the grammar make, by number of pairs
    t = [1 - inside]
    for n in range(1, 9):
        t.append(inside * sum(t[k] * t[n - 1 - k] for k in range(n)))
    s = [0.0]
    for n in range(1, 9):
        s.append(t[n - 1] * (1 - after) + after * sum(t[k - 1] * s[n - k] for k in range(1, n)))
    masses = [0.0] * 9
    for text in texts_up_to(16, "()"):
        masses[len(text) // 2] += math.exp(language.log_probability(text))
    assert masses == pytest.approx(s, abs=1e-12)


@pytest.mark.parametrize("probability", [0.1, 0.49])
def test_brackets_of_all_lengths_have_mass_entropy_and_length(probability: float):
    """One outermost pair of n pairs: a Catalan number of texts, equally likely. Summed far beyond what is ever drawn."""
    language = Brackets(dyck.Options(pair_inside=probability, pair_after=0))
    mass = entropy = length = 0.0
    texts = 1.0  # the Catalan number of n - 1 times probability^(n - 1) (1 - probability)^n, without overflow
    for n in range(1, 60_000):
        texts = 1 - probability if n == 1 else texts * probability * (1 - probability) * 2 * (2 * n - 3) / n
        log = (n - 1) * math.log(probability) + n * math.log(1 - probability)
        mass, entropy, length = mass + texts, entropy - texts * log, length + texts * 2 * n
    assert mass == pytest.approx(1, abs=1e-9)
    assert entropy == pytest.approx(language.entropy(), rel=1e-6)
    assert length == pytest.approx(language.expected_length(), rel=1e-6)


def test_acceptors_against_other_definitions():
    assert all(BRACKETS.accepts(text) == is_balanced(text) for text in texts_up_to(12, "()"))
    assert all(NDFA.accepts(text) == is_ndfa(text) for text in texts_up_to(6, "sabc!k"))
    changed = random()
    for text in NDFA.draw(1000, random()):
        place, symbol = changed.integers(len(text)), NDFA.symbols[changed.integers(len(NDFA.symbols))]
        mutant = text[:place] + symbol + text[place + 1 :]
        assert NDFA.accepts(mutant) == is_ndfa(mutant) == (mutant == text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 0),
        ("s", 1),
        ("ss", None),
        ("sss", 2),
        ("abc!s", 0),
        ("sabc!", 5),
        ("sabc!s", None),
        ("sabc!abc!s", None),
        ("sabc!uvw!s", 5),
        ("sabc!abcc!s", 8),
        ("sklmc!s", 4),
        ("sabs", 3),
        ("sa.s", 2),
    ],
)
def test_first_error_of_ndfa(text: str, place: int | None):
    """Two of these are the samples that the source counts as failed."""
    assert NDFA.first_error(text) == place
    assert math.isfinite(NDFA.log_probability(text)) == (place is None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 0),
        ("(", 1),
        (")", 0),
        ("()", None),
        ("())", 2),
        ("())(", 2),
        ("(()", 3),
        ("()(", 3),
        ("()()", None),
        ("(()(()))", None),
        ("(x)", 1),
    ],
)
def test_first_error_of_brackets(text: str, place: int | None):
    assert BRACKETS.first_error(text) == ONE_PAIR.first_error(text) == place
    assert math.isfinite(BRACKETS.log_probability(text)) == (place is None)


def test_one_outermost_pair_is_accepted_with_others_but_drawn_alone():
    assert ONE_PAIR.accepts("()()")
    assert ONE_PAIR.log_probability("()()") == -math.inf
    assert ONE_PAIR.next_probabilities("()") == {END: 1}
    assert BRACKETS.next_probabilities("()") == {END: 0.7, "(": 0.3}


@pytest.mark.parametrize(("language", "prefix"), [(NDFA, "sabc!u"), (NDFA, "sss"), (BRACKETS, "())")])
def test_nothing_follows_an_error(language: Language, prefix: str):
    with pytest.raises(ValueError, match=re.escape(f"begins with {prefix!r}")):
        language.next_probabilities(prefix)


def test_the_automaton_is_deterministic_and_reads_each_word_back_to_its_beginning():
    edges = Ndfa.describe()
    assert len({(state, symbol) for state, symbol, _ in edges}) == len(edges) == 2 + 3 * 6
    assert {state for edge in edges for state in edge[::2]} == {
        *("start", "opened", "closed"),
        *(word[:length] for word in WORDS for length in range(1, 5)),
    }
    assert ("opened", "u", "u") in edges
    assert ("uvw!", "u", "u") in edges
    assert ("uvw!", "s", "closed") in edges
    assert ("uvw!", "a", "a") not in edges


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (automaton.Options, {"another_word": 1.0}),
        (automaton.Options, {"another_word": 0.0}),
        (automaton.Options, {}),
        (dyck.Options, {"pair_inside": 0.5, "pair_after": 0.0}),
        (dyck.Options, {"pair_inside": 0.4, "pair_after": 1.0}),
        (dyck.Options, {"pair_inside": 0.4}),
    ],
)
def test_probabilities_without_finite_texts_are_refused(options: type, values: dict):
    with pytest.raises(ValidationError):
        options(**values)
