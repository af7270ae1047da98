"""What the study cs324 computes for its page: how far two cells are apart."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
from regrade.reporting import study_code


def test_cells_are_paired_by_the_seeds_that_both_have():
    """One of them may be at full protocol, and the other not."""
    converged = {
        "numpy": pd.Series([3.0, None, 4.0], index=[0, 1, 2]),
        "torch": pd.Series([3.0, None], index=[0, 1]),
    }

    def of(cell: SimpleNamespace) -> pd.DataFrame:
        return converged[cell.folder.name].rename("epochs_to_converge").rename_axis("seed").reset_index()

    def curve(cell: SimpleNamespace) -> pd.DataFrame:
        return of(cell)[["seed"]].assign(epoch=1, test_loss=0.5, test_accuracy=1.0)

    first, second = (SimpleNamespace(folder=Path(name)) for name in converged)
    pairs = study_code.load("cs324", study_code.FIGURES).pairs
    (row,) = pairs(SimpleNamespace(of=of, curve=curve), [("moons", first, second)]).to_dict("records")
    assert (row["seeds"], row["equal"], row["test_loss"]) == (2, 2, 0)
