"""Copies the best model of each experiment of one study to a name that stays."""

from regrade.jobs.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade.cells import expansion
    from regrade.config import params
    from regrade.reporting.exports import best_models
    from regrade.statistics import measurements

    parameters, study = params.parse(snakemake.config), snakemake.wildcards.study
    measured = measurements.measured(study, expansion.expand(parameters))
    best_models.write(measured, parameters.studies[study], Path(snakemake.output[0]))
