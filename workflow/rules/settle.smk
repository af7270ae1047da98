# `snakemake settle`: further seeds, in rounds. Its job runs Snakemake again for each of them, since a rule writes its
# files only once in a run.
from regrade.core.files import read_json
from regrade.settle import ledger, summary


localrules:
    settle,


def everything(_):
    """All that there is without further seeds, so that no other job runs beside this one."""
    if PARAMS.settle.hours is None:
        raise WorkflowError(
            "params.yaml: settle.hours is missing; say how many hours further seeds may train, as in "
            "--config 'settle={hours: 2}'"
        )
    return rules.all.input


rule settle:
    input:
        everything,
    output:
        f"{REPORTS}/settle.json",
    log:
        f"logs/{REPORTS}/settle.log",
    benchmark:
        f"logs/{REPORTS}/settle.benchmark.tsv"
    # What a round could not do is for the user to see
    retries: 0
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=lambda w: int(60 * (PARAMS.settle.hours or 0)) + 60,
    params:
        settle=PARAMS.settle.model_dump(),
        cells=lambda w: ledger.digest(CELLS.values()),
    script:
        "../scripts/settle.py"


def say_what_is_settled():
    """After a run of `settle`: print what came of it."""
    if any(job.rule.name == "settle" for job in workflow.dag.jobs):
        print(summary.told(read_json(rules.settle.output[0])), file=sys.stderr)
