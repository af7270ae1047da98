"""The run as an RO-Crate: which code made which results, of which data and settings, on which machine.

It follows Provenance Run Crate 0.5, the finest profile of Workflow Run RO-Crate, since a run is many trainings
(https://www.researchobject.org/workflow-run-crate/profiles/provenance_run_crate). The crate is the project's folder
itself: a crate describes only what lies below its metadata file, so nothing has to be copied. What it says of a cell
comes from the cell's record: equal results have equal descriptions, except for the time and commit of writing.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from rocrate.model import Entity
from rocrate.rocrate import ROCrate

from regrade.cells.cell import Cell
from regrade.cells.layout import RECORD, label
from regrade.config.params import Params
from regrade.core import provenance, yaml_files
from regrade.core.errors import UserError
from regrade.core.files import short_hash, write_json
from regrade.core.integrity import read_card
from regrade.datasets.identity import DataIdentity
from regrade.reporting import CRATE, PAGE
from regrade.reporting.exports.crate_entities import Entities, compact
from regrade.statistics import REPORTS

CITATION = "CITATION.cff"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# Version 0.5 of the profiles is written for this version of RO-Crate
VERSION = "1.1"
# The files of a study that say what its source stated and did
_OF_SOURCE = {
    "reported.csv": "text/csv",
    "claims.yaml": "application/yaml",
    "protocol.yaml": "application/yaml",
}
COMPLETED, FAILED = "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"
# What the runs of a cell used together, and the unit's code of UN/CEFACT Recommendation 20
USAGE: dict[str, tuple[Callable[[Iterable[float]], float], str]] = {
    "train_seconds": (sum, "SEC"),
    "peak_memory_bytes": (max, "AD"),
}


def write(params: Params, every: list[Cell], snakemake: str) -> None:
    """Describe in CRATE the finished ones of `every` cell and the reports, which must be there.

    `snakemake`: its version. Where no cell is finished there is no run, and no CRATE. UserError when CITATION.cff,
    which names the authors and the licence, cannot be used, or a cell's record is damaged.
    """
    for cell in every:
        if (cell.folder / RECORD).exists():
            read_card(cell.folder, RECORD)
    finished = [cell for cell in every if cell.status in ("done", "diverged")]
    if not finished:
        Path(CRATE).unlink(missing_ok=True)
        return
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_terms = {"resourceUsage": "https://w3id.org/ro/terms/workflow-run#resourceUsage"}
    entities = Entities(crate)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _describe_root(entities, params, _citation(), now)
    trainings = [_training(entities, cell) for cell in finished]
    workflow = _workflow(entities, params, trainings, snakemake)
    missing = len(every) - len(finished)
    state = {"actionStatus": FAILED, "error": f"{missing} of {len(every)} cells are not finished"}
    run = entities.add(
        "#run",
        "CreateAction",
        name=crate.name,
        description=f"{len(finished)} of {len(every)} cells are finished",
        instrument=workflow,
        object=[crate.get("params.yaml"), entities.value("scale", params.scale)],
        result=_reports(entities, params),
        endTime=now,
        **(state if missing else {"actionStatus": COMPLETED}),
    )
    _orchestrate(entities, run, trainings, snakemake)
    crate.root_dataset["mentions"] = [run, *trainings]
    write_json(CRATE, crate.metadata.generate(), sealed=False)


def _citation() -> dict:
    """CITATION.cff. UserError when it is missing, or says less than a crate must."""
    content = yaml_files.read(CITATION)
    citation = content if isinstance(content, dict) else {}
    for key in ("title", "authors", "license"):
        if not citation.get(key):
            raise UserError(f"{CITATION}: {key} is missing; add it, the run's RO-Crate needs it")
    return citation


def _describe_root(entities: Entities, params: Params, citation: dict, now: str) -> None:
    root = entities.crate.root_dataset
    root["name"] = f"Regrade: a run of {', '.join(params.studies)} at scale {params.scale}"
    root["description"] = f"{citation['title']}. Prepared data are no part of it; their sets have terms of their own."
    root["datePublished"] = now
    root["author"] = compact(_author(entities, author) for author in citation["authors"])
    licence = citation["license"]
    root["license"] = entities.add(f"https://spdx.org/licenses/{licence}", "CreativeWork", name=licence)
    root["conformsTo"] = [
        entities.add(profile, "CreativeWork", name=name, version=profile.split("/")[-1])
        for profile, name in PROFILES.items()
    ]


def _author(entities: Entities, author: dict) -> Entity:
    """A person or, where there is only one name, an organization (https://citation-file-format.github.io)."""
    if "name" in author:
        return entities.add(f"#{quote(author['name'])}", "Organization", name=author["name"])
    name = " ".join(author[part] for part in ("given-names", "family-names") if part in author)
    return entities.add(author.get("orcid") or f"#{quote(name)}", "Person", name=name)


def _workflow(entities: Entities, params: Params, trainings: list[Entity], snakemake: str) -> Entity:
    """The workflow, the files that it starts from and, of its steps, training."""
    entities.file("params.yaml", "Parameters, except those that were overlaid", "application/yaml")
    entities.file(CITATION, "How to cite the workflow", "application/yaml")
    entities.file("LICENSE", "Licence of the workflow", "text/plain")
    for study in params.studies:
        for name, kind in _OF_SOURCE.items():
            path = f"workflow/studies/{study}/{name}"
            if Path(path).exists():  # a study need not have any
                entities.file(path, f"What the source of {study} stated or did: {name}", kind)
    tools = compact(tool for training in trainings for tool in _list(training["instrument"]))
    root = entities.crate.root_dataset
    return entities.crate.add_workflow(
        dest_path="Snakefile",
        main=True,
        lang="snakemake",
        lang_version=snakemake,
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "Regrade",
            "encodingFormat": "text/plain",
            "version": _version(provenance.commit()),
            "author": root["author"],
            "license": root["license"],
            "hasPart": tools,
            "step": entities.add("#train", "HowToStep", name="train", position="1", workExample=tools),
        },
    )


