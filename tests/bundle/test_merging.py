"""Bundles that are merged are what one run would have given."""

from pathlib import Path

import pandas as pd
import pytest
from regrade.bundle import bundle, merging
from regrade.bundle.bundle import Bundle
from regrade.commands import main
from regrade.statistics import grading
from support.project import ROOT

from benchmarks.replay import only


@pytest.fixture(scope="module")
def whole() -> Bundle:
    return bundle.read(ROOT / "reference/cs324")


def part(whole: Bundle, first: int, last: int) -> Bundle:
    folders = [cell.folder.as_posix() for cell in whole.manifest.cells if cell.trained]
    return only(whole, {folder: set(range(first, last)) for folder in folders})


def test_the_parts_of_a_run_are_the_run(whole: Bundle, tmp_path: Path, capsys):
    for name, seeds in {"a": (0, 3), "b": (3, 1000)}.items():
        part(whole, *seeds).write(tmp_path / name)
    merged = tmp_path / "both/cs324"
    assert main.main(["merge", str(tmp_path / "a"), str(tmp_path / "b"), "--to", str(merged)]) == 0
    assert f"{len(whole.runs)} runs" in capsys.readouterr().out
    both = bundle.read(merged)
    assert both.manifest.cells == whole.manifest.cells and both.manifest.commits == whole.manifest.commits
    for ours, theirs, order in ((both.runs, whole.runs, ["seed"]), (both.curves, whole.curves, ["seed", "epoch"])):
        order = ["experiment", "cell", *order]
        pd.testing.assert_frame_equal(
            ours.sort_values(order, ignore_index=True)[sorted(ours)],
            theirs.sort_values(order, ignore_index=True)[sorted(theirs)],
        )
    judged = [grading.grade(one).claims["claims"] for one in (both, whole)]
    assert judged[0] == judged[1]


def test_what_does_not_fit_together_is_refused(whole: Bundle, tmp_path: Path, capsys):
    one, other = part(whole, 0, 5), part(whole, 4, 1000)
    with pytest.raises(merging.UserError, match=r"p1_toy/\S+: seed 4 is in two bundles; leave one of them out"):
        merging.merged([one, other])
    cells = [cell.model_copy(update={"dataset": "other"}) for cell in other.manifest.cells]
    changed = Bundle(other.manifest.model_copy(update={"cells": cells}), other.runs, other.curves, other.correct)
    with pytest.raises(merging.UserError, match="with another dataset; merge bundles of one protocol"):
        merging.merged([one, changed])
    reference = str(ROOT / "reference")
    assert main.main(["merge", f"{reference}/cs324", f"{reference}/vudl", "--to", str(tmp_path / "new")]) == 1
    assert "the bundles differ in study: cs324 and vudl" in capsys.readouterr().err
    assert main.main(["merge", f"{reference}/cs324", "--to", str(tmp_path)]) == 1
    assert "exists; give a new folder" in capsys.readouterr().err
