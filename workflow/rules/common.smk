# Shared by all: the parameters, checked before any job starts, the cells they ask for, and what jobs take in.
import gc
import os
from functools import cache
from pathlib import Path

from snakemake.io import IOFile
from snakemake.utils import min_version, validate

min_version("9.0")
# A plan consists of many objects that stay: by default, looking for some to clear away takes an eighth of the time
gc.set_threshold(100_000)

from regrade import batching, cells, datasets, digest, gpus, overlays, params, references, reporting, study_code

try:
    # Read by our own reader, as `python -m regrade` does: Snakemake's takes 1e-05 for a text, and the last of two equal
    # keys; overlays come in the order of the command line, keys in that of params.yaml
    given = workflow.config_settings
    PARAMS = params.parse(PLANNED or overlays.merged(map(os.path.relpath, given.configfiles), given.config_args or ()))
    CELLS = {cell.folder.as_posix(): cell for cell in cells.expand(PARAMS)}
    references.check(PARAMS, CELLS.values())
except UserError as error:
    raise WorkflowError(str(error)) from None


if PLANNED is None:

    configfile: overlays.BASE


config.clear()
config.update(PARAMS.model_dump(by_alias=True, exclude_unset=True))
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
# What a profile or the command line sets for the rule `train` holds for the rules of batches, too
for name in ("overwrite_resources", "overwrite_threads"):
    settings = getattr(workflow.resource_settings, name)
    if "train" in settings:
        setattr(workflow.resource_settings, name, settings | dict.fromkeys(BATCHES, settings["train"]))


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
def recorded(path):
    """Whether Snakemake has a record of how this file was made."""
    return bool(workflow.persistence.metadata(IOFile(str(path), rule=None)))


@cache
def retrained(folder):
    """Whether the cell in this folder is to be trained again in this run, though it is there.

    That is so if the user says so by --forcerun train, and if it came from elsewhere, trained there by other code.
    """
    if folder not in CELLS:
        return False
    record = f"{folder}/{cells.RECORD}"
    of_other_code = os.path.exists(record) and not recorded(record) and CELLS[folder].of_other_code
    return of_other_code or workflow.get_rule("train") in workflow.dag.forcerules


@cache
def from_elsewhere(path):
    """Whether this file is there without a record of Snakemake, as the planning begins, and may stay."""
    return os.path.exists(path) and not recorded(path) and not retrained(os.path.dirname(path))


@cache
def complete_plan():
    """Add to the plan, while Snakemake looks for its jobs, what Snakemake would leave out."""
    make_whole(workflow.dag)
    include_batches(workflow.dag)


def make_whole(dag):
    """Have made what is missing on the way to a file that is there, and cells trained again where that is due.

    Of itself, Snakemake makes a file that is missing only when it is asked for, or when what needs it is to be made.
    """
    files = [f"{folder}/{name}" for folder in CELLS for name in cells.FILES]
    files += [*SELECTIONS, *rules.front_page.output, *rules.assets.output]
    for made in (rules.collect, rules.grade, rules.report, rules.best_models):
        files += expand(made.output, study=PARAMS.studies)
    files += [file for study in PARAMS.studies for file in measurements(study)]
    dag.forcefiles.update(file for file in files if not os.path.exists(file) or retrained(os.path.dirname(file)))


def include_batches(dag):
    """Let --until, --omit-from, --forcerun and --prioritize with `train` hold for all training, in batches or not."""
    if "train" in dag.omitrules:
        dag.omitrules.update(BATCHES)
    for chosen in (dag.forcerules, dag.priorityrules):
        if workflow.get_rule("train") in chosen:
            chosen.update(map(workflow.get_rule, BATCHES))
    if "train" in dag.untilrules:
        # Snakemake would end at the first training, before that of the cells that follow its winner
        dag.untilrules.remove("train")
        followed = {cell.folder for selection in SELECTIONS.values() for cell in selection.candidates}
        before_others = {batch for batch, members in BATCHES.items() if followed & {cell.folder for cell in members}}
        together = {cell.folder: batch for batch, members in BATCHES.items() for cell in members}
        dag.untilfiles.update(
            f"{cell.folder}/{cells.RECORD}"
            for cell in CELLS.values()
            if cell.folder not in followed and together.get(cell.folder) not in before_others
        )


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
    # Asked for in each plan with a training job, finished or not, so in each that the completion is about
    complete_plan()
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
    if not cell.selection:
        return []
    path = cell.selection.path.as_posix()
    # A cell that is to be trained again waits for its winner only if its date counts
    return (
        path
        if any(retrained(candidate.folder.as_posix()) for candidate in cell.selection.candidates)
        else ancient(path)
    )


def report_what_is_there():
    """After a failure: the reports of the cells that are there, which say what is missing."""
    from regrade.reporting import report

    try:
        page = report.write_all(PARAMS)
        print(f"Not everything was made. The report of what is there: {page}", file=sys.stderr)
    except (UserError, OSError) as error:
        print(f"The report of what is there could not be made: {error}", file=sys.stderr)
