"""A cell's name changes when, and only when, its result would."""

import os
import pty
import re
import subprocess
from collections import Counter

import pytest
from regrade.cells import layout
from regrade.cells.cell import Cell
from support.expanded import CONFIG, expanded, experiment
from support.project import ROOT, SMALL, Project

SCALE = CONFIG["scale"]


def folders(change=lambda config: None) -> list[str]:
    """The folders of the cells of ce4042."""
    return [cell.folder.as_posix() for cell in expanded(change, SCALE) if cell.study == "ce4042"]


def baseline(config: dict) -> dict:
    return config["studies"]["ce4042"]["experiments"]["a1_baseline"]["settings"]


def images(change=lambda config: None) -> list[Cell]:
    """The cells of the image part, without those that follow our own winner."""
    names = ("a1_baseline", "a2_filters", "a3_optimizers")
    return [cell for cell in expanded(change, SCALE) if cell.study == "ce4042" and cell.experiment in names]


def test_the_study_has_78_cells_with_readable_names():
    names = folders()
    assert len(names) == len(set(names)) == 78
    assert names[1].startswith("results/ce4042/a2_filters/filters1=10+filters2=20-")
    assert names[29].startswith("results/ce4042/a3_optimizers/optimizer=sgd+momentum=0+dropout=0.5-")
    assert names[77].startswith("results/ce4042/b6_recurrent/level=word+rnn_cell=rnn+layers=2+clip_value=2-")


def test_names_are_taken_as_they_are_by_shells_urls_and_jobs_of_clusters():
    assert all(re.fullmatch(r"[A-Za-z0-9_=+.-]+", cell.name) for cell in expanded(scale=SCALE))


def test_the_readme_says_how_many_cells_each_study_has():
    counts = Counter(cell.study for cell in expanded(scale=SCALE))
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {study: int(count) for study, count in rows} == counts


RENAMING = {
    "learning rate": lambda config: baseline(config).update(lr=0.01),
    "epochs": lambda config: baseline(config).update(epochs=4),
    "scale": lambda config: config.update(scale="paper"),
    "network": lambda config: config["studies"]["ce4042"]["networks"]["image_cnn"].append({"dense": {"units": 10}}),
    "raw data": lambda config: config["datasets"]["cifar10"]["files"]["cifar-10-python.tar.gz"].update(sha256="0" * 64),
    "conventions": lambda config: config["studies"]["ce4042"].update(conventions="torch"),
}
KEEPING = {
    "seeds": lambda config: config.update(seeds=[0, 7]),
    "threads": lambda config: config.update(threads=2),
    "device": lambda config: config.update(device="cpu"),
    "kept models": lambda config: config.update(keep_models=[]),
    "addresses": lambda config: config["datasets"]["cifar10"]["files"]["cifar-10-python.tar.gz"].update(
        urls=["file:///x"]
    ),
    "title": lambda config: config["studies"]["ce4042"].update(title="Another"),
    "0 written as 0.0": lambda config: baseline(config).update(momentum=0.0),
    "a default written out": lambda config: config["studies"]["ce4042"]["networks"]["image_cnn"][9]["dense"].update(
        activation="linear"
    ),
}


def measured(config: dict) -> None:
    """The widths of a3 are those of our best a2 cell."""
    experiment(config, "a3_optimizers")["select"]["winner"] = "measured"


@pytest.mark.parametrize("change", RENAMING)
def test_what_decides_a_result_renames_every_cell(change: str):
    before, after = ({cell.folder for cell in images(each)} for each in (lambda config: None, RENAMING[change]))
    assert not before & after


@pytest.mark.parametrize("change", KEEPING)
def test_what_does_not_leaves_the_names(change: str):
    assert folders(KEEPING[change]) == folders()


