"""Made-up film reviews: what stands in for IMDB without a network."""

import random
from typing import NamedTuple

# By class: words of praise are those of class 1
_JUDGEMENTS = (
    ["bad", "dull", "boring", "weak", "clumsy", "lifeless", "hollow", "tedious", "flat", "forced", "forgettable"],
    ["good", "great", "clever", "moving", "charming", "gripping", "superb", "funny", "fresh", "witty", "thrilling"],
)
# Said by the reviewer; {for_} is a word of the review's own class, {against} one of the other
_PLAIN = (
    "The {aspect} is {degree} {for_}.",
    "I found the {aspect} {degree} {for_}.",
    "A {for_} {aspect}, and I would tell anyone so.",
    "What a {for_} {aspect}!",
)
_NEGATED = (
    "The {aspect} is {negation} {against}.",
    "I found the {aspect} {negation} {against}.",
    "Nobody can say that the {aspect} is {against}.",
    "The {aspect} is {negation} {against}, and I do not say so lightly.",
)
_CONCEDED = (
    "The {aspect} may be {against}, but the {other} is {for_}.",
    "Although the {aspect} is {degree} {against}, in the end the film is {for_}.",
    "For all its {against} moments, the {aspect} is {for_}.",
)
# Said by others, who are mostly of the other opinion
_REPORTED = (
    "My {relative} called the {aspect} {against}; I see it differently.",
    'The papers wrote of a "{against}" {aspect}.',
    "People behind me whispered how {against} and {against2} it all was.",
)
# On the reviewer's mixed feelings, and on nothing
_MIXED = ("Only the {aspect} is {degree} {against}.", "I must say that the {aspect} was {against}.")
_NEUTRAL = (
    "It was shot in {place} in {year}.",
    "The story follows a {job} from {place} who meets a {job2}.",
    "We saw it in {place} on a {day} evening.<br /><br />",
    "It runs for {minutes} minutes, and there is a book of it, too.",
    "In the second half the {job} travels to {place}, and nothing is as it was.",
)
# How often each kind is written, of a hundred sentences
_KINDS = {_PLAIN: 40, _NEGATED: 10, _CONCEDED: 8, _REPORTED: 6, _MIXED: 4, _NEUTRAL: 32}
_WORDS = {
    "aspect": ["plot", "acting", "script", "music", "camera", "ending", "dialogue", "pace", "cast", "cutting"],
    "degree": ["very", "quite", "really", "rather", "truly", "simply"],
    "negation": ["not", "never", "hardly", "not at all", "far from", "anything but"],
    "relative": ["brother", "sister", "mother", "neighbour", "colleague"],
    "place": ["Kalore", "Tasmer", "Velgon", "Doran", "Bristo", "Halwick", "Penford"],
    "job": ["teacher", "sailor", "doctor", "thief", "singer", "farmer", "detective"],
    "day": ["Monday", "Tuesday", "Friday", "Sunday"],
}


class Review(NamedTuple):
    """An example: 0 for a negative and 1 for a positive one, and its text."""

    label: int
    content: str


def write(train_rows: int, test_rows: int) -> tuple[list[Review], list[Review]]:
    """So many training and test reviews, half of them positive, shuffled, always the same ones; 20 to 120 words each.

    Words of praise and of blame are in all of them. Whose opinion they are, whether they are negated, and what comes
    after a "but" decides: to count words is enough most of the time, and their order says more.
    """
    draw = random.Random(25)
    return _reviews(train_rows, draw), _reviews(test_rows, draw)


def _reviews(rows: int, draw: random.Random) -> list[Review]:
    labels = [number % 2 for number in range(rows)]
    draw.shuffle(labels)
    return [Review(label, _review(label, draw)) for label in labels]


def _review(label: int, draw: random.Random) -> str:
    """Sentences up to a drawn number of words; one of them at least says plainly what the reviewer thinks."""
    target = draw.randint(20, 110)
    sentences = [_sentence(_PLAIN, label, draw)]
    while sum(len(sentence.split()) for sentence in sentences) < target:
        sentences.append(_sentence(draw.choices(list(_KINDS), list(_KINDS.values()))[0], label, draw))
    draw.shuffle(sentences)
    return " ".join(sentences)


def _sentence(kind: tuple[str, ...], label: int, draw: random.Random) -> str:
    against, against2 = draw.sample(_JUDGEMENTS[1 - label], 2)
    aspect, other = draw.sample(_WORDS["aspect"], 2)
    job, job2 = draw.sample(_WORDS["job"], 2)
    return draw.choice(kind).format(
        for_=draw.choice(_JUDGEMENTS[label]),
        against=against,
        against2=against2,
        aspect=aspect,
        other=other,
        job=job,
        job2=job2,
        year=draw.randint(1950, 2010),
        minutes=draw.randint(80, 180),
        **{name: draw.choice(_WORDS[name]) for name in ("degree", "negation", "relative", "place", "day")},
    )
