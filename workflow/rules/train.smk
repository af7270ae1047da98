# One job per cell, all its seeds inside it; and the choice of a winner among cells.
GPUS = gpus()


# Inputs are `ancient`: what they are is part of the cell's name, and their dates mean nothing after a `dvc pull`.
def prepared_data(wildcards):
    return ancient(f"{datasets.folder(cell_of(wildcards).data)}/tensors.safetensors")


def winner(wildcards):
    """The file that says which settings to take over, for a cell that takes over any."""
    selection = cell_of(wildcards).selection
    return ancient(selection.path.as_posix()) if selection else []


rule train:
    input:
        data=prepared_data,
        winner=winner,
    output:
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.HISTORY}",
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.PREDICTIONS}",
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.MODEL}",
        f"{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{cells.RECORD}",
    params:
        code=lambda w: cell_of(w).configuration().code,
    log:
        f"logs/{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}.log",
    benchmark:
        f"logs/{cells.RESULTS}/{{study}}/{{experiment}}/{{cell}}.benchmark.tsv"
    threads: PARAMS.threads
    resources:
        gpu=GPUS,
        mem_mb=lambda w, attempt: 4000 * attempt,
        runtime=lambda w, attempt: 240 * attempt,
    conda:
        "../envs/train.yaml"
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
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../envs/report.yaml"
    script:
        "../scripts/select_winner.py"