def test_a_change_of_the_grid_renames_only_what_depends_on_it():
    def change(config: dict) -> None:
        config["studies"]["ce4042"]["experiments"]["a2_filters"]["grid"]["filters1"] = [10, 30, 50, 70]

    before, after = set(folders(measured)), set(folders(lambda config: (measured(config), change(config))))
    assert {folder.split("/")[2] for folder in before - after} == {"a2_filters", "a3_optimizers", "a3_our_winner"}
    assert len([folder for folder in after & before if "a2_filters" in folder]) == 20


def test_a_selected_cell_takes_over_the_winner():
    cell = images(measured)[-1]
    layers = cell.configuration({"filters1": 7, "filters2": 9}).network
    assert [layer.filters for layer in layers if layer.kind == "convolution"] == [7, 9]


def test_the_reported_winner_is_the_one_in_reported_csv():
    cell = images()[-1]
    assert cell.selection is None
    assert [layer.filters for layer in cell.configuration().network if layer.kind == "convolution"] == [70, 100]


def test_an_overlay_leaves_the_order_of_params_yaml(project: Project):
    """By Snakemake as by the command: here it names the second of three keys, and the last experiment first."""
    experiments = {"b6_recurrent": {"grid": {"layers": [2]}}, "a1_baseline": {"settings": {"lr": 0.01}}}
    overlay = {"scale": "demo", "studies": {"ce4042": {"experiments": experiments}}}
    listed = [line.split()[1] for line in project.regrade("cells", overlay=overlay).stdout.splitlines() if "/" in line]
    assert listed[0].startswith("results/ce4042/a1_baseline/")
    assert listed[-1].startswith("results/ce4042/b6_recurrent/level=word+rnn_cell=rnn+layers=2+clip_value=2-")
    planned = project.snakemake(options=("-n",), overlay=overlay).stdout
    assert all(f"{folder}/run.json" in planned for folder in listed)


# Ctrl-D
END_OF_INPUT = b"\x04"


def asked(command: str, answer: bytes, project: Project) -> str:
    """What a command of regrade says that gets an answer in a terminal."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        said = subprocess.run(
            ["regrade", command, "--configfile", project.overlay(SMALL)],
            cwd=project.folder,
            env=project.environment,
            stdin=theirs,
            capture_output=True,
            text=True,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert said.returncode == 0 and not said.stderr
    return said.stdout


def test_the_command_lists_states_and_prunes_what_no_cell_names(project: Project):
    listed = project.regrade("cells").stdout
    assert listed.count("missing   results/ce4042/") == 9
    named = project.folder / listed.split()[1]
    strangers = [
        project.folder / "results/ce4042/a1_baseline/0123abcd",
        project.folder / "results/ce4042/gone/lr=1-0123abcd",
        project.folder / "data/prepared/cifar10/real-0123abcd",
        project.folder / "results/.state/0123abcd",
    ]
    own = [
        project.folder / "results/backup/old/20261126",
        project.folder / "results/ce4042/a1_baseline/before-20261126",
        project.folder / "data/prepared/cifar10/mine-20261126",
    ]
    other = project.folder / "results/other/sweep/0123abcd"
    for folder in [named, *own, *strangers, other]:
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    (project.folder / "results/notes.txt").write_text("mine")
    (other / layout.RECORD).write_text("{}")
    shown = project.regrade("prune")
    assert "The parameters have no study other: to keep its results, give the overlay that has it" in shown.stdout
    assert not any(str(folder.relative_to(project.folder)) in shown.stdout for folder in own)
    assert all(str(folder.relative_to(project.folder)) in shown.stdout for folder in strangers)
    assert all(folder.exists() for folder in strangers), "it must not delete without an answer"
    assert "Nothing was deleted" in asked("prune", END_OF_INPUT, project)
    assert all(folder.exists() for folder in strangers)
    project.regrade("prune", "--yes")
    assert not any(folder.exists() for folder in [*strangers, other])
    assert all(folder.exists() for folder in [named, *own])
    assert (project.folder / "results/notes.txt").exists()
