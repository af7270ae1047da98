# `snakemake settle`: further seeds, in rounds. Its job runs Snakemake again for each of them, since a rule writes its
# files only once in a run.
from regrade.settle import ledger


localrules:
    settle,


rule settle:
    input:
        everything_before_settling,
    output:
        f"{REPORTS}/settle.json",
    log:
        f"logs/{REPORTS}/settle.log",
    benchmark:
        f"logs/{REPORTS}/settle.benchmark.tsv"
    # What a round could not do is for the user to see
    retries: 0
    # With Snakemake, which it runs
    conda:
        "../envs/settle.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=lambda w: int(60 * (PARAMS.settle.hours or 0)) + 60,
    params:
        settle=PARAMS.settle.model_dump(),
        cells=lambda w: ledger.digest(CELLS.values()),
    script:
        "../scripts/settle.py"
