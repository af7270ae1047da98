"""Bundles that are merged are what one run would have given."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from regrade.bundle import bundle, merging
from regrade.bundle.answers import Correct
from regrade.bundle.bundle import Bundle
from regrade.commands import main
from regrade.statistics import grading
from support.project import ROOT

from benchmarks.replay import only


@pytest.fixture(scope="module")
def whole() -> Bundle:
    """The reference run of a study, as if the experiment with a million evaluations had not been run."""
    every = bundle.read(ROOT / "reference/cs324")
    few = without(every, "p3_palindromes")
    untrained = {"status": "missing", "seeds": []}
    cells = [one if one in few.manifest.cells else one.model_copy(update=untrained) for one in every.manifest.cells]
    return replace(few, manifest=every.manifest.model_copy(update={"cells": cells}))


def part(whole: Bundle, first: int, last: int) -> Bundle:
    folders = [cell.folder.as_posix() for cell in whole.manifest.cells if cell.trained]
    return only(whole, {folder: set(range(first, last)) for folder in folders})


def test_the_parts_of_a_run_are_the_run(whole: Bundle, tmp_path: Path, capsys):
    for name, seeds in {"a": (0, 3), "b": (3, 1000)}.items():
        part(whole, *seeds).write(tmp_path / name)
    merged = tmp_path / "both/cs324"
    assert main.main(["merge", str(tmp_path / "a"), str(tmp_path / "b"), "--to", str(merged)]) == 0
    assert f"{len(whole.runs)} runs" in capsys.readouterr().out
    assert main.main(["merge", str(tmp_path / "a"), "--to", str(tmp_path / "one")]) == 1
    assert capsys.readouterr().err == "Error: one bundle is given; give two or more\n"
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


def without(whole: Bundle, experiment: str) -> Bundle:
    cells = [cell for cell in whole.manifest.cells if cell.experiment != experiment]
    folders = {cell.folder.as_posix() for cell in cells}
    experiments = {name: one for name, one in whole.manifest.experiments.items() if name != experiment}
    return Bundle(
        whole.manifest.model_copy(update={"cells": cells, "experiments": experiments}),
        whole.runs[whole.runs["experiment"] != experiment],
        whole.curves[whole.curves["experiment"] != experiment],
        {key: one for key, one in whole.correct.items() if key[0] in folders},
    )


def merge(folder: Path, *bundles: Bundle) -> int:
    for number, one in enumerate(bundles):
        one.write(folder / str(number))
    given = [str(folder / str(number)) for number in range(len(bundles))]
    return main.main(["merge", *given, "--to", str(folder / "both")])


def test_bundles_need_not_have_the_same_experiments(whole: Bundle, tmp_path: Path):
    first, second = part(whole, 0, 3), part(whole, 3, 1000)
    assert merge(tmp_path, without(first, "p1_cifar_mlp"), without(second, "p1_toy")) == 0
    both = bundle.read(tmp_path / "both")
    assert both.manifest.experiments.keys() == whole.manifest.experiments.keys()
    seeds = {cell.experiment: min(cell.seeds) for cell in both.manifest.cells if cell.trained}
    assert (seeds["p1_toy"], seeds["p1_cifar_mlp"]) == (0, 3)


def test_answers_that_not_all_seeds_have_are_left_out(whole: Bundle, tmp_path: Path, capsys):
    first, second = part(whole, 0, 3), part(whole, 3, 1000)
    some = {key: one for key, one in second.correct.items() if "p1_toy" not in key[0]}
    assert merge(tmp_path, first, replace(second, correct=some)) == 0
    assert re.search(
        r"Note: answers of \d+ cells, p1_toy/\S+ among them, are left out, as some", capsys.readouterr().out
    )
    both = bundle.read(tmp_path / "both")
    assert both.correct.keys() == some.keys() and len(both.runs) == len(whole.runs)


def test_what_would_be_no_bundle_is_not_written(whole: Bundle, tmp_path: Path, capsys):
    second = part(whole, 3, 1000)
    assert merge(tmp_path, part(whole, 0, 3), replace(second, curves=second.curves.iloc[:0])) == 1
    said = capsys.readouterr().err
    assert f"the bundles do not fit together: {tmp_path}/both/curves.parquet: experiment p1_toy, cell" in said
    assert said.count("\n") == 1 and not (tmp_path / "both").exists()


def test_what_does_not_fit_together_is_refused(whole: Bundle, tmp_path: Path, capsys):
    one, other = part(whole, 0, 5), part(whole, 4, 1000)
    with pytest.raises(merging.UserError, match=r"p1_toy/\S+: seed 4 is in two bundles; leave one of them out"):
        merging.merged([one, other])
    cells = [cell.model_copy(update={"dataset": "other"}) for cell in other.manifest.cells]
    changed = Bundle(other.manifest.model_copy(update={"cells": cells}), other.runs, other.curves, other.correct)
    with pytest.raises(merging.UserError, match="with another dataset; merge bundles of one protocol"):
        merging.merged([one, changed])
    bits = {key: Correct(f"{one.sample}-2", one.by_seed) for key, one in other.correct.items()}
    with pytest.raises(merging.UserError, match=r"tested it on other rows \(sample \S+ and \S+-2\); merge bundles of"):
        merging.merged([part(whole, 0, 4), replace(other, correct=bits)])
    experiments = {
        name: one.model_copy(update={"converged_at": 0.123}) for name, one in other.manifest.experiments.items()
    }
    changed = replace(other, manifest=other.manifest.model_copy(update={"experiments": experiments}))
    with pytest.raises(merging.UserError, match="another converged_at of this experiment; merge bundles of one"):
        merging.merged([part(whole, 0, 4), changed])
    reference = str(ROOT / "reference")
    assert main.main(["merge", f"{reference}/cs324", f"{reference}/vudl", "--to", str(tmp_path / "new")]) == 1
    assert "the bundles differ in study: cs324 and vudl" in capsys.readouterr().err
    assert main.main(["merge", f"{reference}/cs324", f"{reference}/vudl", "--to", str(tmp_path)]) == 1
    assert "exists; give a new folder" in capsys.readouterr().err
