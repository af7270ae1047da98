"""A cell of every kind of training that the studies have, on a few rows of stand-ins."""

import copy

from regrade.cells.cell import Cell
from regrade.config import params
from regrade.datasets import registry

from support.expanded import CONFIG


def small(**changes) -> params.Params:
    """All studies on a few rows of stand-ins, one seed, one epoch; `changes` of params.yaml."""
    config = copy.deepcopy(CONFIG) | {"scale": "small", "seeds": [0], "keep_models": [0], "device": "cpu"} | changes
    caps = {"epochs": 1, "train_rows": 40, "test_rows": 20, "validation_rows": 10, "max_length": 100}
    config["scales"]["small"] = {"data": "stand_in", "at_most": caps}
    for name in ("ndfa", "brackets"):
        few = {"train_texts": 40, "test_texts": 10, "prompts": 1, "samples": 1, "free_samples": 2, "long_prompts": 1}
        config["datasets"][name]["options"] |= few | {"sample_length": 5}
    return params.parse(config)


def families(every: list[Cell]) -> list[Cell]:
    """A cell for each set of modules, dataset, loss and optimizer that occurs; those with a winner are like others."""
    first: dict[tuple, Cell] = {}
    for cell in every:
        settings, ngrams = cell.configuration().settings, cell.configuration().data.reading.get("ngrams")
        key = (cell.code, cell.data.dataset, settings.loss, settings.optimizer, ngrams)
        if not cell.selection and not cell.needed_data.word_vectors:
            first.setdefault(key, cell)
    return list(first.values())


def prepare(cell: Cell) -> None:
    """The stand-in for the cell's data, in the working directory, unless it is there."""
    if not cell.data.folder.exists():
        registry.module(cell.data.dataset).stand_in(registry.options(cell.data)).save(cell.data.folder, cell.data.parts)
