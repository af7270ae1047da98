"""Formal languages with a known probability for each text, so that a language model's loss has a known floor.

A module `regrade.languages.<name>` has Options (the probabilities) and a `regrade.languages.language.Language` made
from them.
"""
