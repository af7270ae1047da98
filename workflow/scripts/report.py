"""Writes the pages of one study, its tables and figures."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.cells import expansion
    from regrade.config import params
    from regrade.reporting import evidence
    from regrade.reporting.exports import dvc
    from regrade.reporting.pages import site
    from regrade.statistics import REPORTS

    parameters, study = params.parse(snakemake.config), snakemake.wildcards.study
    of_study = evidence.read(parameters, study, expansion.expand(parameters))
    site.write_study(of_study, REPORTS / study)
    dvc.write(of_study, REPORTS / study)
