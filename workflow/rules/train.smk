# Training: one job per cell with all its seeds, or one per batch of cells. Also the choice of a winner among cells, and
# what a study measures outside its cells.
localrules:
    select_winner,


rule train:
    input:
        data=lambda w: prepared_data(cell_of(w)),
        winner=lambda w: winner(cell_of(w)),
    output:
        [f"{layout.RESULTS}/{{study}}/{{experiment}}/{{cell}}/{name}" for name in layout.FILES],
    log:
        f"logs/{layout.RESULTS}/{{study}}/{{experiment}}/{{cell}}.log",
    benchmark:
        f"logs/{layout.RESULTS}/{{study}}/{{experiment}}/{{cell}}.benchmark.tsv"
    conda:
        "../envs/train.yaml"
    threads: PARAMS.threads
    resources:
        gpu=lambda w: gpus(cell_of(w)),
        mem_mb=growing(lambda w: asked(cell_of(w).folder.as_posix()).megabytes),
        runtime=growing(lambda w: asked(cell_of(w).folder.as_posix()).minutes),
    params:
        code=lambda w: cell_of(w).code,
    script:
        "../scripts/train.py"


# Without wildcards, these rules take precedence over `train`. Only a change of `code` retrains a whole batch; otherwise
# what is missing is trained.
for batch, members in BATCHES.items():
    folders = [cell.folder.as_posix() for cell in members]

    rule:
        name:
            batch
        input:
            data=lambda w, first=members[0]: prepared_data(first),
            winner=lambda w, first=members[0]: winner(first),
        output:
            [f"{cell.folder}/{name}" for cell in members for name in layout.FILES],
        log:
            f"logs/batches/{batch}.log",
        benchmark:
            f"logs/batches/{batch}.benchmark.tsv"
        conda:
            "../envs/train.yaml"
        threads: PARAMS.threads
        resources:
            gpu=lambda w, first=members[0]: gpus(first),
            mem_mb=growing(lambda w, folders=folders: asked(*folders).megabytes),
            runtime=growing(lambda w, folders=folders: asked(*folders).minutes),
        params:
            code=members[0].code,
        script:
            "../scripts/train.py"


rule select_winner:
    input:
        lambda w: dated_unless_pulled(candidates(f"{layout.RESULTS}/{w.study}/{w.experiment}/selected-{w.hash}.json")),
    output:
        f"{layout.RESULTS}/{{study}}/{{experiment}}/selected-{{hash}}.json",
    log:
        f"logs/{layout.RESULTS}/{{study}}/{{experiment}}/selected-{{hash}}.log",
    benchmark:
        f"logs/{layout.RESULTS}/{{study}}/{{experiment}}/selected-{{hash}}.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("select_winner.py"),
    script:
        "../scripts/select_winner.py"


rule measure:
    output:
        f"{layout.RESULTS}/{{study}}/{study_code.MEASUREMENTS}",
    log:
        f"logs/{layout.RESULTS}/{{study}}/measure.log",
    benchmark:
        f"logs/{layout.RESULTS}/{{study}}/measure.benchmark.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        code=lambda w: fingerprints.code(study_code.path(w.study, study_code.MEASURE)),
    script:
        "../scripts/measure.py"
