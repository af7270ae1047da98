"""A sixth study: data of one's own, a network of one's own, claims; run by Snakemake, and graded again elsewhere."""

import shutil
from pathlib import Path

import pytest
import yaml
from regrade.core.files import read_json
from support.apart import graded_apart, same
from support.own_study import with_wines
from support.project import Project, merged
from support.tiny import STUDY, sweep

NETS = """
import torch


class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(13, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))

    def forward(self, x):
        return self.layers(x)
"""
CLAIMS = {
    "claims": [
        {
            "id": "wide-enough",
            "claim": "Sixteen units beat naming the most frequent wine, which is right in 40 %.",
            "origin": "stated",
            "place": "section 1",
            "tests": [
                {
                    "kind": "threshold",
                    "experiment": "sweep",
                    "metric": "test_accuracy_last_epoch",
                    "at_least": 0.4,
                    "estimand": "mean",
                }
            ],
        }
    ]
}
REPORTED = "source,experiment,cell,metric,value,note\ntable 1,sweep,,test_accuracy_last_epoch,0.97,\n"


@pytest.fixture(scope="module")
def sixth(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = with_wines(tmp_path_factory.mktemp("sixth") / "project")
    (project.folder / "own").mkdir()
    (project.folder / "own/nets.py").write_text(NETS)
    study = project.folder / "workflow/studies" / STUDY
    (study / "claims.yaml").write_text(yaml.safe_dump(CLAIMS))
    (study / "reported.csv").write_text(REPORTED)
    own = {"studies": {STUDY: {"networks": {"mlp": [{"module": {"import": "own.nets:Net", "width": "$width"}}]}}}}
    five = {"seeds": [0, 1, 2, 3, 4], "looks": [{"seeds": 5, "error": 0.05}]}
    overlay = merged(own, sweep(settings={"epochs": 40}), five)
    answer = project.snakemake(f"reports/{STUDY}/index.html", overlay=overlay)
    assert answer.returncode == 0, answer.stdout
    return project


def test_its_claim_gets_a_verdict_and_its_number_a_grade(sixth: Project):
    (claim,) = read_json(sixth.folder / f"reports/{STUDY}/claims.json")["claims"]
    assert claim["verdict"] == "confirmed" and claim["seeds"] == 5
    page = (sixth.folder / f"reports/{STUDY}/index.html").read_text()
    assert (
        "Sixteen units beat naming the most frequent wine, which is right in 40 %." in page
        and "13 columns of wines.csv" in page
    )


def test_its_bundle_is_graded_elsewhere_without_its_data_its_network_or_training(sixth: Project, tmp_path: Path):
    """Nor is the network's code read: what it is called comes from the bundle, and only params.yaml names what runs."""
    for part in (f"reports/{STUDY}/bundle", f"workflow/studies/{STUDY}"):
        shutil.copytree(sixth.folder / part, tmp_path / part)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/nets.py").write_text("raise RuntimeError('this must not be imported')")
    answer = graded_apart(f"workflow/studies/{STUDY}", f"reports/{STUDY}/bundle", at=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "[]"
    ours, theirs = (
        read_json(folder / STUDY / "claims.json") for folder in (sixth.folder / "reports", tmp_path / "graded")
    )
    assert same(ours, theirs)
