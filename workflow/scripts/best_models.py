"""Copies the best model of each experiment of one study to a name that stays."""

from pathlib import Path

from regrade.entry import job

with job(snakemake):
    from regrade import cells, params
    from regrade.reporting import best_models, report

    parameters = params.parse(snakemake.config)
    evidence = report.evidence(parameters, snakemake.wildcards.study, cells.expand(parameters))
    best_models.write(evidence, Path(snakemake.output[0]))
