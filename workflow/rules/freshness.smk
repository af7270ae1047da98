# What counts as new: whose dates count after a `dvc pull`, what is missing on the way to a target, and which cells are
# trained again.
from functools import cache

from snakemake.io import IOFile


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
    record = f"{folder}/{layout.RECORD}"
    of_other_code = os.path.exists(record) and not recorded(record) and CELLS[folder].of_other_code
    return of_other_code or workflow.get_rule("train") in workflow.dag.forcerules


@cache
def pulled(path):
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
    files = [f"{folder}/{name}" for folder in CELLS for name in layout.FILES]
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
            f"{cell.folder}/{layout.RECORD}"
            for cell in CELLS.values()
            if cell.folder not in followed and together.get(cell.folder) not in before_others
        )


def dated_unless_pulled(paths, made_of=()):
    """Files as inputs whose dates count, unless they, and all that they were made of, came from elsewhere.

    DVC gives all that it pulls the date of the pull, in any order. A file that has come so is `ancient` as long as
    nothing before it on the way has been made here or is missing: else it is made again itself, and what depends on it
    must follow in the same run, which it does not for an `ancient` input.
    """
    moved = all(pulled(path) for path in (*paths, *made_of))
    return [ancient(path) if moved else path for path in paths]


def of_cells(study, *names):
    """These files of every cell of a study, each with a date of its own."""
    return [
        file
        for folder, cell in CELLS.items()
        if cell.study == study
        for name in names
        for file in dated_unless_pulled([f"{folder}/{name}"])
    ]


def before_tables(study):
    """What the tables of a study are collected from: its cells, and its winners.

    Snakemake does not look at the reasons that a job has of its own when one before it is to run, though its own inputs
    are `ancient`: after a candidate has been trained again, its winner is chosen again, and the tables must follow.
    """
    chosen = [path for path, selection in SELECTIONS.items() if selection.study == study]
    winners = [file for path in chosen for file in dated_unless_pulled([path], candidates(path))]
    return of_cells(study, layout.RECORD, layout.HISTORY) + winners


def measurements(study):
    """The file of what a study measures apart from its cells, if it measures anything."""
    return [study_code.measured(study).as_posix()] if study_code.path(study, study_code.MEASURE).exists() else []


def candidates(path):
    """The histories that a winner is chosen by."""
    return [f"{cell.folder}/{layout.HISTORY}" for cell in SELECTIONS[path].candidates]


def before_pages(study):
    """What the pages of a study are made of, in the order of making."""
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
    """What the report of a study consists of."""
    files, tables, grades = before_pages(study)
    return dated_unless_pulled(
        expand(rules.report.output, study=study), [*files, *tables, *grades, *measurements(study)]
    )


def front_page(_):
    """The front page, which is made of all studies' reports."""
    made_of = [
        file
        for study in PARAMS.studies
        for files in (*before_pages(study), measurements(study), expand(rules.report.output, study=study))
        for file in files
    ]
    return dated_unless_pulled(rules.front_page.output, [*made_of, *rules.assets.output])
