"""Mistakes in claims.yaml: the key's path as the file has it, and what the value should be."""

from pathlib import Path

import pytest
import yaml
from regrade.config import claims, studies

CLAIM = {"id": "a", "claim": "A.", "origin": "ours", "place": "page 1"}
GREATER = {"kind": "greater", "experiment": "sweep", "cell": {"width": 2}, "than": {"width": 3}}
TESTS = {
    "no mapping": (GREATER | {"cell": 3}, "tests.0.cell: 3 should be a mapping of keys to values"),
    "no name": (GREATER | {"than": {"Width": 3}}, "tests.0.than.Width: 'Width' does not have the form of a name; take"),
    "a missing key": ({"kind": "greater", "experiment": "sweep", "cell": {}}, "tests.0.than: this key is missing"),
    "no kind": ({"experiment": "sweep"}, "tests.0: the key kind is missing; add it"),
    "no test": (3, "tests.0: 3 should be a mapping of keys to values"),
    "one cell": (
        {"kind": "order", "experiment": "sweep", "cells": [{"width": 2}]},
        "tests.0.cells: must have 2 entries or more, not 1",
    ),
    "of two types": (GREATER | {"each": {"lr": 3}}, "tests.0.each.lr: 3 should be 'all' or a list"),
    "no bound": ({"kind": "threshold", "experiment": "sweep"}, "tests.0: give at_least, at_most or both"),
}


@pytest.mark.parametrize("wrong", TESTS)
def test_paths_and_sentences_are_those_of_the_file(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    test, sentence = TESTS[wrong]
    assert said_of({"claims": [CLAIM | {"tests": [test]}]}, tmp_path, monkeypatch)[0].startswith(f"claims.0.{sentence}")


@pytest.mark.parametrize(("content", "word"), [(None, "there is no value; give"), ([], "[] should be")])
def test_a_file_that_is_no_mapping(content: object, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert said_of(content, tmp_path, monkeypatch) == [f"{word} a mapping of keys to values"]


def said_of(content: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The mistakes in a claims.yaml with this content, without the file's name."""
    monkeypatch.setattr(studies, "FOLDER", folder)
    file = claims.path("tiny")
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(content))
    return [str(mistake).removeprefix(f"{file}: ") for mistake in claims.salvaged("tiny")[1]]
