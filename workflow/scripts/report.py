"""Writes the pages of one study, its tables and figures."""

from regrade.entry import job

with job(snakemake):
    from regrade import cells, params
    from regrade.reporting import metrics, report, site

    study = snakemake.wildcards.study
    parameters = params.parse(snakemake.config)
    evidence, folder = report.evidence(parameters, study, cells.expand(parameters)), report.REPORTS / study
    site.write_study(evidence, folder)
    metrics.write(evidence, folder)
