"""A study that is run with other settings than its source's gets no verdicts, and says why."""

import pandas as pd
import pytest
import yaml
from regrade.core.files import read_json
from support.project import Project, copy_workflow, merged

CLAIMS = """\
claims:
  - id: learns
    claim: The network learns the moons.
    origin: ours
    place: everywhere
    tests:
      - {kind: threshold, experiment: p1_toy, at_least: 0.5}
"""
STATED = """\
source,experiment,cell,metric,value,note
table 1,p1_toy,dataset=moons,test_accuracy_best_epoch,0.9,
table 1,p1_toy,dataset=moons,trainable_parameters,102,
"""
FEW_EPOCHS = {
    "scale": "paper",
    "seeds": [0, 1, 2],
    "device": "cpu",
    "studies": {
        "cs324": {
            "experiments": {
                "p1_toy": {
                    "settings": {"epochs": 10, "batch_size": 250},
                    "grid": {"dataset": ["moons"], "backend": ["torch"], "initial": ["pytorch"]},
                }
            }
        }
    },
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Of the study, only the toy sets, with a claim and two numbers."""
    project = copy_workflow(tmp_path_factory.mktemp("protocol"), ("cs324",))
    path, study = project.folder / "params.yaml", project.folder / "workflow/studies/cs324"
    config = yaml.safe_load(path.read_text())
    experiments = config["studies"]["cs324"]["experiments"]
    config["studies"]["cs324"]["experiments"] = {"p1_toy": experiments["p1_toy"]}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    (study / "claims.yaml").write_text(CLAIMS)
    (study / "reported.csv").write_text(STATED)
    for name in ("report.md.j2", "figures.py"):
        (study / name).unlink()
    return project


def test_other_settings_than_the_sources_get_no_verdict(project: Project):
    answer = project.snakemake("reports/index.html", overlay=FEW_EPOCHS)
    assert answer.returncode == 0, answer.stdout
    why = "batch_size: 250 instead of 1; epochs: 10 instead of 200"
    (claim,) = read_json(project.folder / "reports/cs324/claims.json")["claims"]
    assert (claim["verdict"], claim["why"], claim["seeds"]) == ("other protocol", why, 3)
    numbers = pd.read_parquet(project.folder / "reports/cs324/data/grades.parquet").set_index("metric")
    assert numbers["grade"].to_dict() == {
        "test_accuracy_best_epoch": "other protocol",
        # The network is the source's
        "trainable_parameters": "same",
    }
    assert numbers.loc["test_accuracy_best_epoch", "note"] == why
    page = (project.folder / "reports/cs324/index.html").read_text()
    assert f"<code>p1_toy</code> (1 cell): {why}." in page
    assert f"Not run as in the source: {why}." in page
    assert '<span class="badge other-protocol">other protocol</span>' in page
    (cell,) = project.find("reports/cs324/cells/p1_toy/*.html")
    assert f"other protocol: {why}" in cell.read_text()
    front = (project.folder / "reports/index.html").read_text()
    assert front.count('<th scope="col">other protocol</th>') == 2
    assert "?verdict=other%20protocol#claims" in front


def test_a_protocol_of_ones_own_may_say_otherwise(project: Project):
    answer = project.regrade("protocol", "cs324", overlay=FEW_EPOCHS)
    assert answer.returncode == 0, answer.stdout
    answer = project.snakemake("reports/cs324/index.html", overlay=FEW_EPOCHS)
    assert answer.returncode == 0, answer.stdout
    assert "rule grade:" in answer.stdout and "rule train:" not in answer.stdout
    (claim,) = read_json(project.folder / "reports/cs324/claims.json")["claims"]
    assert claim["verdict"] in ("confirmed", "inconclusive")  # three seeds may be too few to tell
    assert claim["why"] == ""
    assert "Other protocol" not in (project.folder / "reports/cs324/index.html").read_text()


def test_when_a_run_has_converged_is_part_of_the_protocol(project: Project):
    protocol = project.folder / "workflow/studies/cs324/protocol.yaml"
    protocol.write_text(protocol.read_text().replace("epochs: 10", "epochs: 11"))
    experiments = {"p1_toy": {"converged_at": 0.9}}
    earlier = merged(FEW_EPOCHS, {"studies": {"cs324": {"experiments": experiments}}})
    answer = project.snakemake("reports/cs324/claims.json", overlay=earlier)
    assert answer.returncode == 0, answer.stdout
    assert "rule collect:" in answer.stdout and "rule train:" not in answer.stdout
    (claim,) = read_json(project.folder / "reports/cs324/claims.json")["claims"]
    assert claim["why"] == "epochs: 10 instead of 11; converged_at: 0.9 instead of 1"