def _reports(entities: Entities, params: Params) -> list[Entity]:
    front = entities.file(f"{REPORTS}/{PAGE}", "Front page of the reports", "text/html")
    return [front, *(entities.folder(f"{REPORTS}/{study}", f"Report of {study}") for study in params.studies)]


def _orchestrate(entities: Entities, run: Entity, trainings: list[Entity], snakemake: str) -> None:
    """Say that Snakemake ran the trainings, as steps of the run."""
    step, address = entities.crate.get("#train"), "https://snakemake.github.io"
    engine = entities.add(address, "SoftwareApplication", name="Snakemake", url=address, softwareVersion=snakemake)
    controls = [
        entities.add(
            training.id.replace("#train/", "#step/"), "ControlAction", name="train", instrument=step, object=training
        )
        for training in trainings
    ]
    name = f"Orchestration by Snakemake {snakemake}"
    entities.add("#snakemake", "OrganizeAction", name=name, instrument=engine, object=compact(controls), result=run)


def _training(entities: Entities, cell: Cell) -> Entity:
    """The action that trained a cell, all its seeds."""
    record = read_card(cell.folder, RECORD)
    configuration, runs = record["configuration"], record["runs"]
    name = f"{cell.study}, {cell.experiment}" + (f": {label(cell.varying)}" if cell.varying else "")
    identifier = f"#train/{quote(f'{cell.study}/{cell.experiment}/{cell.name}')}"
    settings = cell.settings | configuration["settings"] | {key: record[key] for key in ("scale", "seeds")}
    winner = [cell.selection.path] if cell.selection else []
    devices = [run["device"] for run in runs]
    usage = [
        entities.add(
            f"{identifier}/{key}",
            "PropertyValue",
            name=key,
            value=combined(run[key] for run in runs),
            propertyID=key,
            unitCode=unit,
        )
        for key, (combined, unit) in USAGE.items()
    ]
    return entities.add(
        identifier,
        "CreateAction",
        name=name,
        description=f"{len(runs)} runs, of which {sum(run['status'] == 'diverged' for run in runs)} diverged",
        instrument=compact(_tool(entities, run) for run in runs),
        object=[
            *_data(entities, DataIdentity(**configuration["data"])),
            *(entities.file(path.as_posix(), "Winner of a selection", "application/json") for path in winner),
            *entities.values({"conventions": configuration["conventions"]} | settings),
        ],
        result=entities.folder(cell.folder.as_posix(), f"Results of {name}"),
        resourceUsage=[*usage, *(entities.value("device", device) for device in dict.fromkeys(devices))],
        actionStatus=COMPLETED,
    )


def _data(entities: Entities, identity: DataIdentity) -> list[Entity]:
    """What a cell was trained on: no part of the crate, but named with all that it was prepared from."""
    parts = {identity.folder: identity.prepared.parts}
    if identity.word_vectors_folder:
        parts[identity.word_vectors_folder] = identity.fitted.parts
    return [
        entities.add(
            f"#{path.as_posix()}", "Dataset", name=path.as_posix(), additionalProperty=entities.values(identity_parts)
        )
        for path, identity_parts in parts.items()
    ]


def _tool(entities: Entities, run: dict) -> Entity:
    """The training code as it was when it made this run, with the libraries that it used."""
    return entities.add(
        f"#train.py-{short_hash([run['commit'], run['dirty'], run['versions']])}",
        "SoftwareSourceCode",
        name="workflow/scripts/train.py",
        version=_version(run),
        softwareRequirements=[
            entities.add(f"#{name}-{quote(version)}", "SoftwareApplication", name=name, softwareVersion=version)
            for name, version in run["versions"].items()
        ],
    )


def _version(commit: dict) -> str:
    """A commit, and whether what ran was that."""
    if commit["commit"] is None:
        return "unknown: not a git checkout"
    return commit["commit"] + (" with uncommitted changes" if commit["dirty"] else "")


def _list(value: Entity | list[Entity]) -> list[Entity]:
    return value if isinstance(value, list) else [value]
