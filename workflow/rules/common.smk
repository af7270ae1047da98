# Shared by all rules: the parameters, checked before any job starts; the cells they ask for; the jobs' inputs.
import gc
import os
from functools import cache
from pathlib import Path

from snakemake.cli import get_argument_parser
from snakemake.utils import min_version, validate

min_version("9.0")
# A plan consists of many long-lived objects; by default, garbage collection takes an eighth of the planning time
gc.set_threshold(100_000)

from regrade.cells import batching, expansion, layout, progress, set_aside
from regrade.costs import rates, requests
from regrade.costs.model import Model
from regrade.datasets import registry
from regrade.datasets.identity import PREPARED, RAW
from regrade.core import files, fingerprints, targets
from regrade.runtime import gpus
from regrade.config import messages, overlays, params, places
from regrade.checking import references
from regrade import reporting
from regrade.reporting import study_code
from regrade.settle import summary

try:
    # Our own reader, as in `regrade`: Snakemake's reads 1e-05 as a text and silently keeps the last of two
    # equal keys. Overlays apply in the order of the command line; keys keep the order of params.yaml
    given = [*map(os.path.relpath, workflow.config_settings.configfiles)], workflow.config_settings.config_args or ()
    PARAMS = params.parse(PLANNED or overlays.merged(*given))
    CELLS = {cell.folder.as_posix(): cell for cell in expansion.expand(PARAMS)}
    references.check(PARAMS, CELLS.values())
    COSTS = Model(PARAMS, rates.known(PARAMS.device))
    if PLANNED and workflow.is_main_process:
        plan.hold_all(CELLS.values())
    for study in PARAMS.studies:
        fingerprints.code(*(study_code.path(study, name) for name in (study_code.FIGURES, study_code.MEASURE)))
except UserError as error:
    raise WorkflowError(str(error) if PLANNED else places.placed(str(error), *given)) from None


if PLANNED is None:

    configfile: overlays.BASE


config.clear()
config.update(PARAMS.model_dump(by_alias=True, exclude_unset=True))
validate(config, params.schema_path(), set_default=False)

IDENTITIES = {cell.data.folder.as_posix(): cell.data for cell in CELLS.values()}
WORD_VECTORS = {
    cell.needed_data.word_vectors_folder.as_posix(): cell.needed_data.fitted
    for cell in CELLS.values()
    if cell.needed_data.word_vectors
}
GPUS_HERE = gpus.count()
BATCHES = batching.batches(CELLS.values(), PARAMS.present_cells_per_job)
SELECTIONS = {cell.selection.path.as_posix(): cell.selection for cell in CELLS.values() if cell.selection}
# What a profile or the command line sets for the rule `train` also applies to the rules of batches
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


def require_known(target):
    """WorkflowError for a file that was asked for, of a study or of data that the parameters do not have.

    Else a rule that makes such files would look for them, and Snakemake show a traceback.
    """
    path = os.path.relpath(target)
    match Path(path).parts:
        case ("reports" | "results", study, _, *_) | ("models", study, *_) if study not in (
            *PARAMS.studies,
            *params.NOT_STUDIES,
        ):
            raise WorkflowError(f"{path}: {messages.no_study(study, PARAMS.studies)}")
        case ("results", _, _, cell, *_) if path not in SELECTIONS and "/".join(Path(path).parts[:4]) not in CELLS:
            raise WorkflowError(f"{path} is of no cell of params.yaml; `regrade cells` lists them")
        case ("data", "raw", dataset, file) if file not in getattr(PARAMS.datasets.get(dataset), "files", ()):
            raise WorkflowError(
                f"{path} is no file of params.yaml; give its address under datasets, or correct the name"
            )
        case ("data", "prepared", dataset, _) if path not in IDENTITIES and path not in WORD_VECTORS:
            raise WorkflowError(f"{path} is not asked for by params.yaml; snakemake -- prepare_all makes what is")


