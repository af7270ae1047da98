"""Writes the pages of one study, its tables and figures."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.reporting import evidence
    from regrade.reporting.exports import dvc
    from regrade.reporting.pages import site
    from regrade.statistics import REPORTS

    study = snakemake.wildcards.study
    of_study = evidence.read(study)
    site.write_study(of_study, REPORTS / study)
    dvc.write(of_study, REPORTS / study)
