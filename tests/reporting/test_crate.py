"""The RO-Crate of a run: it is valid, says what was done, and names only what is there."""

import io
import json
import shutil
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests_cache
import yaml
from regrade.cells import expansion
from regrade.config import params
from regrade.config.overlays import merge
from regrade.core.errors import UserError
from regrade.core.files import read_json, write_json
from regrade.reporting.exports import crate
from requests.adapters import HTTPAdapter
from rocrate.model import Entity
from rocrate.rocrate import ROCrate
from rocrate.vocabs import RO_CRATE
from rocrate_validator import services
from support.project import Project
from urllib3 import HTTPResponse

CRATE = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# ro-crate-py has the terms of RO-Crate 1.3; of those that crates of runs use, these had other addresses in 1.1
TERMS = RO_CRATE["@context"] | {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
}


class Contexts(HTTPAdapter):
    """Stands for w3id.org, which machines that test may not reach."""

    def send(self, request, **options):
        assert request.url == CONTEXT
        body = io.BytesIO(json.dumps({"@context": TERMS}).encode())
        headers = {"Content-Type": "application/ld+json"}
        return self.build_response(request, HTTPResponse(body, headers, 200, preload_content=False))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The validator's cache with all that it asks of the network."""
    path = tmp_path_factory.mktemp("validator") / "cache"
    with requests_cache.CachedSession(str(path)) as session:
        session.mount("https://w3id.org/", Contexts())
        session.get(CONTEXT)
    return path


def complaints(folder: Path, cache: Path) -> list[str]:
    """What is wrong with the crate in `folder`, by the validator's rules for Provenance Run Crate."""
    result = services.validate(
        services.ValidationSettings(
            rocrate_uri=folder, profile_identifier="provenance-run-crate-0.5", offline=True, cache_path=cache
        )
    )
    return [f"{issue.check.identifier} {issue.violatingEntity}: {issue.message}" for issue in result.get_issues()]


def trainings(described: ROCrate) -> dict[str, Entity]:
    """The actions that trained a cell, by the folder of their results."""
    return {
        unquote(entity["result"].id): entity
        for entity in described.get_by_type("CreateAction")
        if entity.id.startswith("#train/")
    }


def timeless(folder: Path) -> str:
    """The crate without the time at which it was written."""
    content = read_json(folder / CRATE)
    return json.dumps(content).replace(content["@graph"][0]["datePublished"], "")


def test_the_crate_is_a_valid_provenance_run_crate(finished: Project, cache: Path):
    assert complaints(finished.folder, cache) == []


def test_the_validator_notices_what_is_wrong(finished: Project, cache: Path, tmp_path: Path):
    content = read_json(finished.folder / CRATE)
    for entity in content["@graph"]:
        if entity["@type"] == "ControlAction":
            del entity["instrument"]
    write_json(tmp_path / CRATE, content, sealed=False)
    for name in ("CITATION.cff", "LICENSE", "params.yaml", "Snakefile", "workflow", "reports"):
        (tmp_path / name).symlink_to(finished.folder / name)
    found = "\n".join(complaints(tmp_path, cache))
    assert found.count("A ControlAction must reference a HowToStep") == 9
    assert found.count("does not include the Data Entity 'results/") == 10  # nine cells and the winner of a selection


def test_every_finished_cell_has_an_action_and_every_path_exists(finished: Project):
    described = ROCrate(finished.folder)
    for entity in described.data_entities:
        assert (finished.folder / unquote(entity.id)).exists(), entity.id
    folders = {f"{path.parent.relative_to(finished.folder)}/" for path in finished.find("results/ce4042/*/*/run.json")}
    assert trainings(described).keys() == folders
    assert described.get("#run")["actionStatus"].endswith("/CompletedActionStatus")
    for folder, action in trainings(described).items():
        record = read_json(finished.folder / folder / "run.json")
        given = {entity["name"]: entity["value"] for entity in action["object"] if entity.type == "PropertyValue"}
        assert given["lr"] == record["configuration"]["settings"]["lr"]
        assert given["seeds"] == "0, 1" and given["scale"] == "small"
        assert given.items() >= record["varying"].items()
        (data,) = [entity for entity in action["object"] if entity.id.startswith("#data/prepared/")]
        assert (finished.folder / data.id[1:]).is_dir()
        used = {entity["name"]: entity["value"] for entity in action["resourceUsage"]}
        assert used["train_seconds"] == sum(run["train_seconds"] for run in record["runs"])
        assert used["device"] == record["runs"][0]["device"]
        versions = {
            entity["name"]: entity["softwareVersion"] for entity in action["instrument"]["softwareRequirements"]
        }
        assert versions == record["runs"][0]["versions"]


@pytest.fixture
def results(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The finished run without its data and reports, as the working directory."""
    for name in ("CITATION.cff", "LICENSE", "params.yaml", "overlay.yaml"):
        shutil.copy(finished.folder / name, tmp_path / name)
    shutil.copytree(finished.folder / "workflow/studies", tmp_path / "workflow/studies")
    shutil.copytree(finished.folder / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    # The code of the finished run is a copy outside git; that of this process need not be
    monkeypatch.setattr(crate.provenance, "commit", lambda: {"commit": None, "dirty": None})
    return Project(tmp_path)


def write() -> None:
    """Write the crate of the working directory."""
    config = yaml.safe_load(Path("params.yaml").read_text())
    merge(config, yaml.safe_load(Path("overlay.yaml").read_text()))
    parameters = params.parse(config)
    crate.write(parameters, expansion.expand(parameters), version("snakemake"))


def test_equal_results_are_described_equally_and_missing_cells_not_at_all(finished: Project, results: Project):
    write()
    assert timeless(results.folder) == timeless(finished.folder)
    every = trainings(ROCrate(results.folder))
    gone = next(folder for folder in every if "a3_optimizers" in folder)
    (results.folder / gone / "model.safetensors").unlink()
    write()
    partial = ROCrate(results.folder)
    assert trainings(partial).keys() == every.keys() - {gone}
    assert partial.get("#run")["error"] == "1 of 9 cells are not finished"
    assert partial.get("#run")["actionStatus"].endswith("/FailedActionStatus")
    shutil.rmtree(results.folder / "results")
    write()
    assert not (results.folder / CRATE).exists()


def test_a_citation_without_authors_is_said_in_one_sentence(results: Project):
    (results.folder / "CITATION.cff").write_text("title: Regrade\n")
    with pytest.raises(UserError, match=r"^CITATION.cff: authors is missing; add it, the run's RO-Crate needs it$"):
        write()
