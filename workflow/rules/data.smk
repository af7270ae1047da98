# Raw files from their publishers, and the tensors made of them.
RAW, PREPARED = datasets.RAW, datasets.PREPARED
IDENTITIES = {datasets.folder(cell.data).as_posix(): cell.data for cell in CELLS.values()}


def identity(wildcards):
    return IDENTITIES[f"{PREPARED}/{wildcards.dataset}/{wildcards.variant}"]


def raw_files(wildcards):
    """The raw files of a real dataset; a stand-in needs none."""
    return [f"{RAW}/{wildcards.dataset}/{file}" for file in identity(wildcards).get("files", [])]


rule fetch:
    output:
        f"{RAW}/{{dataset}}/{{file}}",
    params:
        sha256=lambda w: PARAMS.datasets[w.dataset].files[w.file].sha256,
    log:
        f"logs/{RAW}/{{dataset}}/{{file}}.log",
    benchmark:
        f"logs/{RAW}/{{dataset}}/{{file}}.benchmark.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=120,
    conda:
        "../envs/data.yaml"
    script:
        "../scripts/fetch.py"


rule prepare:
    input:
        raw_files,
    output:
        tensors=f"{PREPARED}/{{dataset}}/{{variant}}/tensors.safetensors",
        card=f"{PREPARED}/{{dataset}}/{{variant}}/card.json",
    params:
        identity=identity,
        code=lambda w: digest.code(f"regrade.datasets.{w.dataset}"),
    log:
        f"logs/{PREPARED}/{{dataset}}/{{variant}}.log",
    benchmark:
        f"logs/{PREPARED}/{{dataset}}/{{variant}}.benchmark.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    conda:
        "../envs/data.yaml"
    script:
        "../scripts/prepare.py"
