"""The cells that params.yaml asks for, also after a change to it."""

import copy

import yaml
from conftest import ROOT
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.config import params

CONFIG = yaml.safe_load((ROOT / "params.yaml").read_text())


def expanded(change=lambda config: None, scale: str = "paper") -> list[Cell]:
    config = copy.deepcopy(CONFIG) | {"scale": scale}
    change(config)
    return expansion.expand(params.parse(config))


def of(experiment: str, every: list[Cell]) -> list[Cell]:
    return [cell for cell in every if cell.experiment == experiment]


def experiment(config: dict, name: str) -> dict:
    return next(study["experiments"][name] for study in config["studies"].values() if name in study["experiments"])
