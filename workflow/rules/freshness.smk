# What has to run: which files' dates count after a `dvc pull`, what is missing on the way to a target, and which cells
# are retrained.
from functools import cache

from snakemake.io import IOFile


@cache
def recorded(path):
    """Whether Snakemake has a record of how this file was made."""
    return bool(workflow.persistence.metadata(IOFile(str(path), rule=None)))


@cache
def retrained(folder):
    """Whether this run retrains the cell in this folder although it exists.

    True with --forcerun train; for a cell that lacks a seed, or followed another winner than there is now; and for one
    that came from elsewhere, where different code trained it.
    """
    if folder not in CELLS:
        return False
    record = f"{folder}/{layout.RECORD}"
    of_other_code = os.path.exists(record) and not recorded(record) and CELLS[folder].of_other_code
    outdated = of_other_code or progress.is_outdated(CELLS[folder])
    return outdated or workflow.get_rule("train") in workflow.dag.forcerules


@cache
def of_other_cells(study):
    """Whether the last report of a study is of other cells than those of these parameters.

    A run that fails or is stopped, and `regrade report`, write reports past Snakemake, whose record of them is then that
    of an earlier run.
    """
    path = f"{REPORTS}/{study}/{statistics.BUNDLE}/{bundle.MANIFEST}"
    if not os.path.exists(path):
        return False
    try:
        manifest = files.read_json(path)
        shown = manifest["scale"], {(cell["experiment"], cell["name"]) for cell in manifest["cells"]}
    except (UserError, KeyError, TypeError):  # what is damaged is named by the job that reads it
        return False
    return shown != (PARAMS.scale, {(cell.experiment, cell.name) for cell in CELLS.values() if cell.study == study})


@cache
def pulled(path):
    """Whether, when planning begins, this file exists without a record of Snakemake and may stay."""
    top, study, *_ = [*Path(path).parts, ""]
    if top == str(REPORTS) and study in PARAMS.studies and of_other_cells(study):
        return False
    return os.path.exists(path) and not recorded(path) and not retrained(os.path.dirname(path))


@cache
def complete_plan():
    """Add to the plan what Snakemake would leave out; runs while Snakemake looks for its jobs."""
    make_whole(workflow.dag)
    include_batches(workflow.dag)


def cells_to_train():
    """The cells that the jobs of this run train."""
    records = {file for job in workflow.dag.needrun_jobs() for file in job.output}
    return [cell for folder, cell in CELLS.items() if f"{folder}/{layout.RECORD}" in records]


def make_whole(dag):
    """Make what is missing on the way to files that exist, and retrain the cells that need it.

    By itself, Snakemake makes a missing file only if it is requested or if a file that needs it is to be made.
    """
    files = [f"{folder}/{name}" for folder in CELLS for name in layout.FILES]
    files += [*SELECTIONS, *rules.front_page.output, *rules.assets.output]
    for made in (rules.collect, rules.grade, rules.audit, rules.report, rules.best_models):
        files += expand(made.output, study=PARAMS.studies)
    files += [file for study in PARAMS.studies for file in measurements(study)]
    dag.forcefiles.update(file for file in files if not os.path.exists(file) or retrained(os.path.dirname(file)))
    for study in filter(of_other_cells, PARAMS.studies):
        dag.forcefiles.update(expand(rules.collect.output, study=study))


def include_batches(dag):
    """Apply --until, --omit-from, --forcerun and --prioritize with `train` to all training, batched or not."""
    if "train" in dag.omitrules:
        dag.omitrules.update(BATCHES)
    for chosen in (dag.forcerules, dag.priorityrules):
        if workflow.get_rule("train") in chosen:
            chosen.update(map(workflow.get_rule, BATCHES))
    if "train" in dag.untilrules:
        # Snakemake would stop at the first training jobs, before the cells that follow their winner
        dag.untilrules.remove("train")
        followed = {cell.folder for selection in SELECTIONS.values() for cell in selection.candidates}
        before_others = {batch for batch, members in BATCHES.items() if followed & {cell.folder for cell in members}}
        together = {cell.folder: batch for batch, members in BATCHES.items() for cell in members}
        dag.untilfiles.update(
            f"{cell.folder}/{layout.RECORD}"
            for cell in CELLS.values()
            if cell.folder not in followed and together.get(cell.folder) not in before_others
        )


def dated_unless_pulled(paths, made_of=()):
    """Files as inputs whose dates count, unless they and everything they were made of came from elsewhere.

    DVC gives all pulled files the date of the pull, in no particular order. A pulled file is `ancient` as long as
    nothing upstream was made here or is missing. Otherwise it is rebuilt itself, and what depends on it must follow in
    the same run, which Snakemake does not do for an `ancient` input.
    """
    moved = all(pulled(path) for path in (*paths, *made_of))
    return [ancient(path) if moved else path for path in paths]


def of_cells(study, *names):
    """These files of every cell of a study; whether its date counts is decided file by file."""
    return [
        file
        for folder, cell in CELLS.items()
        if cell.study == study
        for name in names
        for file in dated_unless_pulled([f"{folder}/{name}"])
    ]


def before_tables(study):
    """What the tables of a study are collected from: its cells and its winners.

    When an upstream job is to run, Snakemake skips a job's own reasons to run, even if the job's inputs are `ancient`.
    So winners are inputs: after a candidate is retrained, its winner is chosen again, and the tables must follow.
    """
    chosen = [path for path, selection in SELECTIONS.items() if selection.study == study]
    winners = [file for path in chosen for file in dated_unless_pulled([path], candidates(path))]
    return of_cells(study, layout.RECORD, layout.HISTORY) + winners


def measurements(study):
    """The file of what a study measures outside its cells, if it measures anything."""
    return [study_code.measured(study).as_posix()] if study_code.path(study, study_code.MEASURE).exists() else []


def audits(study):
    """The file of how often the verdicts on a study's claims would be wrong."""
    return expand(rules.audit.output, study=study)


def candidates(path):
    """The histories from which a winner is chosen."""
    return [f"{cell.folder}/{layout.HISTORY}" for cell in SELECTIONS[path].candidates]


def before_pages(study):
    """What the pages of a study are made of, in the order in which it is made."""
    made = (rules.collect.output, rules.grade.output)
    return before_tables(study), *(expand(outputs, study=study) for outputs in made)


def collected(wildcards):
    """The collected tables of a study."""
    files, tables, _ = before_pages(wildcards.study)
    return dated_unless_pulled(tables, files)


def graded(wildcards):
    """The grades and verdicts of a study."""
    files, tables, grades = before_pages(wildcards.study)
    return dated_unless_pulled(grades, [*files, *tables])


def pages(study):
    """The files of a study's report."""
    files, tables, grades = before_pages(study)
    return dated_unless_pulled(
        expand(rules.report.output, study=study), [*files, *tables, *grades, *audits(study), *measurements(study)]
    )


def front_page(_):
    """The front page, which is made from the reports of all studies."""
    made_of = [
        file
        for study in PARAMS.studies
        for files in (
            *before_pages(study),
            audits(study),
            measurements(study),
            expand(rules.report.output, study=study),
        )
        for file in files
    ]
    return dated_unless_pulled(rules.front_page.output, [*made_of, *rules.assets.output])