# Snakemake itself looks at targets only when all rules are read, and of an option given twice takes the last only
if workflow.is_main_process and Path(sys.argv[0]).name == "snakemake":
    for option, other in (("--configfile", "--configfiles"), ("--config", "-C")):
        if sum(argument.partition("=")[0] in (option, other) for argument in sys.argv[1:]) > 1:
            raise WorkflowError(
                f"{option} is there twice, and only the last would count; write one, with all values after it"
            )
    for target in get_argument_parser().parse_args(sys.argv[1:]).targets:
        require_known(target)


def cell_of(wildcards):
    """The cell that a training job's folder belongs to."""
    return CELLS[f"{layout.RESULTS}/{wildcards.study}/{wildcards.experiment}/{wildcards.cell}"]


def gpus(cell):
    """GPUs that the training job of a cell asks for: one, unless it runs on the CPU or this machine has none."""
    if cell.on_cpu:
        return 0
    if PARAMS.device != "auto":
        return int(PARAMS.device == "cuda")
    if not workflow.local_exec:
        raise WorkflowError(
            "params.yaml: device: auto asks this machine for a GPU, but jobs run on others; say cuda or cpu, as in "
            "--config device=cuda"
        )
    return int(GPUS_HERE > 0)


def growing(amount):
    """Memory or time of a job; grows with each attempt. `amount`: a number, or what gives it for the wildcards."""
    first = amount if callable(amount) else lambda wildcards: amount
    return lambda wildcards, attempt: first(wildcards) * attempt


@cache
def asked(*folders):
    """Time and memory that the job asks for which trains the cells in these folders."""
    return requests.request([CELLS[folder] for folder in folders], COSTS)


@cache
def code_of(script):
    """Digest of a script in workflow/scripts/ and of everything it imports."""
    return plan.code(SCRIPTS / script)


def identity(wildcards):
    """The identity of the prepared dataset in this folder."""
    return IDENTITIES[f"{PREPARED}/{wildcards.dataset}/{wildcards.variant}"]


def raw_files(wildcards):
    """The raw files of a real dataset; a stand-in needs none."""
    return dated_unless_pulled([f"{RAW}/{file}" for file in identity(wildcards).files])


# Inputs are `ancient`: their identity is part of the cell's name, and their dates mean nothing after a `dvc pull`.
def prepared_data(cell):
    """The folders of the cell's prepared data, and of its word vectors if it starts from any."""
    # Called in every plan that has a training job, finished or not: every plan that may need completing
    complete_plan()
    return [ancient(folder.as_posix()) for folder in cell.needed_data.folders]


def fitted_on(wildcards):
    """The prepared dataset that word vectors are fitted on."""
    identity = WORD_VECTORS[f"{PREPARED}/{wildcards.dataset}/{wildcards.vectors}"]
    return ancient(identity.folder.as_posix())


def winner(cell):
    """The file with the settings that a cell takes over from a winner; none if it takes over nothing."""
    if not cell.selection:
        return []
    path = cell.selection.path.as_posix()
    # Only if its date counts does a cell wait for a winner that is chosen again
    return (
        path
        if any(retrained(candidate.folder.as_posix()) for candidate in cell.selection.candidates)
        else ancient(path)
    )


def report_what_is_there():
    """After a failure: write the reports of the cells that exist; they say what is missing."""
    from regrade.reporting import report

    try:
        page = report.write_all(PARAMS)
        print(f"Not everything was made. The report of what is there: {page}", file=sys.stderr)
    except (UserError, OSError) as error:
        print(f"The report of what is there could not be made: {error}", file=sys.stderr)


def everything_before_settling(_):
    """All that there is without further seeds, so that no other job runs beside this one; nothing, if that is to stay."""
    if PARAMS.settle.hours is None:
        raise WorkflowError(
            "params.yaml: settle.hours is missing; say how many hours further seeds may train, as in "
            "--config 'settle={hours: 2}'"
        )
    from regrade.settle import overlay  # here, as it takes a second that other targets need not wait

    try:
        targets.require_own(overlay.OF_SETTLE, overlay.beginning(overlay.SETTLE), option="", instead="move it away")
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return [] if PARAMS.settle.only_trained else rules.all.input


def say_what_is_settled():
    """After a run of `settle`: print what came of it."""
    if any(job.rule.name == "settle" for job in workflow.dag.jobs):
        print(summary.told(files.read_json(rules.settle.output[0])), file=sys.stderr)
