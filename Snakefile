# Regrade: from raw data to graded reports. params.yaml decides what is run; see README.md.
include: "workflow/rules/checkout.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/freshness.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"


# Every file is listed: if a page exists, such as one written by `onerror`, Snakemake does not make what is missing on
# the way to it.
rule all:
    default_target: True
    input:
        rules.front_page.output,
        rules.crate.output,
        expand(
            [*rules.collect.output, *rules.grade.output, *rules.audit.output, *rules.report.output],
            study=PARAMS.studies,
        ),
        expand(rules.best_models.output, study=PARAMS.studies),
        [f"{folder}/{name}" for folder in CELLS for name in layout.FILES],


rule fetch_all:
    input:
        [f"{RAW}/{file}" for identity in IDENTITIES.values() for file in identity.files],


rule prepare_all:
    input:
        [*IDENTITIES, *WORD_VECTORS],


rule train_all:
    input:
        [f"{folder}/{name}" for folder in CELLS for name in layout.FILES],
        [file for study in PARAMS.studies for file in measurements(study)],


# One target per stage of dvc.yaml: one dataset or one study at a time
for dataset in registry.names(PARAMS.datasets):

    rule:
        name:
            f"prepare_{dataset}"
        input:
            [folder for folder in (*IDENTITIES, *WORD_VECTORS) if folder.startswith(f"{PREPARED}/{dataset}/")],


for study in PARAMS.studies:

    rule:
        name:
            f"train_{study}"
        input:
            [f"{folder}/{name}" for folder, cell in CELLS.items() if cell.study == study for name in layout.FILES],
            measurements(study),


include: "workflow/rules/settle.smk"


onstart:
    workflow.config_settings.configfiles = [plan.keep(config, CELLS.values(), sys.argv[1:])]
    workflow.config_settings.config_args = ""
    set_aside.keep(cells_to_train())


onsuccess:
    say_what_is_settled()


onerror:
    # After a round of `settle`, the run that it belongs to reports
    if PLANNED is None:
        report_what_is_there()
