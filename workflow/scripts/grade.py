"""Grades one study: its reported numbers and its claims."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.cells import expansion
    from regrade.config import params
    from regrade.statistics import grading, measurements

    parameters, study = params.parse(snakemake.config), snakemake.wildcards.study
    measured = measurements.measured(study, expansion.expand(parameters))
    grading.write(study, grading.grade(study, parameters, measured))
