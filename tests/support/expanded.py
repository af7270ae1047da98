"""The cells that params.yaml asks for, also after a change to it."""

import copy

import yaml
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.config import params

from support.project import ROOT

CONFIG = yaml.safe_load((ROOT / "params.yaml").read_text())


def expanded(change=lambda config: None, scale: str = "paper") -> list[Cell]:
    config = copy.deepcopy(CONFIG) | {"scale": scale}
    change(config)
    return expansion.expand(params.parse(config))


def of(experiment: str, every: list[Cell]) -> list[Cell]:
    return [cell for cell in every if cell.experiment == experiment]


def experiment(config: dict, name: str) -> dict:
    return next(study["experiments"][name] for study in config["studies"].values() if name in study["experiments"])


# The least that a formal language needs to be drawn
WORDS, LANGUAGE = (
    {"train_texts": 60, "test_texts": 20, "sample_length": 20},
    {"prompts": 2, "shortest_prompt": 2, "longest_prompt": 5, "samples": 2, "free_samples": 4, "long_prompts": 2},
)
