# Raw files from their publishers, and the tensors prepared from them.


# Compute nodes of a cluster often have no internet access
localrules:
    fetch,


rule fetch:
    output:
        f"{RAW}/{{dataset}}/{{file}}",
    log:
        f"logs/{RAW}/{{dataset}}/{{file}}.log",
    benchmark:
        f"logs/{RAW}/{{dataset}}/{{file}}.benchmark.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(120),
    params:
        sha256=lambda w: PARAMS.datasets[w.dataset].files[w.file].sha256,
    script:
        "../scripts/fetch.py"


rule prepare:
    input:
        raw_files,
    output:
        directory(f"{PREPARED}/{{dataset}}/{{variant}}"),
    log:
        f"logs/{PREPARED}/{{dataset}}/{{variant}}.log",
    benchmark:
        f"logs/{PREPARED}/{{dataset}}/{{variant}}.benchmark.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        identity=lambda w: identity(w).parts,
    script:
        "../scripts/prepare.py"


rule fit_word_vectors:
    input:
        fitted_on,
    output:
        directory(f"{PREPARED}/{{dataset}}/{{vectors}}"),
    log:
        f"logs/{PREPARED}/{{dataset}}/{{vectors}}.log",
    benchmark:
        f"logs/{PREPARED}/{{dataset}}/{{vectors}}.benchmark.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        identity=lambda w: WORD_VECTORS[f"{PREPARED}/{w.dataset}/{w.vectors}"].parts,
    script:
        "../scripts/fit_word_vectors.py"
