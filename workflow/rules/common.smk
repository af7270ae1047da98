# Shared by all: the parameters, checked before any job starts, the cells they ask for, and what jobs take in.
import gc
import os
import sys
from functools import cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.utils import min_version, validate

min_version("9.0")
# A plan consists of many objects that stay: by default, looking for some to clear away takes an eighth of the time
gc.set_threshold(100_000)
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from regrade import batching, cells, datasets, digest, gpus, params, reporting, study_code
from regrade.errors import UserError
from regrade.overlays import merge

# Snakemake puts the keys of overlays first, but cells are named, and listed, in the order of params.yaml
ordered = yaml.safe_load(Path("params.yaml").read_text())
merge(ordered, config)
config.clear()
config.update(ordered)

try:
    PARAMS = params.parse(config)
    CELLS = {cell.folder.as_posix(): cell for cell in cells.expand(PARAMS)}
except UserError as error:
    raise WorkflowError(str(error)) from None
validate(config, params.schema_path(), set_default=False)

IDENTITIES = {datasets.folder(cell.data).as_posix(): cell.data for cell in CELLS.values()}
WORD_VECTORS = {
    datasets.word_vectors_folder(cell.identity).as_posix(): datasets.fitted_identity(cell.identity)
    for cell in CELLS.values()
    if "word_vectors" in cell.identity
}
GPUS_HERE = gpus.count()
BATCHES = batching.batches(CELLS.values(), PARAMS.present_cells_per_job)
SELECTIONS = {cell.selection.path.as_posix(): cell.selection for cell in CELLS.values() if cell.selection}
# What a profile sets for the rule `train` holds for the rules of batches, too
if set_for_train := workflow.resource_settings.overwrite_resources.get("train"):
    workflow.resource_settings.overwrite_resources |= dict.fromkeys(BATCHES, set_for_train)


wildcard_constraints:
    study="[a-z0-9_]+",
    experiment="[a-z0-9_]+",
    dataset="[a-z0-9_]+",
    variant="(real|stand_in)-[0-9a-f]{8}",
    vectors="word_vectors-[0-9a-f]{8}",


def cell_of(wildcards):
    """The cell that a training job's folder belongs to."""
    folder = f"{cells.RESULTS}/{wildcards.study}/{wildcards.experiment}/{wildcards.cell}"
    if folder not in CELLS:
        raise WorkflowError(f"{folder} is no cell of params.yaml; `python -m regrade cells` lists them")
    return CELLS[folder]


def gpus_of_job(wildcards):
    """GPUs that a training job asks for: one, unless it is to run on the CPU or this machine has none."""
    if PARAMS.device != "auto":
        return int(PARAMS.device == "cuda")
    if not workflow.local_exec:
        raise WorkflowError(
            "params.yaml: device: auto asks this machine for a GPU, but jobs run on others; say cuda or cpu, as in "
            "--config device=cuda"
        )
    return int(GPUS_HERE > 0)


def growing(amount):
    """Memory or time of a job, more with each attempt."""
    return lambda wildcards, attempt: amount * attempt


def identity(wildcards):
    """What the prepared dataset in this folder is made of."""
    return IDENTITIES[f"{datasets.PREPARED}/{wildcards.dataset}/{wildcards.variant}"]


@cache
def from_elsewhere(path):
    """Whether this file is there without a record of Snakemake, as the planning begins."""
    return os.path.exists(path) and not workflow.persistence.metadata(IOFile(str(path), rule=None))


def dated(paths, made_of=()):
    """Files as inputs whose dates count, unless they, and all that they were made of, came from elsewhere.

    DVC gives all that it pulls the date of the pull, in any order. A file that has come so is `ancient` as long as
    nothing before it on the way has been made here or is missing: else it is made again itself, and what depends on it
    must follow in the same run, which it does not for an `ancient` input.
    """
    moved = all(from_elsewhere(path) for path in (*paths, *made_of))
    return [ancient(path) if moved else path for path in paths]


def of_cells(study, *names):
    """These files of every cell of a study, each with a date of its own."""
    return [
        file
        for folder, cell in CELLS.items()
        if cell.study == study
        for name in names
        for file in dated([f"{folder}/{name}"])
    ]


def before_tables(study):
    """What the tables of a study are collected from: its cells, and its winners.

    Snakemake does not look at the reasons that a job has of its own when one before it is to run, though its own inputs
    are `ancient`: after a candidate has been trained again, its winner is chosen again, and the tables must follow.
    """
    chosen = [path for path, selection in SELECTIONS.items() if selection.study == study]
    winners = [file for path in chosen for file in dated([path], candidates(path))]
    return of_cells(study, cells.RECORD, cells.HISTORY) + winners


def measurements(study):
    """The file of what a study measures apart from its cells, if it measures anything."""
    return [study_code.measured(study).as_posix()] if study_code.path(study, study_code.MEASURE).exists() else []


def candidates(path):
    """The histories that a winner is chosen by."""
    return [f"{cell.folder}/{cells.HISTORY}" for cell in SELECTIONS[path].candidates]


def before_pages(study):
    """What the pages of a study are made of, in the order of making."""
    made = (rules.collect.output, rules.grade.output)
    return before_tables(study), *(expand(outputs, study=study) for outputs in made)


def collected(wildcards):
    """The collected tables of a study."""
    files, tables, _ = before_pages(wildcards.study)
    return dated(tables, files)


def graded(wildcards):
    """The grades and verdicts of a study."""
    files, tables, grades = before_pages(wildcards.study)
    return dated(grades, [*files, *tables])


def pages(study):
    """What the report of a study consists of."""
    files, tables, grades = before_pages(study)
    return dated(expand(rules.report.output, study=study), [*files, *tables, *grades, *measurements(study)])


def front_page(_):
    """The front page, which is made of all studies' reports."""
    made_of = [
        file
        for study in PARAMS.studies
        for files in (*before_pages(study), measurements(study), expand(rules.report.output, study=study))
        for file in files
    ]
    return dated(rules.front_page.output, [*made_of, *rules.assets.output])


def raw_files(wildcards):
    """The raw files of a real dataset; a stand-in needs none."""
    return dated([f"{datasets.RAW}/{file}" for file in identity(wildcards).get("files", [])])


# Inputs are `ancient`: what they are is part of the cell's name, and their dates mean nothing after a `dvc pull`.
def prepared_data(cell):
    """The folders of the cell's prepared data, and of its word vectors if it starts from any."""
    identity = cell.identity
    folders = [datasets.folder(identity)]
    if "word_vectors" in identity:
        folders.append(datasets.word_vectors_folder(identity))
    return [ancient(folder.as_posix()) for folder in folders]


def fitted_on(wildcards):
    """The prepared dataset that word vectors are fitted on."""
    identity = WORD_VECTORS[f"{datasets.PREPARED}/{wildcards.dataset}/{wildcards.vectors}"]
    return ancient(datasets.folder(identity).as_posix())


def winner(cell):
    """The file that says which settings to take over, for a cell that takes over any."""
    return ancient(cell.selection.path.as_posix()) if cell.selection else []


def report_what_is_there():
    """After a failure: the reports of the cells that are there, which say what is missing."""
    from regrade.reporting import report

    try:
        page = report.write_all(PARAMS)
        print(f"Not everything was made. The report of what is there: {page}", file=sys.stderr)
    except (UserError, OSError) as error:
        print(f"The report of what is there could not be made: {error}", file=sys.stderr)
