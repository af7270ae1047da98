"""Collects the runs of one study in a bundle."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.bundle import collect
    from regrade.cells import expansion
    from regrade.config import params
    from regrade.statistics import BUNDLE, REPORTS

    parameters, study = params.parse(snakemake.config), snakemake.wildcards.study
    collect.bundle(study, parameters, expansion.expand(parameters)).write(REPORTS / study / BUNDLE)
