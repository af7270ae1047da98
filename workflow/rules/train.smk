# One job per cell, all its seeds inside it; and the choice of a winner among cells.
GPUS = gpus()


rule train:
    input:
        data=prepared_data,
        winner=winner,
    output:
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.HISTORY}",
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.PREDICTIONS}",
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.MODEL}",
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.RECORD}",
    log:
        f"logs/{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}.log",
    benchmark:
        f"logs/{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}.benchmark.tsv"
    conda:
        "../envs/train.yaml"
    threads: PARAMS.threads
    resources:
        gpu=GPUS,
        mem_mb=lambda w, attempt: 4000 * attempt,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        code=lambda w: cell_of(w).configuration().code,
    script:
        "../scripts/train.py"


rule select_winner:
    input:
        lambda w: [
            f"{cell.folder}/{cells.HISTORY}"
            for cell in SELECTIONS[f"{cells.RESULTS}/{w.study}/{w.experiment}/selected-{w.hash}.json"].candidates
        ],
    output:
        f"{cells.RESULTS}/{{study}}/{{experiment}}/selected-{{hash}}.json",
    log:
        f"logs/{cells.RESULTS}/{{study}}/{{experiment}}/selected-{{hash}}.log",
    benchmark:
        f"logs/{cells.RESULTS}/{{study}}/{{experiment}}/selected-{{hash}}.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/select_winner.py"
