"""Prompts: beginnings of texts of given lengths, none of them complete."""

from collections import Counter

import numpy as np
import pytest
from regrade.languages import automaton, dyck
from regrade.languages.automaton import Ndfa
from regrade.languages.dyck import Brackets
from regrade.languages.language import Language
from regrade.languages.prompts import prompts

COURSE = Brackets(dyck.Options(pair_inside=0.4375, pair_after=0.0))
SEVERAL_PAIRS = Brackets(dyck.Options(pair_inside=0.4, pair_after=0.5))
NDFA = Ndfa(automaton.Options(another_word=0.75))


@pytest.mark.parametrize(
    ("language", "count", "shortest", "longest"),
    [(COURSE, 15, 4, 41), (SEVERAL_PAIRS, 15, 3, 30), (NDFA, 10, 3, 6)],
    ids=["the course's brackets", "several pairs", "ndfa"],
)
def test_lengths_are_spread_and_no_prompt_is_complete_in_many_draws(
    language: Language, count: int, shortest: int, longest: int
):
    texts = language.draw(5000, np.random.default_rng(0))
    draws = set()
    for seed in range(50):
        made = prompts(language, texts, count, shortest, longest, np.random.default_rng(seed))
        assert made == prompts(language, texts, count, shortest, longest, np.random.default_rng(seed))
        lengths = [len(prompt) for prompt in made]
        assert (lengths[0], lengths[-1]) == (shortest, longest) and lengths == sorted(lengths)
        assert np.median(lengths) == pytest.approx((shortest * longest) ** 0.5, abs=1)
        assert len(set(made)) == count
        for prompt in made:
            assert not language.accepts(prompt) and language.first_error(prompt) == len(prompt)
            assert any(text.startswith(prompt) and text != prompt for text in texts)
        draws.add(tuple(made))
    assert len(draws) > 40


def test_of_the_course_all_lengths_differ():
    texts = COURSE.draw(5000, np.random.default_rng(0))
    made = prompts(COURSE, texts, 15, 4, 41, np.random.default_rng(1))
    assert [len(prompt) for prompt in made] == [4, 5, 6, 7, 8, 9, 11, 13, 15, 18, 21, 25, 29, 35, 41]


def test_a_single_bracket_where_its_length_is_asked_for_or_there_is_nothing_else():
    def made(texts: list[str], count: int, shortest: int, longest: int) -> list[str]:
        return prompts(COURSE, texts, count, shortest, longest, np.random.default_rng(1))

    assert made(["()", "(())"], 3, 1, 3) == ["(", "((", "(()"]
    assert made(["()", "()"], 2, 4, 8) == ["(", "("]
    # All beginnings of two and four symbols are texts; those of three and one are not
    assert made(["()()()"], 4, 2, 4) == ["(", "()(", "()(", "()("]
    assert made(["()()", "(())"], 1, 2, 2) == ["(("]


def test_the_beginnings_of_a_length_are_equally_likely():
    texts = ["sabc!s"] * 50 + ["sklm!s", "suvw!s"]
    drawn = [prompts(NDFA, texts, 3, 3, 3, np.random.default_rng(seed)) for seed in range(300)]
    assert all(sorted(three) == ["sab", "skl", "suv"] for three in drawn), "none is there twice"
    first = Counter(three[0] for three in drawn)
    assert min(first.values()) > 60
