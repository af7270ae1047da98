"""Made-up first paragraphs of encyclopedia articles: what stands in for DBpedia-14 without a network."""

import random

from regrade.datasets.text.labelled_texts import Row

# Each class's name, what its members are, and what is told of them
_SPEECH = {
    "Company": ("company manufacturer retailer brewery", "customers products shares factories"),
    "EducationalInstitution": ("school college university academy", "students courses pupils teachers"),
    "Artist": ("singer painter composer guitarist", "songs exhibitions concerts portraits"),
    "Athlete": ("footballer swimmer cyclist boxer", "matches medals races goals"),
    "OfficeHolder": ("politician senator minister mayor", "elections laws voters taxes"),
    "MeanOfTransportation": ("aircraft locomotive destroyer submarine", "engines passengers crews wings"),
    "Building": ("church castle hotel museum", "towers visitors roofs arches"),
    "NaturalPlace": ("river mountain lake glacier", "tributaries slopes fish springs"),
    "Village": ("village hamlet settlement municipality", "households inhabitants families farms"),
    "Animal": ("beetle moth snail lizard", "larvae eggs legs scales"),
    "Plant": ("shrub orchid fern herb", "leaves flowers seeds roots"),
    "Album": ("album record compilation soundtrack", "tracks charts studios reviews"),
    "Film": ("film drama thriller comedy", "actors scenes critics cinemas"),
    "WrittenWork": ("novel magazine newspaper journal", "readers chapters editors essays"),
}
CLASSES = list(_SPEECH)
_TEMPLATES = (
    "{name} is a {trait} {kind} of {place}. It has been known since {year} for its {topic}, {more} and {other}.",
    "{name} was the first {kind} in the {side} of {place}. The {topic} of {year} and the {other} were {trait}.",
    "The {trait} {kind} {name} comes from {place}, with {topic}, {more} and {other} since {year}.",
    "In {year} {name} became the {trait} {kind} of {place}; there are few {topic} and {more} left.",
    "{name} ({place}, {year}) is one of the {trait} examples of this kind of {kind}, with {other} and {topic}.",
)
_TRAITS = ["small", "large", "famous", "modern", "northern", "regional", "rare", "popular", "former", "notable"]
_SIDES = ["north", "south", "east", "west", "centre"]
_PLACES = ["Kalore", "Tasmer", "Velgon", "Doran", "Bristo", "Halwick", "Penford", "Stoval", "Gonlor", "Lomare"]
_SYLLABLES = ["ka", "lo", "mi", "ren", "tas", "vel", "dor", "an", "bri", "sto", "hal", "mer", "gon", "pel", "wick"]


def write(train_rows: int, test_rows: int) -> tuple[list[Row], list[Row]]:
    """So many training and test rows of each class, shuffled, always the same ones.

    Every tenth text speaks of its subject as a text of any class would, one of the details may belong to any class, and
    names, places and years say nothing: words give the class away most of the time, letters much less often.
    """
    draw = random.Random(14)
    return _rows(train_rows, draw), _rows(test_rows, draw)


def _rows(rows_per_class: int, draw: random.Random) -> list[Row]:
    labels = [number for number in range(1, len(CLASSES) + 1) for _ in range(rows_per_class)]
    draw.shuffle(labels)
    return [_row(label, draw) for label in labels]


def _row(label: int, draw: random.Random) -> Row:
    speaks_like = draw.choice(CLASSES) if draw.random() < 1 / 10 else CLASSES[label - 1]
    kinds, topics = (words.split() for words in _SPEECH[speaks_like])
    topic, more = draw.sample(topics, 2)
    name = "".join(draw.choices(_SYLLABLES, k=draw.randint(2, 3))).capitalize()
    content = draw.choice(_TEMPLATES).format(
        name=name,
        place=draw.choice(_PLACES),
        kind=draw.choice(kinds),
        topic=topic,
        more=more,
        other=draw.choice(_SPEECH[draw.choice(CLASSES)][1].split()),
        trait=draw.choice(_TRAITS),
        side=draw.choice(_SIDES),
        year=draw.randint(1850, 2010),
    )
    return Row(label, name, content)
