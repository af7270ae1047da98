"""Writes the page of one study, its tables and figures."""

from regrade.jobs import logged

with logged(snakemake.log[0]):
    from regrade import cells, params
    from regrade.reporting import page, report

    study = snakemake.wildcards.study
    parameters = params.parse(snakemake.config)
    page.write_study(report.evidence(parameters, study, cells.expand(parameters)), report.REPORTS / study)
