"""The five studies at full protocol, for tests of what is stated and claimed about them."""

from collections.abc import Callable

import yaml
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.config import params

from support.project import ROOT

PAPER = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"scale": "paper"}
CE4042 = PAPER | {"studies": {"ce4042": PAPER["studies"]["ce4042"]}}
HEADER = "source,experiment,cell,metric,value,note\n"


def cells(change: Callable[[dict], None] = lambda config: None) -> list[Cell]:
    """The cells of ce4042 alone, after a change to its configuration."""
    config = yaml.safe_load(yaml.safe_dump(CE4042))
    change(config)
    return expansion.expand(params.parse(config))


def measured_winner() -> dict:
    """The study ce4042, with the settings of its third question taken from our winner."""
    study = yaml.safe_load(yaml.safe_dump(PAPER["studies"]["ce4042"]))
    study["experiments"]["a3_optimizers"]["select"]["winner"] = "measured"
    return study
