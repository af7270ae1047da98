# From the cells' folders to reports/: each study's collected tables, grades and pages; the front page and the RO-Crate.
from regrade import bundle, statistics
from regrade.config import studies
from regrade.reporting.pages import assets
from regrade.statistics import audit as auditing
from regrade.statistics import reference

REPORTS, MODELS = statistics.REPORTS, reporting.MODELS


# These take a few seconds each: not worth queueing on a cluster
localrules:
    collect,
    grade,
    audit,
    assets,
    front_page,
    crate,


rule collect:
    input:
        lambda w: before_tables(w.study),
    output:
        [f"{REPORTS}/{{study}}/{statistics.BUNDLE}/{name}" for name in (*bundle.TABLES, bundle.MANIFEST)],
    log:
        f"logs/{REPORTS}/{{study}}/collect.log",
    benchmark:
        f"logs/{REPORTS}/{{study}}/collect.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=code_of("collect.py"),
        # If the clock was set back, dates alone do not show that a cell was retrained
        trained_by=lambda w: [cell.code for cell in CELLS.values() if cell.study == w.study],
        described=lambda w: [
            PARAMS.studies[w.study].model_dump(include={"title", "source", "assumptions"}),
            PARAMS.present_scale.at_most.model_dump(),
            [look.model_dump() for look in PARAMS.looks],
            [
                experiment.model_dump(include={"title", "names", "at_most", "converged_at", "converged_on"})
                for experiment in PARAMS.studies[w.study].experiments.values()
            ],
        ],
        # What the source did, and the winners that it reports
        stated=lambda w: fingerprints.content(*plan.read_by(SCRIPTS / "collect.py", w.study)),
    script:
        "../scripts/collect.py"


rule grade:
    input:
        collected,
    output:
        f"{REPORTS}/{{study}}/{statistics.CLAIMS}",
        f"{REPORTS}/{{study}}/{statistics.GRADES}",
        f"{REPORTS}/{{study}}/{statistics.REFERENCE}",
    log:
        f"logs/{REPORTS}/{{study}}/grade.log",
    benchmark:
        f"logs/{REPORTS}/{{study}}/grade.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=code_of("grade.py"),
        stated=lambda w: fingerprints.content(studies.folder(w.study)),
        reference=lambda w: fingerprints.content(reference.FOLDER / w.study),
    script:
        "../scripts/grade.py"


# Nothing that is trained is an input: verdicts are audited on made-up runs
rule audit:
    output:
        f"{REPORTS}/{{study}}/{statistics.AUDIT}",
    log:
        f"logs/{REPORTS}/{{study}}/audit.log",
    benchmark:
        f"logs/{REPORTS}/{{study}}/audit.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=code_of("audit.py"),
        design=lambda w: auditing.design(w.study, PARAMS, CELLS.values(), PARAMS.present_audit_worlds),
    script:
        "../scripts/audit.py"


rule report:
    input:
        collected,
        graded,
        lambda w: dated_unless_pulled(audits(w.study)),
        lambda w: dated_unless_pulled(measurements(w.study)),
    output:
        metrics=f"{REPORTS}/{{study}}/{reporting.METRICS}",
        plots=[f"{REPORTS}/{{study}}/{name}" for name in (reporting.PLOTTED_CURVES, reporting.PLOTTED_CELLS)],
        # Not in Snakemake's own report, which would separate pages from their style sheet and from each other
        page=f"{REPORTS}/{{study}}/{reporting.PAGE}",
        compare=f"{REPORTS}/{{study}}/{reporting.COMPARE}",
        cells=directory(f"{REPORTS}/{{study}}/{reporting.CELLS}"),
        histories=directory(f"{REPORTS}/{{study}}/{reporting.HISTORIES}"),
        tables=report(
            directory(f"{REPORTS}/{{study}}/{reporting.TABLES}"),
            patterns=["{table}.csv"],
            category="{study}",
            subcategory="tables",
            caption="../report/table.rst",
        ),
        figures=report(
            directory(f"{REPORTS}/{{study}}/{reporting.FIGURES}"),
            patterns=["{figure}.svg"],
            category="{study}",
            subcategory="figures",
            caption="../report/figure.rst",
        ),
    log:
        f"logs/{REPORTS}/{{study}}/report.log",
    benchmark:
        f"logs/{REPORTS}/{{study}}/report.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=code_of("report.py"),
        own_code=lambda w: fingerprints.code(study_code.path(w.study, study_code.FIGURES)),
        layout=lambda w: fingerprints.content(reporting.TEMPLATES, studies.folder(w.study)),
    script:
        "../scripts/report.py"


rule best_models:
    input:
        collected,
        lambda w: of_cells(w.study, layout.MODEL, layout.RECORD),
    output:
        directory(f"{MODELS}/{{study}}"),
    log:
        f"logs/{MODELS}/{{study}}.log",
    benchmark:
        f"logs/{MODELS}/{{study}}.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("best_models.py"),
    script:
        "../scripts/best_models.py"


rule assets:
    output:
        directory(f"{REPORTS}/{reporting.ASSETS}"),
    log:
        f"logs/{REPORTS}/assets.log",
    benchmark:
        f"logs/{REPORTS}/assets.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("assets.py"),
        files=fingerprints.content(assets.FOLDER),
    script:
        "../scripts/assets.py"


rule front_page:
    input:
        lambda w: [path for study in PARAMS.studies for path in pages(study)],
        lambda w: dated_unless_pulled(rules.assets.output),
    output:
        f"{REPORTS}/{reporting.PAGE}",
    log:
        f"logs/{REPORTS}/front_page.log",
    benchmark:
        f"logs/{REPORTS}/front_page.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("front_page.py"),
        layout=fingerprints.content(reporting.TEMPLATES),
    script:
        "../scripts/front_page.py"


rule crate:
    input:
        lambda w: [file for study in PARAMS.studies for file in of_cells(study, layout.RECORD)],
        front_page,
        "CITATION.cff",
        "LICENSE",
    output:
        reporting.CRATE,
    log:
        "logs/crate.log",
    benchmark:
        "logs/crate.benchmark.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("crate.py"),
        snakemake=snakemake.__version__,
    script:
        "../scripts/crate.py"
