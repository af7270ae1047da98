"""Texts: rows of different lengths, tokens, vocabularies, word vectors."""
