"""Texts of a finite automaton: s, one of three words any number of times, s."""

from pathlib import Path

from regrade.datasets.form import Form
from regrade.datasets.kinds.formal import SPECIAL, FormalOptions, FormalReading, generate
from regrade.datasets.prepared import Prepared
from regrade.languages import automaton

# No raw files: the texts are generated
ALTERNATIVES = ((),)
Reading = FormalReading


class Options(FormalOptions, automaton.Options):
    """The probabilities of the generator (see `regrade.languages.automaton`), and how many texts it draws."""


def language(options: Options) -> automaton.Ndfa:
    """The language that the texts are of."""
    return automaton.Ndfa(automaton.Options(**options.model_dump(include=set(automaton.Options.model_fields))))


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((None,), len(SPECIAL) + len(automaton.Ndfa.symbols), "ids")


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """Texts drawn by a fixed seed, as ragged rows of symbol numbers."""
    return generate(language(options), options)


def stand_in(options: Options) -> Prepared:
    """The same texts as `prepare`: they need no network."""
    return prepare({}, options)
