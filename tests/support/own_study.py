"""The smallest study on a table of one's own, as docs/data.md shows it: wines, from a spreadsheet's file."""

import re
from pathlib import Path

import pandas as pd
import yaml
from sklearn.datasets import load_wine

from support.project import ROOT, Project
from support.tiny import sweep, tiny

WINES = "data/own/wines.csv"


def documented() -> dict:
    """The overlay that the page shows."""
    section = (ROOT / "docs/data.md").read_text().split("## Your own data")[1]
    return yaml.safe_load(re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)[0])


def with_wines(folder: Path, scale: str = "paper", **changes: object) -> Project:
    """The tiny study on the wines, saved as a spreadsheet does; a change that is None removes a key."""
    folder.mkdir(exist_ok=True, parents=True)
    overlay = documented()
    wines = {**overlay["datasets"]["wines"], **changes}
    overlay["datasets"]["wines"] = {key: value for key, value in wines.items() if value is not None}
    scales = {"scales": {"paper": {"data": "real"}, "demo": {"data": "stand_in", "at_most": {"train_rows": 50}}}}
    settings = sweep(settings={"dataset": "wines", "lr": 0.5, "epochs": 20}, grid={"width": [16]})
    project = tiny(folder, scales, settings, overlay, {"scale": scale})
    data = load_wine()
    frame = pd.DataFrame(data.data, columns=data.feature_names).assign(cultivar=data.target_names[data.target])
    (folder / WINES).parent.mkdir(parents=True)
    frame.to_csv(folder / WINES, sep=";", decimal=",", index=False, encoding="utf-8-sig", lineterminator="\r\n")
    return project
